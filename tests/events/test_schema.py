"""The committed schemas are the contracts'."""

import jsonschema
import pytest

from events import registry
from events.flight.event import Flight
from events.schema import json_schema, main, text


@pytest.mark.parametrize("name", registry.names())
def test_the_committed_schema_is_the_contract_s(name: str) -> None:
    committed = (registry.HOME / name / "schema.json").read_text(encoding="utf-8")
    assert committed == text(registry.get(name)), "run `python -m events.schema`"


@pytest.mark.parametrize("name", registry.names())
def test_the_schema_is_a_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema(registry.get(name)))


def test_the_schema_tells_producers_how_to_key_and_identify_a_record() -> None:
    assert json_schema(Flight)["x-headrace"] == {
        "partition_key": ["tail_number", "event_id"],
        "event_id": "event_id",
        "event_time": "scheduled_departure",
        "first_date": "2013-01-01",
    }


def test_the_module_writes_every_schema_again(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = tmp_path_factory.mktemp("project") / "events"
    for name in registry.names():
        (home / name).mkdir(parents=True)
    types = registry.types()
    monkeypatch.setattr(registry, "HOME", home)
    monkeypatch.setattr(registry, "types", lambda: types)
    main()
    assert capsys.readouterr().out.split() == [f"events/{name}/schema.json" for name in types]
    for name, kind in types.items():
        assert (home / name / "schema.json").read_text(encoding="utf-8") == text(kind)
