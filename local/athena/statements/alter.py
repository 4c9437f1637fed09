"""ALTER TABLE ADD PARTITION and MSCK REPAIR TABLE: partitions that are registered."""

from __future__ import annotations

from urllib.parse import unquote

from local.athena.catalog.partitions import default_location, folder
from local.athena.catalog.tables import GlueTable
from local.athena.errors import InvalidRequest
from local.athena.lake.objects import address, hidden
from local.athena.statements.base import Session
from local.athena.statements.tables import Definition, failed
from local.athena.statements.words import Words


def alter_table(words: Words) -> Definition:
    """ADD PARTITION; Athena's other forms are refused by their name."""
    names = words.names()
    start = words.at
    if words.take("ADD") and (words.sees("PARTITION") or words.sees("IF", "NOT", "EXISTS")):
        return _add_partitions(words, names)
    form = " ".join(word.text.upper() for word in words.words[start : start + 2])
    raise InvalidRequest(f"ALTER TABLE {form} is not supported by the local Athena")


def partition(words: Words) -> dict[str, str]:
    """`PARTITION (a = 'x', b = 1)`."""
    words.need("PARTITION")
    words.need("(")
    found = {}
    while True:
        name = words.name()
        words.need("=")
        word = words.next
        if word is not None and word.kind == "string":
            found[name] = words.string()
        else:
            sign = "-" if words.take("-") else ""
            found[name] = sign + words.name()
        if not words.take(","):
            break
    words.need(")")
    return found


def values_of(table: GlueTable, given: dict[str, str]) -> list[str]:
    if sorted(given) != sorted(table.keys):
        raise failed(f"Partition spec {given} does not name every partition column of {table.name}")
    return [given[name] for name in table.keys]


def _add_partitions(words: Words, names: list[str]) -> Definition:
    if_not_exists = words.take("IF", "NOT", "EXISTS")
    added: list[tuple[dict[str, str], str | None]] = []
    while words.next is not None:
        given = partition(words)
        added.append((given, words.string() if words.take("LOCATION") else None))

    def act(session: Session) -> list[str]:
        table = session.table(names)
        known = [values for values, _ in session.glue.partitions(table.database, table.name)]
        for given, location in added:
            values = values_of(table, given)
            if values in known:
                if if_not_exists:
                    continue
                raise failed("AlreadyExistsException(message:Partition already exists.)")
            place = location or default_location(table, values)
            session.glue.create_partition(table.database, table.name, values, place)
        return []

    return Definition("ALTER_TABLE_ADD_PARTITION", act)


def repair(words: Words) -> Definition:
    """MSCK REPAIR TABLE: register the `column=value/` folders that are there."""
    words.need("REPAIR", "TABLE")
    names = words.names()
    words.end()

    def act(session: Session) -> list[str]:
        table = session.table(names)
        bucket, prefix = address(folder(table.location))
        known = [values for values, _ in session.glue.partitions(table.database, table.name)]
        missing: dict[str, list[str]] = {}
        for item in session.store.listing(bucket, prefix):
            parts = item.key[len(prefix) :].split("/")[: len(table.keys)]
            pairs = [part.partition("=") for part in parts]
            if [name.lower() for name, _, _ in pairs] == table.keys and not hidden(item.key):
                values = [unquote(value) for _, _, value in pairs]
                if values not in known:
                    missing.setdefault("/".join(parts), values)
        for path, values in missing.items():
            place = f"s3://{bucket}/{prefix}{path}/"
            session.glue.create_partition(table.database, table.name, values, place)
        lines = []
        if missing:
            listed = "\t".join(f"{table.name}:{path}" for path in missing)
            lines.append(f"Partitions not in metastore:\t{listed}")
            lines += [f"Repair: Added partition to metastore {table.name}:{p}" for p in missing]
        return lines

    return Definition("MSCK_REPAIR_TABLE", act)
