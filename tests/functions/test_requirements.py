"""The functions' layers hold what they import, in the versions that everything is tested with."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = sorted(
    str(path.parent.relative_to(ROOT)) for path in (ROOT / "functions").rglob("requirements.in")
)
every_layer = pytest.mark.parametrize("layer", LAYERS)


def test_there_is_a_layer_for_all_functions_and_one_for_who_needs_more() -> None:
    assert LAYERS == ["functions", "functions/compaction", "functions/release_health"]


def _pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = dict(line.partition(";")[0].strip().split("==") for line in lines if line)
    assert pins
    return pins


@every_layer
def test_the_functions_run_with_the_versions_that_are_tested(layer: str) -> None:
    pins, tested = _pins(f"{layer}/requirements.txt"), _pins("requirements.txt")
    assert pins == {name: tested[name] for name in pins}


@every_layer
def test_every_requirement_is_pinned_and_none_names_a_host(layer: str) -> None:
    text = (ROOT / layer / "requirements.txt").read_text(encoding="utf-8")
    where = r"( ; python_full_version < '3\.[0-9.]+')?"
    assert re.fullmatch(rf"([a-z0-9-]+==[0-9][0-9a-z.]*{where}\n)+", text)


@every_layer
def test_what_the_functions_ask_for_is_pinned(layer: str) -> None:
    lines = (ROOT / layer / "requirements.in").read_text(encoding="utf-8").splitlines()
    wanted = {line.partition(";")[0] for line in lines if line and not line.startswith("#")}
    assert wanted
    assert wanted <= set(_pins(f"{layer}/requirements.txt"))
