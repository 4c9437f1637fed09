"""Following log files that grow, are rotated and are truncated, onto streams."""
