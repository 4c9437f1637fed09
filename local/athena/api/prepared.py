"""Prepared statements of a workgroup."""

from __future__ import annotations

from typing import Any

from local.athena.errors import InvalidRequest, ResourceMissing
from local.athena.paging import page
from local.athena.state import Prepared, Region


def _known(region: Region, wanted: dict[str, Any]) -> dict[str, Prepared]:
    return region.prepared.setdefault(region.workgroup(wanted["WorkGroup"]).name, {})


def _found(region: Region, wanted: dict[str, Any]) -> Prepared:
    entry = _known(region, wanted).get(wanted["StatementName"].lower())
    if entry is None:
        message = f"PreparedStatement {wanted['StatementName']} was not found in workGroup "
        raise ResourceMissing(message + wanted["WorkGroup"])
    return entry


def create(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    known, name = _known(region, wanted), wanted["StatementName"].lower()
    if name in known:
        raise InvalidRequest(f"Prepared Statement {name} already exists in WorkGroup")
    known[name] = Prepared(wanted["QueryStatement"], wanted.get("Description") or "")
    return {}


def get(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    return {"PreparedStatement": _described(region, wanted)}


def _described(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    entry = _found(region, wanted)
    return {
        "StatementName": wanted["StatementName"],
        "QueryStatement": entry.query,
        "WorkGroupName": wanted["WorkGroup"],
        "Description": entry.description,
        "LastModifiedTime": entry.modified.timestamp(),
    }


def batch_get(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    known, unknown = [], []
    for name in wanted["PreparedStatementNames"]:
        try:
            known.append(_described(region, {**wanted, "StatementName": name}))
        except ResourceMissing as error:
            unknown.append(
                {"StatementName": name, "ErrorCode": "NOT_FOUND", "ErrorMessage": error.message}
            )
    return {"PreparedStatements": known, "UnprocessedPreparedStatementNames": unknown}


def list_(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    listed = [
        {"StatementName": name, "LastModifiedTime": entry.modified.timestamp()}
        for name, entry in sorted(_known(region, wanted).items())
    ]
    entries, token = page(listed, wanted)
    return {"PreparedStatements": entries, **token}


def update(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    entry = _found(region, wanted)
    description = wanted.get("Description", entry.description)
    _known(region, wanted)[wanted["StatementName"].lower()] = Prepared(
        wanted["QueryStatement"], description
    )
    return {}


def delete(region: Region, wanted: dict[str, Any]) -> dict[str, Any]:
    _found(region, wanted)
    del _known(region, wanted)[wanted["StatementName"].lower()]
    return {}


OPERATIONS = {
    "CreatePreparedStatement": create,
    "GetPreparedStatement": get,
    "BatchGetPreparedStatement": batch_get,
    "ListPreparedStatements": list_,
    "UpdatePreparedStatement": update,
    "DeletePreparedStatement": delete,
}
