"""What is known of a release on trial, look by look."""
