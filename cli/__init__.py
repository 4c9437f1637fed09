"""WHAT A PERSON DOES: the `headrace` command, a client of AWS APIs and stack outputs only."""
