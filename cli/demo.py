"""`python -m cli.demo`: the whole pipeline at work, in an environment that is deployed.

`make demo` runs it under the local AWS; it works on an account as well. Every number it prints
comes from AWS's APIs. It ends with 1 when a record is not accounted for.
"""

import time
from collections import Counter as Counts
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated

import typer

from cli import canaries
from cli.alerts import latencies, summary
from cli.answers import as_table
from cli.athena import Database
from cli.aws import Account
from cli.counting import Counter
from cli.entries import Entries
from cli.errors import Unbalanced
from cli.feeds import Feed, kind_of, rejected_samples
from cli.metrics import Metric, sums
from cli.on_trial import OnTrial
from cli.options import Environment
from cli.pace import Pace
from cli.progress import bar
from cli.replaying import Replay, judge, tell
from cli.stacks import Deployed, find
from cli.telling import failures_told
from cli.terminal import show, sized, write
from events.device_telemetry.event import DeviceTelemetry

FLEET = "device_telemetry"
PROCESSOR, SOURCE = "delay_alerts", "flight"
EVENTS = {"flight": None, "device_telemetry": 2_000}
"""Built-in events that are replayed of each type; None is all."""
QUERIES = ("worst_carriers", "cancellations_by_hour", "most_flown_aircraft")
ROWS = 10
DELAYS = "SELECT count(*) AS flights, round(avg(departure_delay), 1) AS mean_delay FROM flight"
ONE_DAY = f"{DELAYS} WHERE event_date = '2013-07-04'"
FIRST_LOOK, LAST_LOOK = 0.5, 3.0
PATIENCE = 180.0
"""Seconds without one further record after which delivery counts as stuck. On AWS, `dev` writes
its buffers every minute."""


@dataclass(slots=True)
class Balance:
    """The account of one event type, of what came since the demo began."""

    counter: Counter
    before: tuple[int, int]
    put: int = 0
    invalid: int = 0
    delivered: int = 0
    rejected: int = 0

    def look(self) -> None:
        """Count again."""
        self.delivered = self.counter.delivered() - self.before[0]
        self.rejected = self.counter.rejected() - self.before[1]

    @property
    def arrived(self) -> int:
        return self.delivered + self.rejected

    @property
    def holds(self) -> bool:
        """put = delivered + rejected, and rejected is what does not validate, nothing else."""
        return self.put == self.arrived and self.rejected == self.invalid


@contextmanager
def chapter(title: str) -> Iterator[None]:
    """A heading, and how long what is under it took."""
    from rich.text import Text

    show(Text(f"\n{title}", style="bold"))
    started = time.monotonic()
    yield
    show(Text(f"{time.monotonic() - started:.1f} s", style="dim"))


def tell_deployed(deployed: Deployed) -> None:
    """What the stacks' outputs publish."""
    lake = deployed.lake()
    write(f"lake: database {lake.database_name}, workgroup {lake.work_group_name}")
    write(f"  bucket    {lake.bucket_name}")
    for event_type in deployed.event_types:
        flow = deployed.flow(event_type)
        write(f"{event_type}: table {flow.table_name}")
        write(f"  stream    {flow.stream_name}")
        write(f"  delivery  {flow.delivery_stream_name}")
    for name in deployed.processors:
        processor = deployed.processor(name)
        write(f"{name}: {processor.reads} -> {processor.emits}")
        write(f"  function  {processor.function_name}")


def replay(account: Account, balance: Balance, limit: int | None) -> None:
    """Put a type's built-in events, and its samples of wrong records."""
    flow = balance.counter.flow
    feed = Feed(flow.event_type, source=None, limit=limit)
    wrong = Entries(kind_of(flow.event_type))
    samples = wrong.of_lines([rejected_samples(flow.event_type)], None)
    running = Replay(account.kinesis, event_type=flow.event_type, stream=flow.stream_name)
    with bar(
        flow.event_type,
        put=lambda: running.tally.put,
        position=lambda: feed.position(running.tally.put),
        shown=True,
    ) as progress:
        summary, error = running.run(
            chain(feed.chunks(), samples),
            pace=Pace(),
            invalid=wrong.invalid,
            progress=progress,
        )
    tell(summary)
    judge(summary, error)
    balance.put, balance.invalid = summary.put, sum(wrong.invalid.values())


def wait(balances: list[Balance]) -> None:
    """Until everything has arrived in the lake or among the errors, or nothing more comes."""
    pause, seen, last = FIRST_LOOK, -1, time.monotonic()
    while True:
        for balance in balances:
            if balance.arrived < balance.put:
                balance.look()
        arrived = sum(balance.arrived for balance in balances)
        if arrived != seen:
            seen, last = arrived, time.monotonic()
        if all(balance.arrived >= balance.put for balance in balances):
            return
        if time.monotonic() - last > PATIENCE:
            raise Unbalanced(
                f"Delivery is stuck: {arrived:,} of {sum(b.put for b in balances):,} records have "
                f"arrived, and none in the last {PATIENCE:.0f} s; the functions' logs say why."
            )
        time.sleep(pause)
        pause = min(LAST_LOOK, pause * 1.5)


def ledger(account: Account, environment: str, began: datetime) -> Counts[str]:
    """What the processor counted in the hours since `began`."""
    names = ("Received", "Emitted", "Filtered", "Rejected")
    metrics = {name: Metric("Headrace", name, "Function", PROCESSOR, environment) for name in names}
    return Counts(sums(account.cloudwatch, metrics, start=began, end=datetime.now(UTC)))


def react(
    account: Account, environment: str, expected: int, began: datetime, before: Counts[str]
) -> int:
    """The processor's own account of the flights, and how many alerts it put.

    Raises Unbalanced when it reads no further.
    """
    seen, last = -1, time.monotonic()
    while True:
        counts = ledger(account, environment, began)
        counts.subtract(before)
        if counts["Received"] >= expected:
            break
        if counts["Received"] != seen:
            seen, last = counts["Received"], time.monotonic()
        if time.monotonic() - last > PATIENCE:
            raise Unbalanced(f"{PROCESSOR} has read {seen:,} of {expected:,} flights, and stopped.")
        time.sleep(FIRST_LOOK)
    write(
        f"{PROCESSOR} received {counts['Received']:,} = alerts {counts['Emitted']:,} "
        f"+ in time {counts['Filtered']:,} + wrong {counts['Rejected']:,}"
    )
    return counts["Emitted"]


def tell_latency(account: Account, stream: str, began: datetime) -> None:
    """From a flight's arrival on its stream to its alert's on the derived one."""
    waits = [waited for arrived, waited in latencies(account.kinesis, stream) if arrived >= began]
    latency = summary(waits)
    write(
        f"put to alert: {latency.median * 1000:,.0f} ms median, {latency.p99 * 1000:,.0f} ms p99 "
        f"over {latency.alerts:,} alerts, cold starts included"
    )


def answer(database: Database) -> None:
    """Named queries, a few rows of each, and what they read."""
    named = database.named()
    for name in QUERIES:
        found = database.ask(named[name].sql)
        write(f"{named[name].description}")
        as_table(found, rows=ROWS)
        write(f"  {found.footer}\n")


def prune(database: Database) -> None:
    """The same question of one day and of all days: only the day's objects are read."""
    day, year = database.ask(ONE_DAY), database.ask(DELAYS)
    write(ONE_DAY)
    as_table(day)
    share = day.scanned_bytes / year.scanned_bytes if year.scanned_bytes else 0.0
    write(
        f"  read {sized(day.scanned_bytes)}; the whole year is "
        f"{sized(year.scanned_bytes)}: {share:.2%}"
    )


def settle(balances: list[Balance]) -> None:
    """put = delivered + rejected, counted once more in the end. Raises Unbalanced."""
    for balance in balances:
        balance.look()
        name = balance.counter.flow.event_type
        sign = "=" if balance.put == balance.arrived else "is not"
        write(
            f"{name:17} put {balance.put:,} {sign} delivered {balance.delivered:,} "
            f"+ rejected {balance.rejected:,}"
        )
    wrong = [balance.counter.flow.event_type for balance in balances if not balance.holds]
    if wrong:
        expected = ", ".join(f"{b.invalid:,} wrong {b.counter.flow.event_type}" for b in balances)
        raise Unbalanced(
            f"The account of {' and '.join(wrong)} does not balance (put among them: {expected})."
        )


def judge_canaries(on: OnTrial, pair: canaries.Pair, telemetry: Balance, began: datetime) -> None:
    """A fleet on the telemetry stream; its two releases on trial; what people are told."""
    leaking, healthy = pair.both
    write(
        f"{canaries.DEVICES:,} devices run {leaking.baseline}; {canaries.SHARE:.0%} get "
        f"{leaking.canary}, which leaks {canaries.LEAK:.0%} of the heap, and {canaries.SHARE:.0%} "
        f"get {healthy.canary}, which is healthy."
    )
    environment = on.deployed.environment
    sent = canaries.alerts(on.account, environment, began)
    balance = Balance(telemetry.counter, (telemetry.counter.delivered(), 0))
    balance.before = (balance.before[0], telemetry.counter.rejected())
    bulk, last = canaries.reported(pair)
    for events in (bulk, last):
        put_fleet(on.account, balance, events)
        canaries.counted(on, pair, [*bulk, *last] if events is last else bulk)
    for sentence in canaries.sentences(canaries.verdicts(on, pair)):
        write(sentence)
    wait([balance])
    settle([balance])
    canaries.end(on, pair, datetime.now(UTC))
    write(f"{canaries.alerts(on.account, environment, began) - sent} alerts were sent.")


def put_fleet(account: Account, balance: Balance, events: Sequence[DeviceTelemetry]) -> None:
    """Put a fleet's reports."""
    flow = balance.counter.flow
    entries = Entries(kind_of(flow.event_type))
    running = Replay(account.kinesis, event_type=flow.event_type, stream=flow.stream_name)
    summary, error = running.run(
        entries.of_events(events, None), pace=Pace(), invalid=entries.invalid
    )
    tell(summary)
    judge(summary, error)
    balance.put += summary.put


def demo(
    *,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Flights to replay instead of all.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", envvar="HEADRACE_DEBUG")] = False,
    environment: Environment = "dev",
) -> None:
    """Show the pipeline at work: deployed, replayed, delivered, asked, accounted for."""
    with failures_told(debug=debug):
        account = Account()
        deployed = find(account.cloudformation, environment)
        lake = deployed.lake()
        database = Database(account.athena, lake)
        began = datetime.now(UTC)
        with chapter(f"Deployed in {environment}"):
            tell_deployed(deployed)
            balances = []
            derived = deployed.processor(PROCESSOR).emits
            for event_type in (*EVENTS, derived):
                counter = Counter(database, account.s3, lake, deployed.flow(event_type))
                balances.append(Balance(counter, (counter.delivered(), counter.rejected())))
            alerts = balances.pop()
            before = ledger(account, environment, began)
            # Begun here, so that every function has heard of them when their fleet reports.
            on = OnTrial.of(account, deployed)
            pair = canaries.begin(on, began)
        with chapter("Replay"):
            for balance in balances:
                event_type = balance.counter.flow.event_type
                replay(account, balance, EVENTS[event_type] or limit)
        with chapter("Delivery"):
            wait(balances)
            write("Every record has arrived.")
        with chapter("Alerts"):
            flights = next(b for b in balances if b.counter.flow.event_type == SOURCE)
            alerts.put = react(account, environment, flights.put, began, before)
            tell_latency(account, alerts.counter.flow.stream_name, began)
            wait([alerts])
            balances.append(alerts)
        with chapter("Three answers"):
            answer(database)
        with chapter("One day of the year"):
            prune(database)
        with chapter("The account"):
            settle(balances)
        with chapter("Two canaries"):
            judge_canaries(on, pair, balances[list(EVENTS).index(FLEET)], began)


if __name__ == "__main__":
    typer.run(demo)
