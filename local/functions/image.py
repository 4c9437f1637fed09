"""The runtime image: what AWS's Python base image has beside the interpreter, and no more.

A directory of links into the distributions that the local AWS was installed with, so that a
dependency which the layer lacks is missing here as it is on AWS.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib import metadata
from pathlib import Path

DISTRIBUTIONS = (
    "awslambdaric",
    "boto3",
    "botocore",
    "jmespath",
    "python-dateutil",
    "s3transfer",
    "simplejson",
    "six",
    "snapshot-restore-py",
    "urllib3",
)
BOOTSTRAP = "bootstrap.py"


def build(target: Path) -> Path:
    """Make the image in `target` (a directory that does not exist yet)."""
    target.mkdir()
    for name in DISTRIBUTIONS:
        distribution = metadata.distribution(name)
        tops = {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}
        for top in sorted(tops - {"__pycache__"}):
            (target / top).symlink_to(Path(str(distribution.locate_file(top))))
    shutil.copyfile(Path(__file__).with_name(BOOTSTRAP), target / BOOTSTRAP)
    return target


def interpreter() -> str:
    """The interpreter that functions run on: the local AWS's own, outside its environment."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
