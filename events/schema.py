"""The JSON Schema of every event type, for producers in other languages: events/<type>/schema.json.

`python -m events.schema` writes them again after a contract changed.
"""

import json
from inspect import cleandoc
from typing import Any

import msgspec

from events import registry
from events.contract import Event


def json_schema(kind: type[Event]) -> dict[str, Any]:
    """JSON Schema 2020-12 of the type; `x-headrace` says how to key and identify its records."""
    contract = kind.contract
    schema = msgspec.json.schema(kind)
    for definition in schema["$defs"].values():
        if "description" in definition:  # a docstring, which Python indents or not by its version
            definition["description"] = cleandoc(definition["description"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "x-headrace": {
            "partition_key": list(contract.partition_key),
            "event_id": contract.event_id,
            "event_time": contract.event_time,
            "first_date": contract.first_date.isoformat(),
        },
    }


def text(kind: type[Event]) -> str:
    """The schema as its committed file holds it."""
    return json.dumps(json_schema(kind), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the schema of every event type."""
    for name, kind in registry.types().items():
        path = registry.HOME / name / "schema.json"
        path.write_text(text(kind), encoding="utf-8")
        print(path.relative_to(registry.HOME.parent))


if __name__ == "__main__":
    main()
