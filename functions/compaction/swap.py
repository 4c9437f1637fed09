"""The state of an event type's compaction, in the catalog: read, and changed by compare and swap.

Glue takes an update for one version of a table only, as Iceberg's tables in Glue rely on, too:
https://docs.aws.amazon.com/glue/latest/webapi/API_UpdateTable.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from events.swap import State, view_text

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

PARAMETER = "headrace.swap"
ATTEMPTS = 20
# What GetTable adds to what CreateTable and UpdateTable take is left out of an update.
TABLE_INPUT = (
    "Name",
    "Description",
    "Owner",
    "Retention",
    "StorageDescriptor",
    "PartitionKeys",
    "ViewExpandedText",
    "TableType",
    "Parameters",
)


class Contended(Exception):
    """The state changed under every attempt to change it."""


@dataclass(frozen=True)
class Swap:
    """`<type>_swap` in the catalog: a view of one row, and the same state for us beside it."""

    glue: GlueClient
    database: str
    table: str

    def read(self) -> State:
        """The state now."""
        return self._get()[0]

    def change(self, step: Callable[[State], State]) -> State:
        """Replace the state by what `step` makes of it, and return that.

        `step` is applied again to the newer state when another run was faster, and when it is not
        known whether an update arrived: it must leave alone what it has already done.
        """
        for _ in range(ATTEMPTS):
            state, table = self._get()
            wanted = step(state)
            if wanted == state or self._put(table, wanted):
                return wanted
        raise Contended(f"{self.database}.{self.table} changed {ATTEMPTS} times: try again")

    def _get(self) -> tuple[State, dict[str, Any]]:
        table = self.glue.get_table(DatabaseName=self.database, Name=self.table)["Table"]
        text = table.get("Parameters", {}).get(PARAMETER)
        state = msgspec.json.decode(text, type=State) if text else State()
        return state, dict(table)

    def _put(self, table: dict[str, Any], state: State) -> bool:
        kept = {name: table[name] for name in TABLE_INPUT if name in table}
        parameters = {**table["Parameters"], PARAMETER: msgspec.json.encode(state).decode()}
        try:
            self.glue.update_table(
                DatabaseName=self.database,
                TableInput={
                    **kept,  # type: ignore[typeddict-item]
                    "Parameters": parameters,
                    "ViewOriginalText": view_text(state, self.database),
                },
                SkipArchive=True,
                VersionId=table["VersionId"],
            )
        except self.glue.exceptions.ConcurrentModificationException:
            return False
        return True
