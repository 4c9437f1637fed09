"""Lambda functions: how they run, fail, log and are counted."""
