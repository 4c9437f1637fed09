"""The command that goes on with a replay from the lake repeats what was typed."""

from typing import Any

import pytest

from cli.again import Wanted

BEGAN: dict[str, Any] = {"event_type": "flight", "environment": "dev"}


@pytest.mark.parametrize(
    ("typed", "after", "command"),
    [
        ({"where": "true"}, 0, "--run R --env dev"),
        ({"where": "true", "limit": 9, "to": "prod"}, 4, "--run R --after 4 --to prod --env dev"),
        ({"run": "R", "after": 3, "limit": 9}, 4, "--run R --after 4 --limit 8 --env dev"),
        ({"run": "R", "after": 3, "limit": 1}, 4, None),
        (
            {"where": "true", "rate": "0.5", "speed": 60.0, "strict": True, "aggregate": False},
            1,
            "--run R --after 1 --rate 0.5 --speed 60 --env dev --strict --no-aggregate",
        ),
    ],
)
def test_what_comes_after_is_put_in_the_same_way(
    typed: dict[str, Any], after: int, command: str | None
) -> None:
    then = Wanted(**BEGAN, **typed).then("R", after)
    assert then == (None if command is None else f"headrace replay flight --from-lake {command}")
