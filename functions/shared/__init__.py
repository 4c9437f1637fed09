"""What every function needs and none owns."""
