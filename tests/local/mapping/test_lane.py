"""The state machine of one lane, step by step, with the clock in the test's hand."""

from local.mapping.lane import (
    BATCH_BYTES,
    Condition,
    Entry,
    Failed,
    GiveUp,
    Invoke,
    Lane,
    Limits,
    NotExecuted,
    Succeeded,
)


def entries(*numbers: int, arrival: float = 0.0, size: int = 100) -> tuple[Entry, ...]:
    return tuple(Entry(number, "key", arrival, size) for number in numbers)


def numbers(action: Invoke | GiveUp | None) -> list[int] | None:
    return None if action is None else [entry.sequence_number for entry in action.entries]


def drive(lane: Lane, *answers: Succeeded | Failed | NotExecuted) -> list[object]:
    """Step the lane through the answers, the clock going to each wake-up; what it did."""
    log: list[object] = []
    now, queue = 0.0, list(answers)
    for _ in range(100):
        action = lane.step(now)
        if isinstance(action, Invoke):
            log.append(numbers(action))
            given_up = lane.answered(now, queue.pop(0))
            if given_up:
                log.append(given_up)
        elif action:
            log.append(action)
        elif (wakeup := lane.wakeup()) is None:
            return log
        else:
            now = max(now, wakeup) + 1e-6
    raise AssertionError(f"no end: {log[-5:]}")


def test_a_batch_that_succeeds_is_invoked_once() -> None:
    lane = Lane(Limits())
    lane.offer(0, entries(1, 2, 3))
    assert drive(lane, Succeeded()) == [[1, 2, 3]]
    assert lane.take_done() == [1, 2, 3]
    assert lane.idle


def test_batches_are_cut_at_the_batch_size() -> None:
    lane = Lane(Limits(batch_size=2))
    lane.offer(0, entries(1, 2, 3, 4, 5))
    assert drive(lane, *[Succeeded()] * 3) == [[1, 2], [3, 4], [5]]


def test_batches_are_cut_at_six_megabytes() -> None:
    lane = Lane(Limits(batch_size=10_000))
    lane.offer(0, entries(1, 2, 3, size=BATCH_BYTES // 2))
    assert drive(lane, Succeeded(), Succeeded()) == [[1, 2], [3]]


def test_a_record_larger_than_a_batch_goes_alone() -> None:
    lane = Lane(Limits())
    lane.offer(0, entries(1, 2, size=BATCH_BYTES + 1))
    assert drive(lane, Succeeded(), Succeeded()) == [[1], [2]]


def test_the_batching_window_waits_for_more_until_it_ends() -> None:
    lane = Lane(Limits(batch_size=10, window=5))
    lane.offer(0, entries(1))
    assert (lane.step(4.9), lane.wakeup()) == (None, 5)
    lane.offer(4.9, entries(2))
    assert numbers(lane.step(5)) == [1, 2]


def test_a_full_batch_does_not_wait_for_the_window() -> None:
    lane = Lane(Limits(batch_size=2, window=300))
    lane.offer(0, entries(1, 2, 3))
    assert numbers(lane.step(0)) == [1, 2]
    lane.answered(0, Succeeded())
    assert (lane.step(299.9), lane.wakeup()) == (None, 300)
    assert numbers(lane.step(300)) == [3]


def test_a_full_payload_does_not_wait_for_the_window() -> None:
    lane = Lane(Limits(window=300))
    lane.offer(0, entries(1, 2, size=BATCH_BYTES))
    assert numbers(lane.step(0)) == [1]


def test_one_batch_is_in_flight_at_a_time() -> None:
    lane = Lane(Limits(batch_size=1))
    lane.offer(0, entries(1, 2))
    assert numbers(lane.step(0)) == [1]
    assert (lane.step(0), lane.wakeup()) == (None, None)


def test_r_retries_mean_r_plus_one_invocations_and_one_message() -> None:
    lane = Lane(Limits(retries=2))
    lane.offer(0, entries(1, 2))
    failed = Failed(error="Unhandled")
    assert drive(lane, failed, failed, failed) == [
        [1, 2],
        [1, 2],
        [1, 2],
        GiveUp(entries(1, 2), Condition.RETRY_ATTEMPTS_EXHAUSTED, 3, "Unhandled"),
    ]
    assert (lane.take_done(), lane.idle) == ([1, 2], True)


def test_no_retries_mean_one_invocation() -> None:
    lane = Lane(Limits(retries=0))
    lane.offer(0, entries(1))
    assert drive(lane, Failed()) == [
        [1],
        GiveUp(entries(1), Condition.RETRY_ATTEMPTS_EXHAUSTED, 1, None),
    ]


def test_the_budget_starts_again_when_the_checkpoint_moves() -> None:
    """The recording: records 0 to 5, BatchSize 3, 3 retries, only the last record fails."""
    lane = Lane(Limits(batch_size=3, retries=3))
    lane.offer(0, entries(0, 1, 2, 3, 4, 5))
    assert drive(lane, Succeeded(), *[Failed(first=5)] * 5) == [
        [0, 1, 2],
        [3, 4, 5],
        [5],
        [5],
        [5],
        [5],
        GiveUp(entries(5), Condition.RETRY_ATTEMPTS_EXHAUSTED, 4, None),
    ]


def test_a_partial_answer_retries_everything_from_the_lowest_number_on() -> None:
    lane = Lane(Limits(retries=1))
    lane.offer(0, entries(1, 2, 3, 4))
    assert drive(lane, Failed(first=3), Succeeded()) == [[1, 2, 3, 4], [3, 4]]


def test_bisect_isolates_a_poison_record_and_uses_no_retry_to_split() -> None:
    lane = Lane(Limits(retries=1, bisect=True))
    lane.offer(0, entries(1, 2, 3, 4))
    failed = Failed(error="Unhandled")
    log = drive(lane, failed, Succeeded(), failed, failed, failed, Succeeded())
    assert log == [
        [1, 2, 3, 4],
        [1, 2],
        [3, 4],
        [3],
        [3],
        GiveUp(entries(3), Condition.RETRY_ATTEMPTS_EXHAUSTED, 2, "Unhandled"),
        [4],
    ]


def test_bisect_cuts_at_the_reported_number() -> None:
    lane = Lane(Limits(retries=0, bisect=True))
    lane.offer(0, entries(1, 2, 3, 4))
    assert drive(lane, Failed(first=4), Succeeded()) == [[1, 2, 3, 4], [4]]


def test_an_invocation_that_did_not_run_costs_no_retry() -> None:
    lane = Lane(Limits(retries=0))
    lane.offer(0, entries(1))
    assert drive(lane, *[NotExecuted()] * 20, Succeeded()) == [[1]] * 21


def test_only_age_ends_a_batch_that_never_runs() -> None:
    lane = Lane(Limits(age=60))
    lane.offer(0, entries(1))
    log = drive(lane, *[NotExecuted()] * 50)
    assert log[-1] == GiveUp(entries(1), Condition.RECORD_AGE_EXCEEDED, 0, None)


def test_expired_records_are_split_off_and_fresh_ones_delivered() -> None:
    lane = Lane(Limits(age=60))
    lane.offer(100, entries(1, 2, arrival=10) + entries(3, arrival=90))
    assert lane.step(100) == GiveUp(
        entries(1, 2, arrival=10), Condition.RECORD_AGE_EXCEEDED, 0, None
    )
    assert numbers(lane.step(100)) == [3]


def test_a_batch_waiting_for_its_retry_wakes_when_it_expires() -> None:
    lane = Lane(Limits(age=60))
    lane.offer(59.95, entries(1))
    lane.step(59.95)
    lane.answered(59.95, Failed())
    assert lane.wakeup() == 60
