"""Reading statements that are not queries: Hive's DDL, and the heads of CTAS, INSERT, UNLOAD."""

from __future__ import annotations

import re
from dataclasses import dataclass

from local.athena.errors import InvalidRequest, Malformed
from local.athena.sql.grammar import position

TOKEN = re.compile(
    r"\s+|--[^\n]*|/\*.*?\*/"
    r"|(?P<string>'(?:[^'\\]|\\.|'')*')"
    r"|(?P<name>`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\")"
    r"|(?P<word>[\w$]+)"
    r"|(?P<mark>[^\s\w])",
    re.DOTALL,
)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}


@dataclass(frozen=True, slots=True)
class Word:
    kind: str
    text: str
    start: int
    end: int


class Words:
    """A statement as words, read from left to right; what does not fit is Malformed."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.words = [
            Word(found.lastgroup, found[0], found.start(), found.end())
            for found in TOKEN.finditer(sql)
            if found.lastgroup
        ]
        while self.words and self.words[-1].text == ";":
            self.words.pop()
        if any(word.text == ";" and word.kind == "mark" for word in self.words):
            raise InvalidRequest(
                f"Only one sql statement is allowed. Got: {sql}", "MALFORMED_QUERY"
            )
        self.at = 0

    @property
    def next(self) -> Word | None:
        return self.words[self.at] if self.at < len(self.words) else None

    def sees(self, *wanted: str) -> bool:
        """Whether these words (in any case) come next."""
        coming = self.words[self.at : self.at + len(wanted)]
        return len(coming) == len(wanted) and all(
            word.kind in ("word", "mark") and word.text.upper() == text
            for word, text in zip(coming, wanted, strict=True)
        )

    def take(self, *wanted: str) -> bool:
        """Read these words if they come next."""
        if self.sees(*wanted):
            self.at += len(wanted)
            return True
        return False

    def need(self, *wanted: str) -> None:
        for text in wanted:
            if not self.take(text):
                raise self.unexpected(f"'{text}'")

    def end(self) -> None:
        if self.next is not None:
            raise self.unexpected("<EOF>")

    def unexpected(self, expecting: str = "") -> Malformed:
        word = self.next
        line, column = position(self.sql, word.start if word else len(self.sql.rstrip()))
        shown = f"'{word.text}'" if word else "'<EOF>'"
        hint = f". Expecting: {expecting}" if expecting else ""
        return Malformed(f"mismatched input {shown}{hint}", line, column)

    def name(self) -> str:
        """An identifier, in lower case."""
        word = self.next
        if word is None or word.kind not in ("name", "word"):
            raise self.unexpected("<identifier>")
        self.at += 1
        if word.kind == "word":
            return word.text.lower()
        quote = word.text[0]
        return word.text[1:-1].replace(quote * 2, quote).lower()

    def names(self) -> list[str]:
        """`a`, `a.b` or `a.b.c`; a quoted "a.b" is one name."""
        found = [self.name()]
        while self.take("."):
            found.append(self.name())
        return found

    def string(self) -> str:
        word = self.next
        if word is None or word.kind != "string":
            raise self.unexpected("<string>")
        self.at += 1
        inner = word.text[1:-1].replace("''", "'")
        return re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[1]), inner)

    def strings(self) -> list[str]:
        """`('a', 'b')` or `['a', 'b']` after ARRAY."""
        closing = "]" if self.take("[") else ")"
        if closing == ")":
            self.need("(")
        found = [self.string()]
        while self.take(","):
            found.append(self.string())
        self.need(closing)
        return found

    def properties(self) -> dict[str, str]:
        """`('a'='b', …)`."""
        found = {}
        self.need("(")
        while True:
            key = self.string()
            self.need("=")
            found[key] = self.string()
            if not self.take(","):
                break
        self.need(")")
        return found

    def options(self) -> dict[str, str | list[str]]:
        """Trino's `WITH (format = 'PARQUET', partitioned_by = ARRAY['a'])`."""
        found: dict[str, str | list[str]] = {}
        self.need("(")
        while True:
            key = self.name()
            self.need("=")
            if self.take("ARRAY"):
                found[key] = self.strings()
            elif self.next is not None and self.next.kind == "string":
                found[key] = self.string()
            else:
                found[key] = self.name()
            if not self.take(","):
                break
        self.need(")")
        return found

    def nested(self) -> tuple[int, int]:
        """Where the text between this parenthesis and its closing one starts and ends."""
        self.need("(")
        depth, start = 1, self.words[self.at].start if self.next else len(self.sql)
        while depth:
            word = self.next
            if word is None:
                raise self.unexpected("')'")
            self.at += 1
            if word.kind == "mark":
                depth += (word.text in "([") - (word.text in ")]")
        return start, self.words[self.at - 1].start

    def offset(self) -> int:
        """Where in the text the next word starts."""
        return self.next.start if self.next else len(self.sql)


def cut(sql: str, start: int, end: int) -> str:
    """A part of a text at its place: what is around it becomes blank, lines stay lines."""
    before = re.sub(r"[^\n]", " ", sql[:start])
    return before + sql[start:end]
