"""Says of each release on trial whether it is healthy, from what its devices report."""
