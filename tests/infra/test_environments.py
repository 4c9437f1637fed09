"""A wrong configuration is one sentence and no stack."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.environments import named
from infra.errors import WrongConfiguration
from tests.infra.assembly import synthesize


def test_an_unknown_environment_is_one_sentence_and_no_assembly(tmp_path: Path) -> None:
    with synthesize("staging", tmp_path / "cdk.out") as process:
        said = process.communicate()
    assert (process.returncode, *said) == (
        1,
        "",
        "There is no environment 'staging': choose -c env=dev or -c env=prod.\n",
    )
    assert not (tmp_path / "cdk.out" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"buffer_mib": 63}, "buffer_mib is 63, but must be 64 to 128"),
        ({"buffer_seconds": 901}, "buffer_seconds is 901, but must be 60 to 900"),
        ({"transform_seconds": 301}, "transform_seconds is 301, but must be 1 to 300"),
        (
            {"transform_memory_mib": 64},
            "transform_memory_mib is 64, but must be 128 to 10240",
        ),
        (
            {"processor_memory_mib": 10_241},
            "processor_memory_mib is 10241, but must be 128 to 10240",
        ),
        ({"processor_seconds": 901}, "processor_seconds is 901, but must be 1 to 900"),
        (
            {"scan_limit_bytes": 9_999_999},
            "scan_limit_bytes is 9999999, but must be at least 10000000",
        ),
        ({"access_log_days": 0}, "access_log_days is 0, but must be at least 1"),
        ({"old_version_days": -1}, "old_version_days is -1, but must be at least 0"),
        ({"query_result_days": 0}, "query_result_days is 0, but must be at least 1"),
    ],
)
def test_a_value_that_aws_would_refuse_is_refused_here(
    values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(WrongConfiguration) as refused:
        replace(named("dev"), **values)
    assert str(refused.value) == f"Environment dev: {sentence} (infra/environments.py)."


@pytest.mark.parametrize("name", ["Dev", "my-team", "", "ü1", "a" * 21])
def test_a_name_that_does_not_fit_stacks_and_databases_is_refused(name: str) -> None:
    with pytest.raises(WrongConfiguration, match="but must be"):
        replace(named("dev"), name=name)
