"""What a processor gave up is read back from its stream and kept, before the stream forgets it."""
