"""WHAT FLOWS: the contracts, their samples and their sources."""
