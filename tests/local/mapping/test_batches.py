"""The state machine of a queue's messages, with the clock in the test's hand."""

from local.mapping.batches import Batch, Batches, Message
from local.mapping.lane import BATCH_BYTES


def messages(*ids: int, expires: float = 30.0, size: int = 100) -> list[Message]:
    return [Message(str(number), b"x" * (size - 1), expires) for number in ids]


def ids(batch: Batch | None) -> list[str] | None:
    return None if batch is None else [message.id for message in batch.messages]


def taken(machine: Batches, now: float = 0.0) -> Batch:
    batch = machine.step(now)
    assert batch
    return batch


def test_what_was_received_is_one_batch_and_what_was_taken_is_deleted() -> None:
    machine = Batches()
    machine.offer(0, messages(1, 2, 3))
    batch = taken(machine)
    assert (ids(batch), machine.step(0)) == (["1", "2", "3"], None)
    assert machine.answered(0, batch, ()) == ["1", "2", "3"]


def test_what_failed_is_not_deleted_and_not_tried_again_from_here() -> None:
    machine = Batches()
    machine.offer(0, messages(1, 2, 3))
    assert machine.answered(0, taken(machine), {"2"}) == ["1", "3"]
    machine.offer(0, messages(4))
    assert machine.answered(0, taken(machine), {"4"}) == []
    assert (machine.step(1_000), machine.wakeup(), machine.room) == (None, None, 10)


def test_a_batch_that_did_not_run_is_tried_again_until_it_is_visible() -> None:
    machine = Batches()
    machine.offer(0, messages(1, expires=1.0))
    now, tried = 0.0, 0
    while batch := machine.step(now):
        assert machine.answered(now, batch, None) == []
        tried += 1
        now = machine.wakeup() or 0.0
    assert (tried, now) == (4, 1.5)  # at 0, 0.1, 0.3 and 0.7 seconds; at 1.5 it is another's
    assert (machine.wakeup(), machine.room) == (None, 10)


def test_the_window_waits_for_a_full_batch_until_it_ends() -> None:
    machine = Batches(size=3, window=5.0)
    machine.offer(0, messages(1))
    assert (machine.step(4.9), machine.wakeup(), machine.room) == (None, 5.0, 2)
    machine.offer(4.9, messages(2))
    assert ids(machine.step(5.0)) == ["1", "2"]
    machine.offer(6.0, messages(3, 4, 5))
    assert machine.room == 0
    assert ids(machine.step(6.0)) == ["3", "4", "5"]


def test_a_message_that_expired_while_it_waited_for_the_window_is_let_go() -> None:
    machine = Batches(size=100, window=40.0)
    machine.offer(0, messages(1, expires=30.0))
    machine.offer(20, messages(2, expires=50.0))
    assert ids(machine.step(40.0)) == ["2"]


def test_a_payload_is_six_megabytes_at_most() -> None:
    machine = Batches(size=100, window=300.0)
    machine.offer(0, messages(1, 2, 3, size=BATCH_BYTES // 2))
    assert machine.room == 0
    assert ids(machine.step(0)) == ["1", "2"]
    assert machine.step(0) is None
    assert ids(machine.step(300.0)) is None  # the third expired meanwhile


def test_no_more_invocations_than_the_concurrency_and_nothing_is_received_meanwhile() -> None:
    machine = Batches(size=1, concurrency=2)
    assert machine.room == 1
    machine.offer(0, messages(1))
    first = taken(machine)
    machine.offer(0, messages(2))
    taken(machine)
    assert (machine.room, machine.step(0), machine.wakeup()) == (0, None, None)
    machine.answered(0, first, ())
    assert machine.room == 1
    machine.offer(0, messages(3, 4))
    assert (ids(machine.step(0)), machine.step(0)) == (["3"], None)


def test_a_message_that_is_received_again_while_its_function_runs_is_a_message_of_its_own() -> None:
    machine = Batches()
    machine.offer(0, messages(1, expires=30.0))
    late = taken(machine)
    machine.offer(30, messages(1, expires=60.0))
    assert machine.answered(31, late, ()) == ["1"]
    assert ids(machine.step(31)) == ["1"]


def test_the_payload_is_the_records_as_they_were_made() -> None:
    machine = Batches()
    machine.offer(0, [Message("1", b'{"a":1}', 30.0), Message("2", b"{}", 30.0)])
    assert taken(machine).payload == b'{"Records":[{"a":1},{}]}'


def test_at_most_ten_are_received_at_once() -> None:
    assert Batches(size=10_000, window=1.0).room == 10
