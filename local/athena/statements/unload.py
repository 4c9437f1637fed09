"""UNLOAD (query) TO a place in S3."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from local.athena.catalog.partitions import folder
from local.athena.errors import InvalidRequest, QueryFailed
from local.athena.lake.objects import address
from local.athena.sql import grammar
from local.athena.statements.base import DML, Outcome, Session
from local.athena.statements.stored import Options, hives, layout_of, ordered, storable, store
from local.athena.statements.words import Words, cut


@dataclass(slots=True)
class Unload:
    """UNLOAD (query) TO 's3://…' WITH (…)."""

    text: str
    target: str
    tree: exp.Expr
    options: Options
    kind: str = DML
    substatement: str = "UNLOAD"
    result: str = "{}"

    @classmethod
    def parse(cls, sql: str, words: Words) -> Unload:
        start, end = words.nested()
        words.need("TO")
        target = words.string()
        words.need("WITH")
        options = words.options()
        words.end()
        if not target.startswith("s3://"):
            raise InvalidRequest(f"Invalid S3 location: {target}")
        if "format" not in options:
            raise InvalidRequest("UNLOAD requires the property 'format'")
        return cls(sql, folder(target), grammar.parse(cut(sql, start, end)), options)

    def run(self, session: Session) -> Outcome:
        layout = layout_of(self.options)
        if session.store.listing(*address(self.target)):
            message = f"Target directory already exists and is not empty: {self.target}"
            raise QueryFailed("HIVE_PATH_ALREADY_EXISTS", message)
        relation, plan = session.translate(self.text, self.tree)
        columns = storable(relation.visible)
        ordered(columns, layout.partitioned)
        where = hives(self.target, layout.partitioned)
        return store(session, relation, plan, columns, layout, where)[0]
