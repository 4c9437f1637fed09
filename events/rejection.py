"""Why a record is wrong: worked out after the fact, so that a right record pays nothing for it."""

import re
from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why a record is wrong: a word for metrics, logs and folder names."""

    EMPTY = "empty"
    NOT_ZSTD = "not_zstd"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    NOT_OBJECT = "not_object"
    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    BEFORE_FIRST_DATE = "before_first_date"
    IN_THE_FUTURE = "in_the_future"


class Rejected(Exception):
    """A record that is wrong, and will be wrong however often it is tried.

    `detail` says which field and what was expected; it never holds a value of the payload.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def rejected(data: bytes, error: Exception) -> Rejected:
    """What is wrong with a record that msgspec could not decode."""
    if not data.strip():
        return Rejected(Reason.EMPTY, "Expected one JSON object, got an empty record")
    try:
        data.decode()
    except UnicodeDecodeError as fault:
        return Rejected(Reason.NOT_UTF8, f"Not UTF-8: {fault.reason} (byte {fault.start})")
    if isinstance(error, RecursionError):
        return Rejected(Reason.TOO_DEEP, "Arrays or objects are nested too deep")
    if isinstance(error, msgspec.ValidationError):
        return _mismatch(str(error))
    if str(error).startswith("JSON is malformed: "):
        return Rejected(Reason.NOT_JSON, str(error))
    # msgspec reports half of a surrogate pair in the same words as a document that is cut off.
    return Rejected(Reason.NOT_JSON, "JSON ends early, or a string has half of a surrogate pair")


# What msgspec 0.22 says and what it means. Only what is known to quote nothing is repeated:
# "Invalid enum value '…'" holds the payload's value, and "unknown field `…`" a key, which is told
# when it can only be a name.
_PATH = r"(?P<path> - at `[^`]*`)?$"
_NAME = r"`[A-Za-z_][A-Za-z0-9_]{0,63}`"
_MESSAGES = [
    (re.compile(pattern + _PATH, re.DOTALL), reason, instead)
    for pattern, reason, instead in (
        (r"Expected `(object|array)`, got `\w+`(?! - at)", Reason.NOT_OBJECT, None),
        (r"Object missing required field `[^`]+`", Reason.MISSING_FIELD, None),
        (rf"Object contains unknown field {_NAME}$", Reason.UNKNOWN_FIELD, None),
        (r"Object contains unknown field .*", Reason.UNKNOWN_FIELD, "Object has an unknown field"),
        (r"Expected `[^`]+` (<|<=|>|>=) \S+", Reason.OUT_OF_RANGE, None),
        (r"Expected `\w+` of length .*?", Reason.OUT_OF_RANGE, None),
        (r"Expected `\w+` matching regex .*?", Reason.OUT_OF_RANGE, None),
        (r"Expected `\w+` that's a multiple of \S+", Reason.OUT_OF_RANGE, None),
        (r"(Integer value|Number) out of range", Reason.OUT_OF_RANGE, None),
        (r"Invalid (enum )?value .*?", Reason.OUT_OF_RANGE, "Expected one of the declared values"),
        (r"Expected `[^`]+`, got `\w+`", Reason.WRONG_TYPE, None),
        (r"Expected `\w+` with(out)? a timezone component", Reason.WRONG_TYPE, None),
        (r"Invalid RFC3339 encoded \w+", Reason.WRONG_TYPE, None),
        (r"Invalid UUID", Reason.WRONG_TYPE, None),
    )
]


def _mismatch(message: str) -> Rejected:
    for pattern, reason, instead in _MESSAGES:
        found = pattern.match(message)
        if found:
            return Rejected(reason, message if not instead else instead + (found["path"] or ""))
    return Rejected(Reason.WRONG_TYPE, "A value does not fit the contract")
