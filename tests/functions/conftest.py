"""What every function is given, whichever it is."""

import pytest

from functions.shared.settings import ENVIRONMENT


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of an environment that none is called."""
    monkeypatch.setenv(ENVIRONMENT, "test")
