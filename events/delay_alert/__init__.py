"""Flights that left late or not at all, as functions/delay_alerts concludes."""
