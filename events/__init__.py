"""WHAT FLOWS: one folder per event type; its class is the contract everything else follows from."""
