"""Trino's grammar: text to a syntax tree in which every function keeps its own name.

sqlglot parses; its knowledge of functions is switched off, so that what a function means is
said in one place (`functions/`) and an unknown one is an error instead of a guess.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.trino import TrinoParser
from sqlglot.tokenizer_core import Token, TokenType

from local.athena.errors import InvalidRequest, Malformed, QueryFailed

SPECIAL_FORMS = ("CAST", "TRY_CAST", "EXTRACT", "TRIM", "POSITION", "SUBSTRING")

N = TypeVar("N", bound=exp.Expr)
CLOSERS = (TokenType.COMMA, TokenType.R_PAREN, TokenType.FROM, TokenType.WHERE, TokenType.GROUP_BY)


def _decimal(_: Any, this: exp.Expr, __: Any) -> Any:
    """`DECIMAL '1.5'` is the number as it is written; CAST would lose the fraction."""
    return exp.Literal.number(this.name)


class Dialect(Trino):
    """Trino without sqlglot's own functions, and subscripts as they are written."""

    INDEX_OFFSET = 0

    class Tokenizer(Trino.Tokenizer):
        KEYWORDS: ClassVar = {
            key: kind for key, kind in Trino.Tokenizer.KEYWORDS.items() if kind != TokenType.COMMAND
        }

    class Parser(TrinoParser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        NO_PAREN_FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar = {
            name: TrinoParser.FUNCTION_PARSERS[name] for name in SPECIAL_FORMS
        }
        TYPE_LITERAL_PARSERS: ClassVar[dict[Any, Any]] = {
            **TrinoParser.TYPE_LITERAL_PARSERS,
            exp.DType.DECIMAL: _decimal,
        }


def tokenize(sql: str) -> list[Token]:
    """The tokens of one statement, without a semicolon at its end."""
    if not sql.strip():
        raise InvalidRequest("queryString must not be empty", "INVALID_INPUT")
    try:
        result = list(Dialect().tokenize(sql))
    except TokenError as error:
        raise Malformed("unterminated string, identifier or comment") from error
    while result and result[-1].token_type == TokenType.SEMICOLON:
        result.pop()
    if not result:
        raise Malformed("mismatched input ';'")
    if any(token.token_type == TokenType.SEMICOLON for token in result):
        raise InvalidRequest("Only one sql statement is allowed. Got: " + sql, "MALFORMED_QUERY")
    _number(result)
    return result


def _number(stream: list[Token]) -> None:
    """Parameters become names, `?1`, `?2`, …, so that the tree keeps their order."""
    numbers = itertools.count(1)
    for at, token in enumerate(stream):
        if token.token_type == TokenType.PLACEHOLDER:
            place = (token.line, token.col, token.start, token.end)
            stream[at] = Token(TokenType.IDENTIFIER, f"?{next(numbers)}", *place)


def substituted(tree: N, parameters: Sequence[str]) -> N:
    """The tree with its parameters filled in; each is an expression as SQL."""
    places = [node for node in tree.find_all(exp.Column) if node.name.startswith("?")]
    if len(places) != len(parameters):
        message = f"Incorrect number of parameters: expected {len(places)} but found "
        raise QueryFailed(
            "INVALID_PARAMETER_USAGE", f"{message}{len(parameters)}", line=1, column=1
        )
    for node in places:
        node.replace(parse_expression(parameters[int(node.name[1:]) - 1]))
    return tree


def unexpected(sql: str, token: Token | None, expecting: str = "") -> Malformed:
    """The error for a token that cannot stand where it does; None is the end of the text."""
    line, column = position(sql, token.start if token else len(sql.rstrip().rstrip(";")))
    shown = f"'{sql[token.start : token.end + 1]}'" if token else "'<EOF>'"
    hint = f". Expecting: {expecting}" if expecting else ""
    return Malformed(f"mismatched input {shown}{hint}", line, column)


def position(sql: str, offset: int) -> tuple[int, int]:
    """Line and column of a character, both from 1."""
    before = sql[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def where(sql: str, node: exp.Expr) -> tuple[int, int]:
    """Line and column at which a node starts."""
    starts = [found.meta["start"] for found in node.find_all(exp.Expr) if "start" in found.meta]
    return position(sql, min(starts, default=0))


def parse(sql: str, found: list[Token] | None = None) -> exp.Query:
    """The tree of a query (SELECT, WITH, VALUES, TABLE or one in parentheses)."""
    stream = found or tokenize(sql)
    _check_commas(sql, stream)
    parser = Dialect().parser()
    try:
        trees = parser.parse(stream, sql)
    except ParseError as error:
        raise _malformed(sql, stream, error) from error
    tree = trees[0] if trees else None
    if isinstance(tree, exp.Subquery):
        tree = tree.unnest() if not any(tree.args.get(key) for key in ("order", "limit")) else tree
    if not isinstance(tree, exp.Query | exp.Values):
        raise unexpected(sql, stream[0])
    for select in tree.find_all(exp.Select):
        if not select.expressions:
            raise unexpected(sql, _after_select(stream))
    return tree  # type: ignore[return-value]


def parse_expression(sql: str) -> exp.Expr:
    """The tree of one expression, such as an execution parameter."""
    query = parse(f"SELECT {sql}")
    if len(query.selects) != 1 or query.args.get("from_"):
        raise InvalidRequest(f"The execution parameter is not an expression: {sql}")
    return query.selects[0].unalias()


def _check_commas(sql: str, stream: list[Token]) -> None:
    """sqlglot forgives empty list items and PostgreSQL's casts; Trino does not."""
    for token, following in zip(stream, [*stream[1:], None], strict=True):
        if token.token_type == TokenType.DCOLON or token.text == "==":
            raise unexpected(sql, token)
        if token.token_type == TokenType.COMMA and (
            following is None or following.token_type in CLOSERS
        ):
            raise unexpected(sql, following, "<expression>")


def _after_select(stream: list[Token]) -> Token | None:
    for token, following in zip(stream, [*stream[1:], None], strict=True):
        if token.token_type == TokenType.SELECT and (
            following is None or following.token_type == TokenType.FROM
        ):
            return following
    return stream[0]


def _malformed(sql: str, stream: list[Token], error: ParseError) -> Malformed:
    """Where sqlglot stopped; it names the end of the offending token, Trino its start."""
    detail = error.errors[0] if error.errors else {}
    line, column = detail.get("line"), detail.get("col")
    ends_there = [token for token in stream if (token.line, token.col) == (line, column)]
    if "Required keyword" in (detail.get("description") or "") and ends_there:
        at = stream.index(ends_there[0]) + 1
        return unexpected(sql, stream[at] if at < len(stream) else None, "<expression>")
    if "Expect" in (detail.get("description") or "") and ends_there:
        at = stream.index(ends_there[0])
        return unexpected(sql, stream[at + 1] if at + 1 < len(stream) else None)
    return unexpected(sql, ends_there[0] if ends_there else stream[0])
