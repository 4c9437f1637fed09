"""Trino's functions: a table of signatures, and how a call becomes DuckDB's SQL.

The tables are in the modules beside this one. A name that is in none of them is refused: as
FUNCTION_NOT_FOUND, as Athena does for a name it does not know either.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cache
from typing import NoReturn

from sqlglot import exp

from local.athena.sql.convert import convert
from local.athena.sql.functions.signatures import Binding, Signature, signature
from local.athena.sql.names import named
from local.athena.sql.operators import condition
from local.athena.sql.translator import Translator, Typed, translates
from local.athena.sql.types import Type


@cache
def library() -> dict[str, list[Signature]]:
    """Every function by name."""
    from local.athena.sql.functions import (
        aggregates,
        collections,
        conditionals,
        json,
        numbers,
        strings,
        times,
        windows,
    )

    found: dict[str, list[Signature]] = {}
    for table in (
        conditionals.TABLE,
        numbers.TABLE,
        strings.TABLE,
        times.TABLE,
        json.TABLE,
        collections.TABLE,
    ):
        for spelled, template in table.items():
            entry = signature(spelled, template)
            found.setdefault(entry.name, []).append(entry)
    for spelled, template in aggregates.TABLE.items():
        entry = signature(spelled, template, aggregate=True)
        found.setdefault(entry.name, []).append(entry)
    for spelled, template in windows.TABLE.items():
        entry = signature(spelled, template, window=True)
        found.setdefault(entry.name, []).append(entry)
    return found


def is_aggregate(name: str) -> bool:
    return any(entry.aggregate for entry in library().get(name.lower(), []))


@dataclass
class Call:
    """One call: its arguments, the signature it means, and what surrounds an aggregate."""

    translator: Translator
    node: exp.Expr
    name: str
    nodes: list[exp.Expr]
    modifiers: Modifiers
    arguments: list[Typed | None] = field(default_factory=list)
    binding: Binding = field(default_factory=Binding)
    signature: Signature = field(init=False)

    def argument(self, at: int) -> Typed:
        """An argument that is a value, converted to what the signature wants."""
        return self.arguments[at] or self.mismatch()

    def sql(self, at: int) -> str:
        return self.argument(at).sql

    def type(self, at: int) -> Type:
        return self.argument(at).type

    @property
    def result(self) -> Type:
        """What the signature gives, its variables filled in."""
        return self.binding.type(self.signature.result)

    def literal(self, at: int) -> str | None:
        """An argument's text if it is a constant, else None."""
        node = self.nodes[at].unnest()
        return node.name if isinstance(node, exp.Literal) else None

    def constant(self, at: int, what: str) -> str:
        """An argument that has to be a constant here."""
        found = self.literal(at)
        if found is None:
            self.translator.unsupported(self.nodes[at], f"{self.name} with {what} not constant")
        return found

    def function(self, at: int) -> tuple[exp.Lambda, list[Type], Type | None]:
        """A lambda argument with the types of its parameters."""
        node, parameter = self.nodes[at], self.signature.parameter(at)
        if not isinstance(node, exp.Lambda) or len(node.expressions) != len(parameter.inputs):
            self.mismatch()
        return node, [self.binding.type(kind) for kind in parameter.inputs], parameter.result

    def mismatch(self) -> NoReturn:
        forms = ", ".join(entry.spelled for entry in library()[self.name])
        given = ", ".join(str(a.type) if a else "<function>" for a in self.arguments)
        message = f"Unexpected parameters ({given}) for function {self.name}. Expected: {forms}"
        self.translator.fail("FUNCTION_NOT_FOUND", message, self.node)


@dataclass(frozen=True, slots=True)
class Modifiers:
    """What may surround the arguments of an aggregate or window function."""

    distinct: bool = False
    order: str = ""
    where: str = ""
    over: str = ""
    nulls: str = ""

    def around(self, template: str, arguments: list[str]) -> str:
        """`template` is `wrapper|core(…)`: the modifiers belong to the core alone."""
        wrapper, _, core = template.rpartition("|")
        opening = core.index("(") + 1
        inner = core[opening:-1].format(*arguments, all=", ".join(arguments))
        called = (
            f"{core[:opening]}{'DISTINCT ' if self.distinct else ''}{inner}{self.nulls}"
            f"{self.order}){self.where}{self.over}"
        )
        return wrapper.format(*arguments, it=called) if wrapper else called


@translates(exp.Anonymous)
def anonymous(translator: Translator, node: exp.Anonymous) -> Typed:
    return call(translator, node, node.name.lower(), list(node.expressions))


def call(
    translator: Translator,
    node: exp.Expr,
    name: str,
    nodes: list[exp.Expr],
    around: Around | None = None,
) -> Typed:
    """Translate a call of the function `name`."""
    around = around or Around()
    forms = library().get(name)
    if forms is None:
        translator.fail("FUNCTION_NOT_FOUND", f"Function '{name}' not registered", node)
    _check_place(translator, node, name, forms[0], around)
    distinct, nodes, order = _unwrapped(nodes, around.order)
    with translator.unchecked() if forms[0].aggregate and not around.over else nullcontext():
        keys = _order(translator, order)
        modifiers = Modifiers(distinct, keys, around.where, around.over, around.nulls)
        made = Call(translator, node, name, nodes, modifiers)
        _bind(made, forms)
        return _rendered(made)


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around a call: FILTER, OVER, IGNORE NULLS, WITHIN GROUP."""

    where: str = ""
    over: str = ""
    nulls: str = ""
    order: exp.Order | None = None


def _check_place(
    translator: Translator, node: exp.Expr, name: str, form: Signature, around: Around
) -> None:
    """Whether a function of this kind may be called here."""
    if form.window and not around.over:
        translator.fail("MISSING_OVER", f"Window function {name}() requires an OVER clause", node)
    if (around.where or around.over) and not (form.aggregate or form.window):
        message = f"{name} is neither an aggregate nor a window function"
        translator.fail("FUNCTION_NOT_AGGREGATE", message, node)
    if not form.aggregate or around.over:
        return
    if translator.groups is None:
        message = f"{name} cannot be used here: aggregations belong in SELECT, HAVING, ORDER BY"
        translator.fail("EXPRESSION_NOT_SCALAR", message, node)
    if translator.inside_aggregate:
        message = f"Cannot nest aggregations inside aggregation '{name}'"
        translator.fail("NESTED_AGGREGATION", message, node)


def _unwrapped(
    nodes: list[exp.Expr], order: exp.Order | None
) -> tuple[bool, list[exp.Expr], exp.Order | None]:
    """`count(DISTINCT x)`, `array_agg(x ORDER BY y)` and `count(*)` as sqlglot has them."""
    distinct = False
    if nodes and isinstance(nodes[-1], exp.Order):
        order = nodes[-1]
        nodes = [*nodes[:-1], order.this]
    if nodes and isinstance(nodes[0], exp.Distinct):
        distinct, nodes = True, [*nodes[0].expressions, *nodes[1:]]
    if len(nodes) == 1 and isinstance(nodes[0], exp.Star):
        nodes = []
    return distinct, nodes, order


def _order(translator: Translator, order: exp.Order | None) -> str:
    from local.athena.sql.queries import direction

    if order is None:
        return ""
    keys = [f"{translator.expression(k.this).sql}{direction(k)}" for k in order.expressions]
    return f" ORDER BY {', '.join(keys)}"


def _bind(made: Call, forms: list[Signature]) -> None:
    """Choose the signature that fits with the fewest conversions, and convert."""
    values = [
        None if isinstance(node, exp.Lambda) else made.translator.expression(node)
        for node in made.nodes
    ]
    made.arguments = values
    fitting: list[tuple[int, Signature, Binding]] = []
    for entry in forms:
        binding = Binding()
        if entry.takes(len(values)) and _fits(entry, values, binding):
            fitting.append((binding.cost, entry, binding))
    if not fitting:
        made.mismatch()
    _, made.signature, made.binding = min(fitting, key=lambda found: found[0])
    made.arguments = [
        None if value is None else _converted(made, at, value) for at, value in enumerate(values)
    ]


def _fits(entry: Signature, values: list[Typed | None], binding: Binding) -> bool:
    for at, value in enumerate(values):
        parameter = entry.parameter(at)
        if parameter.is_lambda != (value is None):
            return False
        if value is None or parameter.type is None:
            continue
        if not binding.bind(parameter.type, value.type):
            return False
    return True


def _converted(made: Call, at: int, value: Typed) -> Typed:
    wanted = made.signature.parameter(at).type or value.type
    target = made.binding.type(wanted, value.type)
    if value.type.name == "unknown" and target.name == "unknown":
        return value
    return Typed(convert(value.sql, value.type, target), target)


def _rendered(made: Call) -> Typed:
    entry = made.signature
    if callable(entry.template):
        return entry.template(made)
    arguments = [_argument(made, at) for at in range(len(made.nodes))]
    if entry.aggregate or entry.window:
        return Typed(made.modifiers.around(entry.template, arguments), made.result)
    return Typed(entry.template.format(*arguments, all=", ".join(arguments)), made.result)


def _argument(made: Call, at: int) -> str:
    if made.arguments[at] is not None:
        return made.sql(at)
    node, inputs, result = made.function(at)
    translator = made.translator
    names = [parameter.name.lower() for parameter in node.expressions]
    fresh = [translator.context.fresh("v") for _ in names]
    variables = {
        name: named(name, kind, sql) for name, kind, sql in zip(names, inputs, fresh, strict=True)
    }
    with translator.with_variables(variables):
        body = translator.expression(node.this)
    if result is not None and not made.binding.bind(result, body.type):
        made.mismatch()
    wanted = made.binding.type(result, body.type) if result is not None else body.type
    return f"LAMBDA {', '.join(fresh)}: {convert(body.sql, body.type, wanted)}"


@translates(exp.Filter)
def filtered(translator: Translator, node: exp.Filter) -> Typed:
    return _surrounded(translator, node, over="")


@translates(exp.WithinGroup)
def within_group(translator: Translator, node: exp.WithinGroup) -> Typed:
    return _surrounded(translator, node, over="")


@translates(exp.Window)
def window(translator: Translator, node: exp.Window) -> Typed:
    from local.athena.sql.functions.windows import over

    return _surrounded(translator, node.this, over=over(translator, node))


def _surrounded(translator: Translator, node: exp.Expr, over: str) -> Typed:
    """Peel FILTER, WITHIN GROUP and IGNORE NULLS off a call."""
    where, nulls, order = "", "", None
    while not isinstance(node, exp.Anonymous):
        if isinstance(node, exp.Filter):
            with translator.unchecked():
                where = f" FILTER (WHERE {condition(translator, node.expression.this)})"
        elif isinstance(node, exp.WithinGroup):
            order = node.expression
        elif isinstance(node, exp.IgnoreNulls):
            nulls = " IGNORE NULLS"
        elif not isinstance(node, exp.RespectNulls):
            translator.unsupported(node, f"{type(node).__name__} OVER")
        node = node.this
    around = Around(where, over, nulls, order)
    return call(translator, node, node.name.lower(), list(node.expressions), around)


def special(
    kind: type[exp.Expr], arguments: Callable[[exp.Expr], tuple[str, list[object]]]
) -> None:
    """Translate a form with a syntax of its own as a call of a function."""

    @translates(kind)
    def handler(translator: Translator, node: exp.Expr) -> Typed:
        name, given = arguments(node)
        nodes = [item for item in given if isinstance(item, exp.Expr)]
        return call(translator, node, name, nodes)


def _trim(node: exp.Expr) -> tuple[str, list[object]]:
    side = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get((node.args.get("position") or "").upper())
    return side or "trim", [node.this, node.args.get("expression")]


special(exp.Trim, _trim)
special(exp.Extract, lambda node: (node.name.lower(), [node.expression]))
special(exp.StrPosition, lambda node: ("strpos", [node.this, node.args["substr"]]))
special(
    exp.Substring,
    lambda node: ("substr", [node.this, node.args["start"], node.args.get("length")]),
)
