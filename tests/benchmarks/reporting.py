"""What every benchmark does with its figures."""

import argparse
import json
from collections.abc import Callable, Mapping


def report(measure: Callable[[], Mapping[str, float]], told: str, about: str | None) -> None:
    """Measure and print: the figures in the words of `told`, or with --json as one object.

    `about` is the benchmark's docstring, for --help.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of sentences")
    asked = parser.parse_args()
    figures = measure()
    print(json.dumps(figures) if asked.json else told.format(**figures))
