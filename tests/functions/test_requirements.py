"""The functions' layer holds what they import, in the versions that everything is tested with."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line)
    assert pins
    return pins


def test_the_functions_run_with_the_versions_that_are_tested() -> None:
    pins, tested = _pins("functions/requirements.txt"), _pins("requirements.txt")
    assert pins == {name: tested[name] for name in pins}


def test_every_requirement_is_pinned_and_none_names_a_host() -> None:
    text = (ROOT / "functions/requirements.txt").read_text(encoding="utf-8")
    assert re.fullmatch(r"([a-z0-9-]+==[0-9][0-9a-z.]*\n)+", text)


def test_what_the_functions_ask_for_is_pinned() -> None:
    lines = (ROOT / "functions/requirements.in").read_text(encoding="utf-8").splitlines()
    wanted = {line for line in lines if line and not line.startswith("#")}
    assert wanted
    assert wanted <= set(_pins("functions/requirements.txt"))
