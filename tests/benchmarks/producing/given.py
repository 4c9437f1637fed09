"""The events that every producer puts. Imports nothing of ours: a peer has its own environment."""

from random import Random

KEYS = 4_000
REGION = "us-east-1"
STREAM = "null"


def events(count: int) -> list[tuple[str, bytes]]:
    """JSON of about 300 bytes, each under one of `KEYS` partition keys."""
    random = Random("producer")  # noqa: S311  no secret
    bodies = [
        b'{"event_id":"%032x","event_time":"2026-01-01T00:00:00.%03dZ","notes":"%s"}'
        % (
            random.getrandbits(128),
            n,
            bytes(random.choices(b"abcdefgh ", k=random.randint(150, 250))),
        )
        for n in range(1_000)
    ]
    return [(f"device-{n % KEYS}", bodies[n % len(bodies)]) for n in range(count)]
