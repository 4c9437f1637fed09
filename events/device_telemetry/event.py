"""A report of one device: its health since the last one."""

from datetime import date, timedelta
from typing import Annotated, ClassVar

from msgspec import Meta

from events.contract import Contract, Event, Provisioned
from events.words import Instant


class DeviceTelemetry(Event, frozen=True, kw_only=True, gc=False):
    """What a set-top box or sensor reports of itself about once a minute.

    Unknown fields are allowed: devices in the field run releases newer than this contract.
    """

    contract: ClassVar[Contract] = Contract(
        partition_key=("device",),
        event_id="event_id",
        event_time="event_time",
        first_date=date(2025, 1, 1),
        capacity=Provisioned(shards=2),
        retention=timedelta(days=7),
    )

    event_id: Annotated[
        str, Meta(min_length=1, max_length=128, description="device, boot id and counter")
    ]
    event_time: Annotated[Instant, Meta(description="when the device made the report")]
    device: Annotated[str, Meta(min_length=1, max_length=64, description="serial of the device")]
    boot_id: Annotated[int, Meta(ge=1, le=2**31 - 1, description="starts of the device so far")]
    counter: Annotated[
        int, Meta(ge=0, le=2**31 - 1, description="reports since this boot, from 0, without gaps")
    ]
    release: Annotated[
        str, Meta(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$", max_length=32, description="firmware")
    ]
    model: Annotated[str, Meta(min_length=1, max_length=32, description="hardware model")]
    region: Annotated[str, Meta(min_length=1, max_length=32, description="where it is installed")]
    heap_bytes: Annotated[int, Meta(ge=0, le=2**40, description="bytes of heap in use")]
    cpu: Annotated[float, Meta(ge=0, le=1, description="share of the processor in use, 0 to 1")]
    channel_change_ms: (
        Annotated[
            float,
            Meta(
                ge=0,
                le=600_000,
                description="milliseconds of the last channel change; null when there was none",
            ),
        ]
        | None
    ) = None
    uptime_seconds: Annotated[int, Meta(ge=0, le=2**31 - 1, description="seconds since this boot")]
    crashed: Annotated[bool, Meta(description="true in the first report after a crash")]
