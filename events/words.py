"""Words that several contracts share: what one means is said once."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

Instant = Annotated[datetime, Meta(tz=True)]
"""A moment with its offset, whatever that is; a timestamp without one is rejected."""
Airport = Annotated[str, Meta(pattern="^[A-Z]{3}$", max_length=3)]
"""An airport's IATA code."""
