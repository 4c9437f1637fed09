"""Buffers: nothing lost, order kept, sealed by size and time, active until written."""

from hypothesis import given, settings
from hypothesis import strategies as st

from local.delivery.buffer import Buffer, Buffers, Hints, Item, Key, Kind
from local.delivery.failure import Line
from local.delivery.record import Row, Source

A, B = Key(Kind.DATA, ("a/",)), Key(Kind.DATA, ("b/",))
ERROR = Key(Kind.ERROR, "processing-failed")


def row(number: int, size: int = 1) -> Row:
    return Row(bytes(size), Source(b"source", number, str(number)))


def buffers(size: int = 100, interval: float = 60.0) -> Buffers:
    return Buffers(lambda _: Hints(size, interval))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([A, B, ERROR]), st.lists(st.integers(0, 120), max_size=8)),
        max_size=15,
    )
)
def test_every_record_comes_out_once_in_order_and_within_the_size(
    puts: list[tuple[Key, list[int]]],
) -> None:
    tested = buffers()
    given_items: dict[Key, list[Item]] = {A: [], B: [], ERROR: []}
    number = 0
    for key, sizes in puts:
        items: list[Item] = []
        for size in sizes:
            number += 1
            items.append(row(number, size))
        given_items[key] += items
        tested.add(key, items, 0.0)
    tested.seal_all()
    taken: dict[Key, list[Item]] = {A: [], B: [], ERROR: []}
    while buffer := tested.take(0.0):
        taken[buffer.key] += buffer.items
        sizes = [len(item.data) for item in buffer.items if isinstance(item, Row)]
        assert buffer.size == sum(sizes)
        assert sum(sizes[:-1]) < 100 or not sizes[-1]  # what is empty fits into what is full
        assert buffer.size <= 100 or len(sizes) == 1
        assert buffer.oldest == min(item.source.arrival for item in buffer.items)  # type: ignore[union-attr]
        tested.done(buffer)
    assert taken == given_items
    assert (tested.memory, len(tested), tested.active(Kind.DATA)) == (0, 0, set())


def test_a_buffer_is_due_when_its_interval_is_over() -> None:
    tested = buffers()
    assert tested.due() is None
    tested.add(A, [row(1)], 10.0)
    tested.add(B, [row(2)], 20.0)
    tested.add(A, [row(3)], 60.0)
    assert tested.due() == 70.0
    assert tested.take(69.9) is None
    assert tested.take(70.0) == Buffer(A, 10.0, 1, [row(1), row(3)], 2)
    assert tested.take(70.0) is None


def test_a_buffer_that_reaches_the_size_is_due_at_once() -> None:
    tested = buffers(size=10)
    tested.add(A, [row(1, 6), row(2, 4), row(3, 1)], 0.0)
    taken = tested.take(0.0)
    assert taken is not None
    assert taken.items == [row(1, 6), row(2, 4)]
    assert tested.take(0.0) is None


def test_hints_that_change_count_for_what_waits() -> None:
    hints = [Hints(100, 60.0)]
    tested = Buffers(lambda _: hints[0])
    tested.add(A, [row(1)], 0.0)
    hints[0] = Hints(100, 5.0)
    assert tested.due() == 5.0


def test_a_partition_is_active_until_its_object_is_written() -> None:
    tested = buffers()
    tested.add(A, [row(1)], 0.0)
    tested.add(ERROR, [Line("processing-failed", row(2).source, b"{}\n")], 0.0)
    first = tested.take(60.0)
    assert first is not None
    tested.add(A, [row(3)], 60.0)
    tested.done(first)
    assert tested.active(Kind.DATA) == {A}
    while buffer := tested.take(1_000.0):
        tested.done(buffer)
    assert tested.active(Kind.DATA) == set()


def test_the_biggest_buffer_can_be_taken_before_it_is_due() -> None:
    tested = buffers()
    tested.add(A, [row(1, 5)], 0.0)
    tested.add(B, [row(2, 50)], 0.0)
    biggest = tested.take_biggest()
    assert biggest is not None
    assert biggest.key == B
