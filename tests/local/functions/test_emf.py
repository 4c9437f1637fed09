"""CloudWatch's embedded metric format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.functions.emf import Point, points


def document(**members: Any) -> dict[str, Any]:
    directive = {
        "Namespace": "Headrace",
        "Dimensions": [["Service"], ["Service", "Type"]],
        "Metrics": [{"Name": "Rejected", "Unit": "Count"}, {"Name": "Latency"}],
    }
    metadata = {"Timestamp": 1_790_000_000_500, "CloudWatchMetrics": [directive]}
    return {"_aws": metadata, "Service": "delivery", "Type": "flight", **members}


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def test_every_dimension_set_gets_every_metric() -> None:
    one, two = (("Service", "delivery"),), (("Service", "delivery"), ("Type", "flight"))
    time = 1_790_000_000.5
    assert points(encoded(document(Rejected=[3], Latency=[1, 2.5]))) == [
        Point("Headrace", "Rejected", "Count", one, (3.0,), time),
        Point("Headrace", "Latency", "None", one, (1.0, 2.5), time),
        Point("Headrace", "Rejected", "Count", two, (3.0,), time),
        Point("Headrace", "Latency", "None", two, (1.0, 2.5), time),
    ]


def test_a_metric_without_a_number_and_a_dimension_without_a_text_count_nothing() -> None:
    found = points(encoded(document(Rejected="3", Latency=True, Type=7)))
    assert found == []
    named = [point.name for point in points(encoded(document(Rejected=1, Type=7)))]
    assert named == ["Rejected"]


@pytest.mark.parametrize(
    "line",
    [
        b"plain text\n",
        b'{"_aws": 1}\n',
        b'{"_aws": {"Timestamp": "now", "CloudWatchMetrics": []}}\n',
        b'[{"_aws": {}}]\n',
        b'{"_aws": {\xff\n',
    ],
)
def test_a_line_that_is_no_document_has_no_metrics(line: bytes) -> None:
    assert points(line) == []
