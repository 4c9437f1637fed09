"""What a person types: one module per command, which is wiring only."""
