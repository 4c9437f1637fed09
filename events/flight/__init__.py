"""One departure from New York's airports."""
