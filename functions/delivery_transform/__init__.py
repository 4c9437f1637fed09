"""Delivery's transform: validates each record and turns it into a row of its table."""
