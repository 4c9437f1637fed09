"""Compaction: the small files of a closed event date become few large sorted ones."""
