"""The failure archive in SQL: what rescue writes is what is queried."""

import base64
import json
import re
from typing import Any

import msgspec

from events.failure import Line
from infra.failures import COLUMNS, SQL
from tests.infra.assembly import Assembly


def tables(assembly: Assembly) -> dict[str, Any]:
    return {
        table.properties["TableInput"]["Name"]: table.properties["TableInput"]
        for table in assembly.resources("AWS::Glue::Table")
    }


def test_the_columns_of_the_lines_are_the_members_of_a_line() -> None:
    hive = {str: "string", int: "bigint", bool: "boolean"}
    members = {}
    for field in msgspec.structs.fields(Line):
        [kind] = (
            {field.type}
            if isinstance(field.type, type)
            else {one for one in field.type.__args__ if one is not type(None)}
        )
        members[field.encode_name] = hive[kind]
    assert members == COLUMNS


def test_the_lines_lie_by_the_date_of_the_failure(assembly: Assembly) -> None:
    parameters = tables(assembly)["failure_lines"]["Parameters"]
    days = {"dev": 30, "prod": 400}[assembly.environment]
    assert parameters["projection.failed_date.range"] == f"NOW-{days}DAYS,NOW+1DAYS"
    location = parameters["storage.location.template"]["Fn::Join"][1][-1]
    assert location == "/failures/records/failed_date=${failed_date}/"


def test_the_view_gives_the_columns_that_it_names_in_their_order(assembly: Assembly) -> None:
    view = tables(assembly)["failures"]
    packed = re.fullmatch(r"/\* Presto View: (\S+) \*/", view["ViewOriginalText"])
    assert packed
    told = json.loads(base64.b64decode(packed[1]))
    assert told["originalSql"] == SQL.read_text().strip()
    lines = [line.strip(" ,") for line in told["originalSql"].splitlines()[1:-1]]
    assert [column["name"] for column in told["columns"]] == [line.split()[-1] for line in lines]
    assert all(column["Comment"] for column in view["StorageDescriptor"]["Columns"])
