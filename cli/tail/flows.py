"""Which files are followed onto which streams, as a person says it."""

import tomllib
from pathlib import Path

import msgspec

from cli.errors import WrongUsage
from cli.tail.rules import Rules


class Flow(Rules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files, or patterns of files, whose lines are events of one type."""

    paths: tuple[str, ...]
    type: str


class Configuration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of flows: TOML, a [[flow]] each."""

    flow: tuple[Flow, ...]


def configured(path: str) -> list[Flow]:
    """The flows of a configuration file; raises WrongUsage."""
    try:
        document = tomllib.loads(Path(path).read_text())
        flows = msgspec.convert(document, Configuration).flow
    except OSError as error:
        raise WrongUsage(f"Cannot read {path}: {error.strerror}.") from None
    except ValueError as error:
        raise WrongUsage(f"{path} is no configuration of flows: {error}.") from None
    return list(flows)


def flow_of(text: str) -> Flow:
    """PATH:TYPE; a path may have colons, a type has none."""
    path, colon, event_type = text.rpartition(":")
    if not (colon and path and event_type):
        raise WrongUsage(f"--flow takes PATH:TYPE, such as '/var/log/app*.log:flight', not {text}.")
    return Flow(paths=(path,), type=event_type)


def pairs(option: str, texts: list[str]) -> dict[str, str]:
    """NAME=VALUE, several times."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (equals and name):
            raise WrongUsage(f"{option} takes NAME=VALUE, not {text}.")
        found[name] = value
    return found
