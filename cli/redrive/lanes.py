"""Which failed batches are redriven one after the other, and which side by side."""

from collections.abc import Callable, Iterable, Iterator

from cli.failures import Stored

Parents = dict[str, list[str]]
"""The shards that a shard continues, as far as the stream still knows them."""


def by_function(
    stored: Iterable[Stored], parents_of: Callable[[str], Parents]
) -> Iterator[list[list[Stored]]]:
    """The lanes of one function and stream after the other; of batches that hold records."""
    found: dict[tuple[str, str], list[Stored]] = {}
    for one in stored:
        if one.summary.records:
            key = (one.summary.function_arn, one.summary.stream_arn)
            found.setdefault(key, []).append(one)
    for (_, stream_arn), batches in found.items():
        yield lanes(batches, parents_of(stream_arn))


def lanes(stored: Iterable[Stored], parents: Parents) -> list[list[Stored]]:
    """A lane per shard. Shards of which one continues the other are one lane, for the records of
    one key lie on both; a shard's sequence numbers are above those of its parents."""
    by_shard: dict[str, list[Stored]] = {}
    for one in stored:
        by_shard.setdefault(one.summary.shard_id, []).append(one)
    families = {shard: {shard} for shard in by_shard}
    for shard in by_shard:
        for ancestor in _ancestors(shard, parents) & by_shard.keys():
            joined = families[shard] | families[ancestor]
            families.update(dict.fromkeys(joined, joined))
    each = {min(family): family for family in families.values()}
    return [
        sorted(
            (one for shard in family for one in by_shard[shard]),
            key=lambda one: int(one.summary.start_sequence_number),
        )
        for _, family in sorted(each.items())
    ]


def _ancestors(shard: str, parents: Parents) -> set[str]:
    found: set[str] = set()
    left = [shard]
    while left:
        new = set(parents.get(left.pop(), [])) - found
        found |= new
        left += new
    return found
