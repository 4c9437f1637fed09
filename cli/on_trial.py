"""What a person asks of the releases on trial, put together from everywhere that knows a part."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import msgspec

from cli.errors import AccountFailure
from cli.releases import TELEMETRY, VERDICTS, Health, Releases, health_of, state_of
from cli.report.data import Source, look_of, report_of
from cli.report.model import Report
from events.release import REFRESH_SECONDS, Trial

if TYPE_CHECKING:
    from cli.aws import Account
    from cli.stacks import Deployed
    from events.release_verdict.event import ReleaseVerdict

SHOWN = 20
"""Trials in a list; the registry keeps up to a hundred that have ended."""
EVERY_SECONDS = 2.0
"""Between looks of whoever waits: the function takes one itself about once a second."""
HICCUP_SECONDS = 60.0
"""For which whoever waits bears with failures."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A trial of the registry, and what is known of it now; `problem` where that is nothing."""

    trial: Trial
    state: str
    report: Report | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class OnTrial:
    """The trials of one environment."""

    account: "Account"
    deployed: "Deployed"
    releases: Releases
    health: Health

    @classmethod
    def find(cls, environment: str) -> Self:
        """Raises MissingStack."""
        from cli.aws import Account
        from cli.stacks import find

        account = Account()
        return cls.of(account, find(account.cloudformation, environment))

    @classmethod
    def of(cls, account: "Account", deployed: "Deployed") -> Self:
        """The same, where what is deployed is known. Raises MissingStack."""
        return cls(
            account,
            deployed,
            Releases(account.s3, deployed.lake().bucket_name),
            health_of(account.functions, deployed),
        )

    def all(self, now: datetime) -> list[Standing]:
        """The newest trials of the registry, the newest first; each asks the function."""
        trials = self.releases.read().trials[-SHOWN:]
        return [self._standing(trial, now) for trial in reversed(trials)]

    def _standing(self, trial: Trial, now: datetime) -> Standing:
        state = state_of(trial, now)
        try:
            report = self._report(trial, self._look(trial))
        except AccountFailure as failure:
            return Standing(trial=trial, state=state, report=None, problem=str(failure))
        return Standing(trial=trial, state=state, report=report)

    def _look(self, trial: Trial) -> "ReleaseVerdict":
        """The function knows the latest trial of a release, and that as long as its state lives:
        a verdict on another trial of the same release is none on this one. Raises AccountFailure.
        """
        seen = self.health.look(trial.canary)
        if seen.trial > trial.number:
            raise AccountFailure(
                f"Trial {seen.trial} has followed trial {trial.number}, whose looks are in the "
                "table release_verdict."
            )
        if seen.trial < trial.number:
            raise AccountFailure(
                f"The function has not heard of trial {trial.number} of {trial.canary} yet: ask "
                f"again in {REFRESH_SECONDS} seconds."
            )
        return seen

    def now(self, release: str) -> Report:
        """One trial as it stands, from one look. Raises NotOnTrial and AccountFailure."""
        trial = self.releases.trial(release)
        return self._report(trial, self._look(trial))

    def watch(self, release: str, longest: float | None) -> Iterator[Report]:
        """Look after look, until there is a verdict, the trial has ended, or the time is over.

        A cache that fails over, or an invocation that is throttled, is no end of a rollout's gate:
        only failures for HICCUP_SECONDS on end are."""
        began = time.monotonic()
        failing: float | None = None
        while True:
            try:
                report = self.now(release)
            except Exception as error:
                now = time.monotonic()
                failing = now if failing is None else failing
                over = longest is not None and now - began >= longest
                if over or now - failing >= HICCUP_SECONDS or not _passes(error):
                    raise
                time.sleep(EVERY_SECONDS)
                continue
            failing = None
            yield report
            ended = report.stopped_at is not None and report.stopped_at <= datetime.now(UTC)
            if report.verdict != "CONTINUE" or ended:
                return
            left = EVERY_SECONDS if longest is None else began + longest - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(EVERY_SECONDS, left))

    def report(self, release: str) -> Report:
        """One trial with its history. Raises NotOnTrial.

        Without the function's state the lake still tells what was."""
        trial = self.releases.trial(release)
        try:
            now = self._look(trial)
        except AccountFailure:
            now = None
        return self.source().report(trial, now)

    def source(self) -> Source:
        from cli.athena import Database

        return Source(
            database=Database(self.account.athena, self.deployed.lake()),
            verdicts=self.deployed.flow(VERDICTS).table_name,
            telemetry=self.deployed.flow(TELEMETRY).table_name,
            environment=self.deployed.environment,
        )

    def _report(self, trial: Trial, now: "ReleaseVerdict") -> Report:
        looks = [look_of(now)] if now.look else []
        return report_of(trial, looks, (), now, environment=self.deployed.environment)


def _passes(error: Exception) -> bool:
    """Whether it may be another answer in some seconds."""
    from botocore.exceptions import ClientError, HTTPClientError

    from cli.aws import THROTTLED

    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return status >= 500 or error.response["Error"]["Code"] in THROTTLED
    return isinstance(error, AccountFailure | HTTPClientError)
