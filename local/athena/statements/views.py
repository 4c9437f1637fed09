"""CREATE VIEW and DROP VIEW: a view is a query kept in Glue with the types it gave."""

from __future__ import annotations

from local.athena.catalog.tables import view_text
from local.athena.errors import QueryFailed
from local.athena.sql import grammar, guard
from local.athena.sql.queries import query
from local.athena.sql.translator import Context, Translator
from local.athena.statements.base import Session
from local.athena.statements.stored import storable
from local.athena.statements.tables import Definition
from local.athena.statements.words import Words, cut


def create_view(sql: str, words: Words, *, replace: bool) -> Definition:
    names = words.names()
    words.need("AS")
    start = words.offset()
    end = words.words[-1].end
    placed = cut(sql, start, end)
    tree = grammar.parse(placed)

    def act(session: Session) -> list[str]:
        database, name = session.place(names)
        if not session.glue.has_database(database):
            raise QueryFailed("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist")
        known = session.glue.table(database, name)
        if known is not None and not (known.is_view and replace):
            what = "View" if known.is_view else "Table"
            message = f"{what} already exists: 'awsdatacatalog.{database}.{name}'"
            raise QueryFailed("TABLE_ALREADY_EXISTS", message, line=1, column=1)
        context = Context(session, session.database, placed, session.now)
        guard.check(placed, tree)
        relation = query(Translator(context), tree.copy())
        columns = list(zip(storable(relation.visible), relation.visible, strict=True))
        typed = [(label, column.type) for label, column in columns]
        described = {
            "Name": name,
            "TableType": "VIRTUAL_VIEW",
            "Parameters": {"presto_view": "true", "comment": "Presto View"},
            "ViewOriginalText": view_text(sql[start:end], session.database or database, typed),
            "ViewExpandedText": "/* Presto View */",
            "PartitionKeys": [],
            "StorageDescriptor": {
                "Columns": [{"Name": label, "Type": kind.hive} for label, kind in typed],
                "Location": "",
                "SerdeInfo": {},
            },
        }
        if known is None:
            session.glue.create_table(database, name, described)
        else:
            session.glue.update_table(known, described)
        return []

    return Definition("CREATE_VIEW", act)


def drop_view(words: Words) -> Definition:
    if_exists = words.take("IF", "EXISTS")
    names = words.names()
    words.end()

    def act(session: Session) -> list[str]:
        database, name = session.place(names)
        view = session.glue.table(database, name) if session.glue.has_database(database) else None
        if view is None or not view.is_view:
            if if_exists:
                return []
            message = f"View 'awsdatacatalog.{database}.{name}' does not exist"
            raise QueryFailed("TABLE_NOT_FOUND", message, line=1, column=1)
        session.glue.drop_table(view)
        return []

    return Definition("DROP_VIEW", act)
