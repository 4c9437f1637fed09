"""The provider sends what X-Ray's daemon takes, and only when the invocation is sampled."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from functions.shared.tools import tracer
from functions.shared.tracing import XRayDaemon

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0"

Received = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    """The documents that a daemon received, in the order they were sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(0)
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", "{}:{}".format(*daemon.getsockname()))
        monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)

        def documents() -> list[dict[str, Any]]:
            found = []
            while True:
                try:
                    found.append(json.loads(daemon.recv(65536).split(b"\n", 1)[1]))
                except BlockingIOError:
                    return found

        yield documents


def test_a_nested_subsegment_is_the_child_of_the_one_around_it(received: Received) -> None:
    provider = XRayDaemon()
    with provider.in_subsegment("outer"):
        provider.put_annotation("where", "outside")
        with provider.in_subsegment("inner") as inner:
            provider.put_metadata("detail", [1], "mine")
        provider.put_annotation("inner_is", inner.document["name"])
    first, second = received()
    assert (first["name"], second["name"]) == ("inner", "outer")
    assert first["parent_id"] == second["id"]
    assert second["parent_id"] == "53995c3f42cd8ad8"
    assert {first["trace_id"], second["trace_id"]} == {"1-5759e988-bd862e3fe1be46a994272793"}
    assert second["start_time"] <= first["start_time"] <= first["end_time"] <= second["end_time"]
    assert first["metadata"] == {"mine": {"detail": [1]}}
    assert second["annotations"] == {"where": "outside", "inner_is": "inner"}


def test_an_exception_is_a_fault_by_its_type_and_goes_on(received: Received) -> None:
    with pytest.raises(ValueError, match="secret"), XRayDaemon().in_subsegment("work"):
        raise ValueError("secret")
    (document,) = received()
    assert document["fault"] is True
    (failure,) = document["cause"]["exceptions"]
    assert (failure["type"], failure["remote"]) == ("ValueError", False)
    assert "secret" not in json.dumps(document)


def test_an_async_subsegment_is_sent_too(received: Received) -> None:
    async def work() -> None:
        async with XRayDaemon().in_subsegment_async("waiting"):
            await asyncio.sleep(0)

    asyncio.run(work())
    assert [document["name"] for document in received()] == ["waiting"]


@pytest.mark.parametrize("trace", [TRACE.replace("Sampled=1", "Sampled=0"), ""])
def test_what_is_not_sampled_is_not_sent(
    received: Received, monkeypatch: pytest.MonkeyPatch, trace: str
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", trace)
    with XRayDaemon().in_subsegment("work"):
        pass
    assert received() == []


def test_without_a_daemon_the_work_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)
    monkeypatch.delenv("AWS_XRAY_DAEMON_ADDRESS", raising=False)
    with XRayDaemon().in_subsegment("work"):
        pass
    assert capsys.readouterr().out == ""


def test_a_document_that_cannot_be_sent_is_a_log_line_not_a_failure(
    received: Received, capsys: pytest.CaptureFixture[str]
) -> None:
    with XRayDaemon().in_subsegment("work") as subsegment:
        subsegment.put_metadata("large", "x" * 100_000)
    assert received() == []
    line = json.loads(capsys.readouterr().out)
    assert line["message"].startswith("no trace was sent: ")


def test_outside_of_a_subsegment_annotations_are_nobody_s(received: Received) -> None:
    provider = XRayDaemon()
    provider.put_annotation("a", 1)
    provider.put_metadata("a", 1)
    assert received() == []


def test_powertools_measures_a_method_with_it(received: Received) -> None:
    tools = tracer("orders")

    @tools.capture_method(capture_response=False)
    def work() -> int:
        tools.put_annotation("step", "one")
        return 1

    assert work() == 1
    (document,) = received()
    assert document["name"].endswith("work")
    assert document["annotations"] == {"step": "one"}


def test_instrumenting_a_library_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="boto3"):
        XRayDaemon().patch(["boto3"])
    with pytest.raises(NotImplementedError, match="auto_patch=False"):
        XRayDaemon().patch_all()
