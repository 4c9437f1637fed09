"""Putting our methods in place of moto's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def replace(owner: type, **methods: Callable[..., Any]) -> None:
    """Let `owner` answer with these methods; doing so again changes nothing."""
    for name, method in methods.items():
        setattr(owner, name, method)
