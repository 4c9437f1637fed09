"""HOW FAST IT IS: figures as ratios to a peer that is measured in the same run."""
