"""StartQueryExecution and what follows it."""

from __future__ import annotations

import base64
from typing import Any

from local.athena import executions, results, statements
from local.athena.errors import InvalidRequest
from local.athena.executions import Execution, Executions, Request
from local.athena.lake.objects import Store, address
from local.athena.paging import limit, page
from local.athena.state import Region

PAGE = 1000
WINDOW = 1 << 20
"""Bytes of a result file that are looked at for a page; more if its rows are longer."""
LONGEST = 262_144
"""Bytes of a query, as in Athena."""
_running: list[Executions] = []


def runner() -> Executions:
    """The executions of this process, made when the first query comes."""
    if not _running:
        _running.append(Executions())
    return _running[0]


def stop() -> None:
    while _running:
        _running.pop().stop()


def start(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    with region.lock:
        repeated = _repeated(region, wanted)
        if repeated is not None:
            return {"QueryExecutionId": repeated.id}
        execution = Execution(_request(region, wanted), region.name, region.account)
        region.executions[execution.id] = execution
        if wanted.get("ClientRequestToken"):
            region.tokens[wanted["ClientRequestToken"]] = execution
    runner().start(execution)
    return {"QueryExecutionId": execution.id}


def _repeated(region: Region, wanted: dict[str, Any]) -> Execution | None:
    """The query that the same client token started before."""
    token = wanted.get("ClientRequestToken")
    known = region.tokens.get(token) if token else None
    if known is not None and known.request.given != _given(wanted):
        raise InvalidRequest("Idempotent parameters do not match")
    return known


def _given(wanted: dict[str, Any]) -> tuple[object, ...]:
    keys = ("QueryString", "QueryExecutionContext", "ResultConfiguration", "WorkGroup")
    return tuple(wanted.get(key) for key in (*keys, "ExecutionParameters"))


def _request(region: Region, wanted: dict[str, Any]) -> Request:
    sql = wanted.get("QueryString") or ""
    if len(sql.encode()) > LONGEST:
        raise InvalidRequest(f"queryString must be at most {LONGEST} bytes long")
    group = region.workgroup(wanted.get("WorkGroup"))
    if group.state == "DISABLED":
        raise InvalidRequest(f"WorkGroup {group.name} is disabled.")
    context = wanted.get("QueryExecutionContext") or {}
    database = (context.get("Database") or "").strip("`").lower() or None
    catalog = context.get("Catalog") or "AwsDataCatalog"
    if catalog.lower() != "awsdatacatalog":
        raise InvalidRequest(f"Data catalog {catalog} was not found")
    configuration, enforced = _configuration(group.configuration, wanted)
    return Request(
        sql=sql,
        statement=statements.parse(sql),
        location=configuration.pop("OutputLocation").rstrip("/") + "/",
        workgroup=group.name,
        database=database,
        catalog=catalog,
        parameters=list(wanted.get("ExecutionParameters") or []),
        configuration=configuration,
        reuse=wanted.get("ResultReuseConfiguration"),
        cutoff=group.configuration.get("BytesScannedCutoffPerQuery"),
        enforced=enforced,
        given=_given(wanted),
    )


def _configuration(group: dict[str, Any], wanted: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """The result configuration: the workgroup's if it enforces it, else the query's own first."""
    theirs = group.get("ResultConfiguration") or {}
    enforced = bool(group.get("EnforceWorkGroupConfiguration")) and "OutputLocation" in theirs
    own = {} if enforced else wanted.get("ResultConfiguration") or {}
    chosen = {**theirs, **own}
    location = chosen.get("OutputLocation")
    if not location:
        message = (
            "No output location provided. An output location is required either through the "
            "Workgroup result configuration setting or as an API input."
        )
        raise InvalidRequest(message)
    if not location.startswith("s3://") or not address(location)[0]:
        raise InvalidRequest(f"outputLocation is not a valid S3 path: {location}")
    return dict(chosen), enforced


def get(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    execution = region.execution(wanted["QueryExecutionId"])
    return {"QueryExecution": executions.described(execution)}


def batch_get(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    known, unknown = [], []
    for query_id in wanted["QueryExecutionIds"]:
        execution = region.executions.get(query_id)
        if execution is not None:
            known.append(executions.described(execution))
        else:
            message = f"QueryExecution {query_id} was not found"
            unknown.append(
                {
                    "QueryExecutionId": query_id,
                    "ErrorCode": "INVALID_INPUT",
                    "ErrorMessage": message,
                }
            )
    return {"QueryExecutions": known, "UnprocessedQueryExecutionIds": unknown}


def list_(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    """The newest first."""
    group = region.workgroup(wanted.get("WorkGroup")).name
    found = [e.id for e in list(region.executions.values()) if e.request.workgroup == group]
    ids, token = page(found[::-1], wanted)
    return {"QueryExecutionIds": ids, **token}


def stop_query(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    region.execution(wanted["QueryExecutionId"]).stop()
    return {}


def get_results(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    execution = region.execution(wanted["QueryExecutionId"])
    size = limit(wanted, PAGE)
    if execution.state != "SUCCEEDED" or execution.outcome is None:
        raise InvalidRequest(_not_ready(execution), "INVALID_QUERY_EXECUTION_STATE")
    columns = [column.described for column in execution.columns]
    answer: dict[str, Any] = {
        "ResultSet": {"Rows": [], "ResultSetMetadata": {"ColumnInfo": columns}}
    }
    if execution.outcome.update_count is not None:
        answer["UpdateCount"] = execution.outcome.update_count
    if execution.outcome.extension:
        rows, token = _rows(execution, wanted.get("NextToken"), size)
        answer["ResultSet"]["Rows"] = [{"Data": [_datum(cell) for cell in row]} for row in rows]
        answer |= {"NextToken": token} if token else {}
    return answer


def _not_ready(execution: Execution) -> str:
    if execution.state in ("FAILED", "CANCELLED"):
        return f"Query did not finish successfully. Final query state: {execution.state}"
    return f"Query has not yet finished. Current state: {execution.state}"


def _datum(cell: str | None) -> dict[str, str]:
    return {} if cell is None else {"VarCharValue": cell}


def _rows(
    execution: Execution, token: str | None, size: int
) -> tuple[list[results.Row], str | None]:
    """A page of the result file, whose first row is the header unless it is text."""
    bucket, key = address(execution.output)
    found = Store(execution.account).get(bucket, key)
    if found is None:
        raise InvalidRequest(f"Could not find results for query {execution.id}: {execution.output}")
    try:
        start = int(base64.b64decode(token, validate=True)) if token else 0
    except ValueError as error:
        raise InvalidRequest(f"Invalid NextToken: {token}") from error
    read = results.csv_rows if execution.output.endswith(".csv") else results.text_rows
    window = WINDOW
    while True:
        data = found.part(start, window)
        whole = start + len(data) >= found.size
        rows, taken = read(data, size, whole=whole)
        if whole or len(rows) == size:
            break
        window *= 4
    following = start + taken
    if following >= found.size:
        return rows, None
    return rows, base64.b64encode(str(following).encode()).decode()


OPERATIONS = {
    "StartQueryExecution": start,
    "GetQueryExecution": get,
    "BatchGetQueryExecution": batch_get,
    "ListQueryExecutions": list_,
    "StopQueryExecution": stop_query,
    "GetQueryResults": get_results,
}
