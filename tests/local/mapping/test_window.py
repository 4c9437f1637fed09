"""Tumbling windows, step by step."""

from local.mapping.lane import Entry, Failed, GiveUp, Invoke, Limits, Succeeded, Window
from local.mapping.window import STATE_BYTES, WindowedLane


def entry(number: int, arrival: float) -> Entry:
    return Entry(number, "key", arrival, 100)


def invoked(action: Invoke | GiveUp | None) -> tuple[list[int], Window | None]:
    assert isinstance(action, Invoke)
    return [entry.sequence_number for entry in action.entries], action.window


def test_a_batch_never_spans_two_windows_and_each_ends_with_a_final_invocation() -> None:
    lane = WindowedLane(Limits(), 60)
    lane.offer(100, [entry(1, 61), entry(2, 119), entry(3, 120)])
    assert invoked(lane.step(100)) == ([1, 2], Window(60, 120))
    lane.answered(100, Succeeded(b'{"n":2}'))
    assert invoked(lane.step(100)) == ([], Window(60, 120, b'{"n":2}', final=True))
    lane.answered(100, Succeeded())
    assert invoked(lane.step(100)) == ([3], Window(120, 180))
    assert lane.take_done() == [1, 2]


def test_the_state_is_carried_through_the_window() -> None:
    lane = WindowedLane(Limits(batch_size=1), 60)
    lane.offer(0, [entry(1, 0), entry(2, 1)])
    lane.step(0)
    lane.answered(0, Succeeded(b'{"n":1}'))
    assert invoked(lane.step(0)) == ([2], Window(0, 60, b'{"n":1}'))


def test_an_idle_window_ends_when_its_end_was_read_past() -> None:
    lane = WindowedLane(Limits(), 60)
    lane.offer(0, [entry(1, 0)])
    lane.step(0)
    lane.answered(0, Succeeded(b"{}"))
    assert lane.step(59) is None
    lane.seen = 60
    assert invoked(lane.step(60)) == ([], Window(0, 60, final=True))
    lane.answered(60, Succeeded())
    assert lane.idle


def test_a_failed_final_invocation_blocks_the_shard_until_it_succeeds() -> None:
    lane = WindowedLane(Limits(retries=0), 60)
    lane.offer(100, [entry(1, 0), entry(2, 60)])
    lane.step(100)
    lane.answered(100, Succeeded())
    now = 100.0
    for _ in range(5):
        assert invoked(lane.step(now))[1] == Window(0, 60, final=True)
        lane.answered(now, Failed(error="Unhandled"))
        assert lane.step(now) is None
        wakeup = lane.wakeup()
        assert wakeup is not None and wakeup > now
        now = wakeup
    lane.step(now)
    lane.answered(now, Succeeded())
    assert invoked(lane.step(now)) == ([2], Window(60, 120))


def test_too_large_a_state_ends_the_window_early_and_it_continues_with_a_fresh_one() -> None:
    lane = WindowedLane(Limits(batch_size=1), 60)
    lane.offer(0, [entry(1, 0), entry(2, 1)])
    lane.step(0)
    state = b'{"x":"' + b"x" * STATE_BYTES + b'"}'
    lane.answered(0, Succeeded(state))
    assert invoked(lane.step(0)) == ([], Window(0, 60, state, final=True, early=True))
    lane.answered(0, Succeeded())
    assert invoked(lane.step(0)) == ([2], Window(0, 60))


def test_a_batch_given_up_leaves_the_state_as_it_was() -> None:
    lane = WindowedLane(Limits(batch_size=1, retries=0), 60)
    lane.offer(0, [entry(1, 0), entry(2, 1), entry(3, 2)])
    lane.step(0)
    lane.answered(0, Succeeded(b'{"n":1}'))
    lane.step(0)
    assert lane.answered(0, Failed()) is not None
    assert invoked(lane.step(0)) == ([3], Window(0, 60, b'{"n":1}'))
    assert lane.take_done() == [1, 2]


def test_the_end_of_the_shard_ends_its_last_window() -> None:
    lane = WindowedLane(Limits(), 60)
    lane.offer(0, [entry(1, 0)])
    lane.step(0)
    lane.answered(0, Succeeded())
    assert invoked(lane.step(1, flush=True)) == ([], Window(0, 60, final=True))
