"""Flights that leave late, or not at all, become alerts within a second."""
