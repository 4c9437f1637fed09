"""What happened, as the lake has it: which events are put again, and what a run is.

A run is a query. Its answer stays in S3 for some days, so what one command began another can go on
with: without a second query, and with the same events in the same places. Its id is in the mark of
every event that it puts.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.athena import Database, Execution
from cli.chosen import Chosen
from cli.errors import MissingStack, WrongUsage
from cli.feeds import Feed, kind_of
from cli.rows import Rows, chosen_by, query
from cli.stacks import Flow, Lake
from events.mark import Mark

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The events of one type in one lake."""

    database: Database
    s3: "S3Client"
    lake: Lake
    flow: Flow

    def choose(self, where: str, limit: int | None) -> Execution:
        """A new run, of the events for which a condition in SQL holds. Raises WrongQuery."""
        name, view = self.flow.event_type, self.flow.unique_name
        if not view:
            raise MissingStack(
                f"The stack of {name} has no view that shows each event once: deploy it again with "
                "`cdk deploy --all`."
            )
        sql = query(name, kind_of(name), view, where, limit)
        return self.database.execution(self.database.start(sql))

    def run(self, run: str) -> Execution:
        """A run that was begun before. Raises WrongUsage."""
        from botocore.exceptions import ClientError

        name = self.flow.event_type
        try:
            found = self.database.execution(run)
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidRequestException":
                raise
            raise WrongUsage(f"There is no run {run}: choose events with --where.") from error
        ours = found.work_group == self.lake.work_group_name
        if not (ours and found.sql.startswith(chosen_by(name))):
            raise WrongUsage(
                f"{run} is no run of {name} from this environment's lake: choose events with "
                "--where, or another environment with --env."
            )
        return found

    def feed(
        self,
        run: str,
        location: str,
        *,
        limit: int | None,
        after: int,
        strict: bool,
        timed: bool,
    ) -> Feed:
        """The marked events of a run, without the first `after` of them."""
        name = self.flow.event_type
        return Feed(
            name,
            source=Chosen(self.s3, location, Rows(kind_of(name)).event, after=after),
            limit=limit,
            strict=strict,
            timed=timed,
            after=after,
            mark=Mark(kind="replayed", lake=self.lake.bucket_name, run=run),
        )
