"""From a line of a log to a record in the contract's terms.

A line that is no event is put as it is: delivery rejects it, with the reason and its payload, so
nothing that stands in a file is lost. Only empty lines are passed over.
"""

import csv
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from cli.entries import digest, key_of
from cli.errors import WrongUsage
from cli.tail.following import LONGEST
from events.contract import Event
from events.decoding import Decoder, Rejected
from events.rejection import Reason

NULLS = ("", "-")
"""What logs write where there is nothing."""
SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)
"""A form of times is tried with it."""


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How lines are read.

    json      an object a line, as it is; `fields`, `times` and `constants` make it another one
    csv       values between `separator`; their names are `columns`, or else the file's first line
    pattern   a regular expression for a whole line, whose named groups are the values
    """

    format: Literal["json", "csv", "pattern"] = "json"
    columns: tuple[str, ...] = ()
    separator: str = ","
    pattern: str = ""
    fields: dict[str, str] = {}
    """By field of the contract: the column, group or key it is read from, if not of its name."""
    times: dict[str, str] = {}
    """By field: how its time is written, as strptime has it: "%d/%b/%Y:%H:%M:%S %z". Without an
    offset it is UTC."""
    constants: dict[str, str | int | float | bool] = {}
    """By field: its value where the line has none."""


class Parser:
    """Makes records of lines; `invalid` counts those that are no event, by reason."""

    def __init__(self, kind: type[Event], rules: Rules) -> None:
        """Raises WrongUsage for rules that cannot be meant."""
        self.invalid: Counter[str] = Counter()
        self._kind = kind
        self._rules = rules
        self._names = [field.encode_name for field in msgspec.structs.fields(kind)]
        self._optional = {
            field.encode_name for field in msgspec.structs.fields(kind) if not field.required
        }
        self._id = _encoded(kind, kind.contract.event_id)
        self._decode = Decoder(kind).decode
        self._encode = msgspec.json.Encoder().encode
        self._pattern = _compiled(rules)
        self._plain = rules.format == "json" and not (rules.fields or rules.times)
        _check(kind, rules, self._names)
        _check_sources(rules, self._pattern)
        self._constants = {
            field: _constant(kind, field, value) for field, value in rules.constants.items()
        }

    @property
    def header(self) -> bool:
        """Whether the first line of a log is no record."""
        return self._rules.format == "csv" and not self._rules.columns

    def parse(self, data: bytes, name: str, first: Callable[[], bytes]) -> tuple[str, bytes] | None:
        """Partition key and data of a line; None for an empty one. `name` is the id of an event
        that has none of its own; `first` is the first line of its log. A byte order mark, with
        which spreadsheets begin a file, is no part of its first line."""
        data = data.removeprefix(BOM_UTF8)
        if not data.strip():
            return None
        now = datetime.now(UTC)
        if self._plain and not self._constants:
            try:
                return key_of(self._decode(data, now), data), data
            except Rejected as rejected:
                if rejected.reason is not Reason.MISSING_FIELD:
                    return self._as_it_is(data, rejected.reason)
        try:
            made = self._made(data, name, first)
            event = self._decode(made, now)
        except Rejected as rejected:
            return self._as_it_is(data, rejected.reason)
        except RecursionError:
            return self._as_it_is(data, Reason.TOO_DEEP)
        except (ValueError, csv.Error) as error:
            wrong = isinstance(error, msgspec.ValidationError)
            return self._as_it_is(data, Reason.WRONG_TYPE if wrong else Reason.NOT_OBJECT)
        if len(made) > LONGEST:
            return self._as_it_is(data, Reason.OUT_OF_RANGE)
        return key_of(event, made), made

    def _as_it_is(self, data: bytes, reason: Reason) -> tuple[str, bytes]:
        self.invalid[str(reason)] += 1
        return digest(data), data

    def _made(self, data: bytes, name: str, first: Callable[[], bytes]) -> bytes:
        """The event of a line, as JSON; raises ValueError for a line that the rules do not fit."""
        values = self._values(data, first)
        if self._plain:
            return self._encode({**self._constants, self._id: name, **values})
        taken = {
            field: values[self._rules.fields.get(field, field)]
            for field in self._names
            if self._rules.fields.get(field, field) in values
        }
        if self._rules.format != "json":
            taken = {
                field: value
                for field, value in taken.items()
                if value not in NULLS or field not in self._optional
            }
        for field, form in self._rules.times.items():
            if isinstance(written := taken.get(field), str):
                moment = datetime.strptime(written, form)  # noqa: DTZ007  it may have an offset
                taken[field] = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        whole = {**self._constants, self._id: name, **taken}
        return self._encode(msgspec.convert(whole, self._kind, strict=False))

    def _values(self, data: bytes, first: Callable[[], bytes]) -> dict[str, Any]:
        if self._rules.format == "json":
            return msgspec.json.decode(data, type=dict[str, Any])
        text = data.decode().rstrip("\r")
        if self._pattern is not None:
            found = self._pattern.fullmatch(text)
            if found is None:
                raise ValueError("the pattern does not match")
            return {name: value for name, value in found.groupdict().items() if value is not None}
        columns = self._rules.columns or self._row(first().decode("utf-8-sig"))
        return dict(zip(columns, self._row(text), strict=True))

    def _row(self, text: str) -> list[str]:
        return next(csv.reader([text], delimiter=self._rules.separator, strict=True))


def _encoded(kind: type[Event], name: str) -> str:
    return next(it.encode_name for it in msgspec.structs.fields(kind) if it.name == name)


def _constant(kind: type[Event], name: str, value: object) -> object:
    """A constant as its field has it: the command line knows only text."""
    type_ = next(it.type for it in msgspec.structs.fields(kind) if it.encode_name == name)
    try:
        return msgspec.convert(value, type_, strict=False)
    except msgspec.ValidationError as error:
        raise WrongUsage(f"{name} cannot be {value!r}: {error}. Correct the constant.") from None


def _compiled(rules: Rules) -> "re.Pattern[str] | None":
    if rules.format != "pattern":
        return None
    try:
        return re.compile(rules.pattern)
    except re.error as error:
        raise WrongUsage(f"The pattern is no regular expression ({error}): correct it.") from None


def _check(kind: type[Event], rules: Rules, names: list[str]) -> None:
    known = ", ".join(names)
    for what in (rules.fields, rules.times, rules.constants):
        for field in what:
            if field not in names:
                raise WrongUsage(f"{kind.__name__} has no field {field!r}; it has: {known}.")
    if (rules.format == "pattern") != bool(rules.pattern):
        raise WrongUsage("Give a pattern with the format pattern, and with no other.")
    if rules.format != "csv" and (rules.columns or rules.separator != ","):
        raise WrongUsage("Columns and a separator go with the format csv.")
    if len(rules.separator) != 1:
        raise WrongUsage(f"A separator is one character, not {rules.separator!r}.")
    for field, form in rules.times.items():
        try:
            datetime.strptime(SOME_DAY.strftime(form), form)  # noqa: DTZ007  it is only tried
        except (ValueError, re.error) as error:
            raise WrongUsage(
                f"{field} cannot be written as {form!r}: {error}. Say it as strptime has it, such"
                " as %Y-%m-%dT%H:%M:%S%z."
            ) from None


def _check_sources(rules: Rules, pattern: "re.Pattern[str] | None") -> None:
    """What fields are read from, where that is known before any line is."""
    if pattern is not None:
        there, what = tuple(pattern.groupindex), "the pattern has"
    elif rules.columns:
        there, what = rules.columns, "the columns are"
    else:
        return
    for field, source in rules.fields.items():
        if source not in there:
            raise WrongUsage(
                f"{field} cannot be read from {source!r}: {what} {', '.join(there) or 'no names'}."
            )
