"""Named queries. They are moto's objects."""

from __future__ import annotations

from typing import Any

from local.athena.errors import InvalidRequest
from local.athena.paging import page
from local.athena.state import Region


def create(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    group = region.workgroup(wanted.get("WorkGroup"))
    query_id = region.backend.create_named_query(
        wanted["Name"],
        wanted.get("Description") or "",
        wanted["Database"],
        wanted["QueryString"],
        group.name,
    )
    return {"NamedQueryId": query_id}


def found(region: Region, query_id: str) -> Any:
    known = region.backend.named_queries.get(query_id)
    if known is None:
        raise InvalidRequest(f"NamedQuery {query_id} was not found")
    return known


def described(known: Any) -> dict[str, Any]:
    return {
        "Name": known.name,
        "Description": known.description or "",
        "Database": known.database,
        "QueryString": known.query_string,
        "NamedQueryId": known.id,
        "WorkGroup": known.workgroup.name,
    }


def get(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    return {"NamedQuery": described(found(region, wanted["NamedQueryId"]))}


def batch_get(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    known, unknown = [], []
    for query_id in wanted["NamedQueryIds"]:
        query = region.backend.named_queries.get(query_id)
        if query is not None:
            known.append(described(query))
        else:
            message = f"NamedQuery {query_id} was not found"
            unknown.append(
                {"NamedQueryId": query_id, "ErrorCode": "INVALID_INPUT", "ErrorMessage": message}
            )
    return {"NamedQueries": known, "UnprocessedNamedQueryIds": unknown}


def list_(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    group = region.workgroup(wanted.get("WorkGroup")).name
    all_of_it = [
        query.id for query in region.backend.named_queries.values() if query.workgroup.name == group
    ]
    ids, token = page(all_of_it, wanted)
    return {"NamedQueryIds": ids, **token}


def update(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    known = found(region, wanted["NamedQueryId"])
    known.name, known.query_string = wanted["Name"], wanted["QueryString"]
    known.description = wanted.get("Description", known.description)
    return {}


def delete(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    found(region, wanted["NamedQueryId"])
    del region.backend.named_queries[wanted["NamedQueryId"]]
    return {}


OPERATIONS = {
    "CreateNamedQuery": create,
    "GetNamedQuery": get,
    "BatchGetNamedQuery": batch_get,
    "ListNamedQueries": list_,
    "UpdateNamedQuery": update,
    "DeleteNamedQuery": delete,
}
