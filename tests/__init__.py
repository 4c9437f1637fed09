"""WHAT IS TRUE: one file per stage, the whole pipeline, the CLI, the contracts."""
