"""What can go wrong for a person, each a sentence that says what to do next.

    Failure              1    it did not work
    ├─ AccountFailure    1    AWS, or the way to it: credentials, region, permission, throttling
    ├─ MissingStack      1    the environment, or a part of it, is not deployed
    ├─ UnreadableSource  1    the events to replay cannot be read
    ├─ RefusedLine       1    a line that does not validate, with --strict
    ├─ WrongQuery        1    Athena did not answer
    ├─ Unbalanced        1    a record is not accounted for
    ├─ NotCompacted      1    event dates whose files are as small as before
    ├─ NotRecovered      1    records that failed again, or are gone
    ├─ Overtaken         1    a redrive that another one runs beside
    ├─ NotOnTrial        1    a release that nobody has put on trial
    ├─ Told              1    a program that we started has said why it failed
    ├─ WrongUsage        2    what was typed is wrong
    ├─ ForbiddenChange   3    a contract must not be deployed as it is
    ├─ NotProven         4    records are missing, or what was asked for cannot be proven
    ├─ WorseRelease      5    a release on trial is worse than the one it is compared with
    ├─ NoVerdict         6    it is not known yet whether a release on trial is worse
    └─ Interrupted     130    Ctrl-C

The number is the exit code of `headrace`. `headrace local -- COMMAND` returns COMMAND's exit
code instead (127 when there is no such command, 126 when it cannot be run), and a reader that
goes away (`headrace query … | head`) ends `headrace` quietly with 141, as SIGPIPE would.
"""

BROKEN_PIPE = 141


class Failure(Exception):
    """A failure that is told in one sentence; `code` is the exit code."""

    code = 1

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class AccountFailure(Failure):
    """AWS, or the way to it, does not work for this person now."""


class MissingStack(Failure):
    """What the command needs is not deployed."""


class UnreadableSource(Failure):
    """The events to replay cannot be read."""


class RefusedLine(Failure):
    """A line does not validate against its contract, and `--strict` was given."""


class WrongQuery(Failure):
    """Athena refused the query, or it failed, or it was stopped elsewhere."""


class Unbalanced(Failure):
    """put = delivered + rejected does not hold."""


class NotCompacted(Failure):
    """Compaction of some event dates failed; nothing is lost."""


class NotRecovered(Failure):
    """A redrive did not recover everything; what failed again is in the archive."""


class Overtaken(Failure):
    """Somebody else works on the failure archive."""


class NotOnTrial(Failure):
    """The registry of releases does not name it."""


class Told(Failure):
    """A program that we started did not work, and has said why: nothing is left to say."""

    def __init__(self) -> None:
        super().__init__("")


class WrongUsage(Failure):
    """What was typed cannot be meant."""

    code = 2


class ForbiddenChange(Failure):
    """Deploying a contract would harm the rows that are there."""

    code = 3


class NotProven(Failure):
    """The audit found records missing, or the stream no longer has what would prove otherwise."""

    code = 4


class WorseRelease(Failure):
    """The verdict on a release is FAIL."""

    code = 5


class NoVerdict(Failure):
    """The verdict on a release is CONTINUE."""

    code = 6


class Interrupted(Failure):
    """Ctrl-C: the message is the account of what was done until then."""

    code = 130
