"""The queries that ship with the lake, asked of the local AWS with rows of our own."""

from cli.athena import Database
from cli.stacks import Lake
from infra.sql import queries
from tests.conftest import AWS

FLIGHTS = """(VALUES
    (timestamp '2013-01-01 10:15:00', timestamp '2013-01-01 10:20:00'),
    (timestamp '2013-01-01 10:59:00', NULL),
    (timestamp '2013-07-01 09:00:00', timestamp '2013-07-01 09:00:00'),
    (timestamp '2013-07-01 22:00:00', timestamp '2013-07-01 22:05:00')
) AS flights (scheduled_departure, departure)"""


def test_cancellations_are_shares_of_the_local_hour_with_two_digits(aws: AWS) -> None:
    """10:15 in winter and 9:00 in summer, both UTC, are 5 o'clock in New York."""
    aws.client("s3").create_bucket(Bucket="shipped-queries")
    where = {"ResultConfiguration": {"OutputLocation": "s3://shipped-queries/"}}
    aws.client("athena").create_work_group(Name="shipped", Configuration=where)
    lake = Lake(bucket_name="shipped-queries", database_name="any", work_group_name="shipped")
    (query,) = (one for one in queries(database="any") if one.name == "cancellations_by_hour")
    answer = Database(aws.client("athena"), lake).ask(query.sql.replace("any.flight", FLIGHTS))
    assert [column.name for column in answer.columns] == [
        "local_hour",
        "scheduled",
        "cancelled",
        "cancelled_percent",
    ]
    assert list(answer.rows) == [[5, 3, 1, 33.33], [18, 1, 0, 0.0]]
