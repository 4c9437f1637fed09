"""Nothing that a query says is overlooked: every part of its tree is one that is translated.

sqlglot parses more than Trino's SQL, and puts what it parses into arguments of its nodes. This
is the list of all nodes and arguments that the translator reads; anything else ends the query.
"""

from __future__ import annotations

import re

from sqlglot import exp

from local.athena.errors import QueryFailed
from local.athena.sql import grammar

BINARY = "this expression"
QUERY = "with_ order limit offset"


def _same(names: str, arguments: str) -> dict[str, str]:
    return dict.fromkeys(names.split(), arguments)


READ: dict[str, str] = {
    **_same("Add Sub Mul Mod EQ NEQ LT LTE GT GTE NullSafeEQ NullSafeNEQ", BINARY),
    **_same("And Or Escape Dot Filter WithinGroup", BINARY),
    **_same("Not Neg Paren Where Having Any All Exists IgnoreNulls RespectNulls", "this"),
    **_same("Boolean Var HexString UnicodeString DataTypeParam", "this"),
    "Div": "this expression typed safe",
    "DPipe": "this expression safe",
    "Is": "this expression negate",
    "Like": "this expression negate",
    "Between": "this low high",
    "In": "this expressions query",
    "Case": "this ifs default",
    "If": "this true false",
    "Bracket": "this expressions",
    "AtTimeZone": "this zone",
    "Cast": "this to safe",
    "TryCast": "this to safe requires_string null_on_text_overflow",
    "DataType": "this expressions nested values kind",
    "ColumnDef": "this kind",
    "Column": "this table db catalog",
    "Identifier": "this quoted",
    "Literal": "this is_string",
    "Null": "",
    "Star": "",
    "ParseJSON": "this is_literal",
    "Array": "expressions bracket_notation",
    "Tuple": "expressions",
    "Interval": "this unit",
    "Anonymous": "this expressions",
    "Lambda": "this expressions",
    "Distinct": "expressions",
    "Alias": "this alias",
    "TableAlias": "this columns",
    "Trim": "this expression position",
    "Extract": "this expression",
    "StrPosition": "this substr",
    "Substring": "this start length",
    "Window": "this partition_by order spec alias over",
    "WindowSpec": "kind start start_side end end_side exclude",
    "Order": "this expressions",
    "Ordered": "this desc nulls_first",
    "Group": "expressions grouping_sets cube rollup",
    "GroupingSets": "expressions",
    "Rollup": "expressions",
    "Cube": "expressions",
    "Limit": "expression",
    "Fetch": "direction count limit_options",
    "LimitOptions": "rows with_ties",
    "Offset": "expression",
    "With": "expressions recursive",
    "CTE": "this alias",
    "Select": f"expressions distinct from_ joins where group having windows {QUERY}",
    "Subquery": f"this alias sample joins {QUERY}",
    **_same("Union Except Intersect", f"this expression distinct {QUERY}"),
    "Values": f"expressions alias {QUERY}",
    "From": "this",
    "Table": "this db catalog alias joins sample",
    "Join": "this on side kind using method",
    "Unnest": "expressions alias offset",
    "Lateral": "this alias",
    "TableSample": "method percent size",
}
EMPTY: tuple[object, ...] = (None, False, [], "")


def check(text: str, tree: exp.Expr) -> None:
    """Fail with NOT_SUPPORTED for the first part of a query that nothing here reads."""
    for node in tree.walk():
        name = type(node).__name__
        known = READ.get(name)
        extra = [
            key
            for key, value in node.args.items()
            if value not in EMPTY and key not in (known or "").split()
        ]
        if known is None or extra:
            what = " ".join([_spelled(name), *(key.strip("_").upper() for key in extra)])
            line, column = grammar.where(text, node)
            message = f"{what} is not supported by the local Athena"
            raise QueryFailed("NOT_SUPPORTED", message, line=line, column=column)


def _spelled(name: str) -> str:
    """A node's name as words: `TableSample` is TABLE SAMPLE."""
    return re.sub("(?<=[a-z])(?=[A-Z])", " ", name).upper()
