"""WHAT RUNS: one folder per Lambda function, and what they share."""
