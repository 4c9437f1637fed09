"""The audit of one event type: every record of its stream is in the lake, or accounted for."""
