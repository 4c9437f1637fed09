"""What compaction is deployed as."""

import base64
import json
from typing import Any

from events import registry
from events.columns import COMPACTION_COLUMN, glue_columns
from events.swap import State, view_text
from infra.environments import named
from infra.hive import hive, trino
from tests.infra.assembly import Assembly
from tests.infra.test_pipeline import stack_of

SWAP = (
    "SELECT CAST(0 AS bigint) AS newest, CAST(ARRAY[] AS array(bigint)) AS hidden, "
    "CAST(MAP(ARRAY[], ARRAY[]) AS map(varchar, timestamp(3))) AS compacted_until"
)


def tables(assembly: Assembly) -> dict[str, dict[str, Any]]:
    found = (table.properties["TableInput"] for table in assembly.resources("AWS::Glue::Table"))
    return {table["Name"]: table for table in found}


def view(table: dict[str, Any]) -> dict[str, Any]:
    text = table["ViewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
    decoded: dict[str, Any] = json.loads(base64.b64decode(text))
    return decoded


def test_no_release_may_change_the_view_that_compaction_changes(assembly: Assembly) -> None:
    """CloudFormation would put back what the template says, and rows would appear twice."""
    database = named(assembly.environment).database
    for name in registry.names():
        swap = tables(assembly)[f"{name}_swap"]
        assert swap == {
            "Name": f"{name}_swap",
            "Description": "Which delivered and compacted rows count; compaction changes it",
            "TableType": "VIRTUAL_VIEW",
            "Parameters": {"presto_view": "true", "comment": "Presto View"},
            "PartitionKeys": [],
            "ViewOriginalText": view_text(State(), database),
            "ViewExpandedText": "/* Presto View */",
            "StorageDescriptor": {
                "Columns": [
                    {
                        "Name": "newest",
                        "Type": "bigint",
                        "Comment": "newest pass whose rows may count",
                    },
                    {
                        "Name": "hidden",
                        "Type": "array<bigint>",
                        "Comment": "passes that do not count: not committed yet, or replaced",
                    },
                    {
                        "Name": "compacted_until",
                        "Type": "map<string,timestamp>",
                        "Comment": "delivered rows of the date that do not",
                    },
                ],
                "Location": "",
                "SerdeInfo": {},
            },
        }
        assert view(swap)["originalSql"] == SWAP


def test_both_views_have_the_columns_of_the_class(assembly: Assembly) -> None:
    for name, kind in registry.types().items():
        wanted = [(column.name, column.type, column.comment) for column in glue_columns(kind)]
        for suffix in ("", "_unique"):
            table = tables(assembly)[name + suffix]
            *columns, date = table["StorageDescriptor"]["Columns"]
            assert [(one["Name"], one["Type"], one["Comment"]) for one in columns] == wanted
            assert (date["Name"], date["Type"]) == ("event_date", "string")
            assert view(table)["columns"] == [
                *({"name": column, "type": trino(type_)} for column, type_, _ in wanted),
                {"name": "event_date", "type": "varchar"},
            ]


def test_compacted_rows_have_one_column_more_than_delivered_ones(assembly: Assembly) -> None:
    for name in registry.names():
        delivered, compacted = (
            tables(assembly)[f"{name}_{word}"] for word in ("delivered", "compacted")
        )
        *same, more = compacted["StorageDescriptor"]["Columns"]
        assert same == delivered["StorageDescriptor"]["Columns"]
        assert (more["Name"], more["Type"]) == (COMPACTION_COLUMN, "bigint")
        assert compacted["PartitionKeys"] == delivered["PartitionKeys"]


def test_the_schedule_calls_the_function_of_its_type(assembly: Assembly) -> None:
    hours = named(assembly.environment).compaction_hours
    rules = {
        rule.stack: rule.properties
        for rule in assembly.resources("AWS::Events::Rule")
        if rule.name.startswith("Compaction")
    }
    functions = {
        function.stack: function.name
        for function in assembly.resources("AWS::Lambda::Function")
        if "compaction" in function.properties["Handler"]
    }
    assert set(rules) == {stack_of(assembly, name) for name in registry.names()}
    for stack, rule in rules.items():
        (target,) = rule["Targets"]
        assert rule["ScheduleExpression"] == f"rate({hours} hour{'s' if hours > 1 else ''})"
        assert target["Arn"] == {"Fn::GetAtt": [functions[stack], "Arn"]}


def test_a_failure_is_watched_as_a_whole_and_by_date(assembly: Assembly) -> None:
    for name in registry.names():
        stack = stack_of(assembly, name)
        (function,) = (
            function.name
            for function in assembly.resources("AWS::Lambda::Function")
            if function.stack == stack and "compaction" in function.properties["Handler"]
        )
        watched = [
            (
                alarm.properties["Namespace"],
                alarm.properties["MetricName"],
                {one["Name"]: one["Value"] for one in alarm.properties["Dimensions"]},
            )
            for alarm in assembly.resources("AWS::CloudWatch::Alarm")
            if alarm.stack == stack and alarm.name.startswith("Compaction")
        ]
        assert sorted(watched, key=str) == [
            ("AWS/Lambda", "Errors", {"FunctionName": {"Ref": function}}),
            (
                "Headrace",
                "FailedDates",
                {"Environment": assembly.environment, "EventType": name},
            ),
        ]


def test_types_are_spelled_for_both_catalogs() -> None:
    for hive_type, trino_type in {
        "string": "varchar",
        "timestamp": "timestamp(3)",
        "array<string>": "array(varchar)",
        "map<string,array<timestamp>>": "map(varchar, array(timestamp(3)))",
        "struct<a:string,b:struct<c:bigint>>": "row(a varchar, b row(c bigint))",
        "decimal(10,2)": "decimal(10,2)",
    }.items():
        assert trino(hive_type) == trino_type
        assert hive(trino_type) == hive_type
