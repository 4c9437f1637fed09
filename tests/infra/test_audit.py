"""What the audit is deployed as: a function on a schedule that reads, and changes only its own."""

from typing import Any

from events import registry
from infra.audit import settle_seconds
from infra.environments import named
from tests.infra.assembly import Assembly
from tests.infra.test_pipeline import stack_of


def test_the_schedule_audits_each_type(assembly: Assembly) -> None:
    hours = named(assembly.environment).audit_hours
    rules = {
        rule.stack: rule.properties["ScheduleExpression"]
        for rule in assembly.resources("AWS::Events::Rule")
        if rule.name.startswith("Audit")
    }
    rate = f"rate({hours} hour{'s' if hours > 1 else ''})"
    assert rules == {stack_of(assembly, name): rate for name in registry.names()}


def test_what_is_missing_and_what_cannot_be_proven_is_watched(assembly: Assembly) -> None:
    for name, kind in registry.types().items():
        stack = stack_of(assembly, name)
        watched = {
            alarm.properties["MetricName"]: (
                alarm.properties["Threshold"],
                [(one["Name"], one["Value"]) for one in alarm.properties["Dimensions"]],
            )
            for alarm in assembly.resources("AWS::CloudWatch::Alarm")
            if alarm.stack == stack and alarm.name.startswith("Audit")
        }
        (function,) = (
            function.name
            for function in assembly.resources("AWS::Lambda::Function")
            if function.stack == stack and function.name.startswith("Audit")
        )
        dimensions = [("Environment", assembly.environment), ("EventType", name)]
        assert watched == {
            "MissingRecords": (1, dimensions),
            "LostRecords": (1, dimensions),
            "TrimmedUnaudited": (1, dimensions),
            "UnauditedSeconds": (kind.contract.retention.total_seconds() / 2, dimensions),
            "Errors": (1, [("FunctionName", {"Ref": function})]),
        }


def test_the_function_reads_its_own_type_and_writes_only_its_findings(assembly: Assembly) -> None:
    for name in registry.names():
        written, read = set[str](), set[str]()
        actions = set[str]()
        for statement in _statements(assembly, stack_of(assembly, name)):
            allowed = statement["Action"]
            allowed = [allowed] if isinstance(allowed, str) else allowed
            actions.update(allowed)
            objects = {path for path in _paths(statement["Resource"]) if path.endswith("/*")}
            if "s3:PutObject" in allowed:
                written |= objects
            if "s3:GetObject" in allowed:
                read |= objects
        own = f"/audits/{name}/*"
        assert written == {own, "/athena/*"}
        folders = {
            f"/{folder}/{name}/*" for folder in ("events", "compacted", "errors", "rejected")
        }
        assert read == written | folders
        assert not [action for action in actions if "Delete" in action or "Update" in action]
        assert {action for action in actions if action.startswith("kinesis:")} == {
            "kinesis:DescribeStream",
            "kinesis:GetRecords",
            "kinesis:GetShardIterator",
            "kinesis:ListShards",
        }


def _statements(assembly: Assembly, stack: str) -> list[dict[str, Any]]:
    (policy,) = (
        policy
        for policy in assembly.resources("AWS::IAM::Policy")
        if policy.stack == stack and policy.name.startswith("AuditFunctionRole")
    )
    statements: list[dict[str, Any]] = policy.properties["PolicyDocument"]["Statement"]
    return statements


def _paths(resources: Any) -> list[str]:
    """The ends of joined ARNs."""
    found = resources if isinstance(resources, list) else [resources]
    return [str(one["Fn::Join"][1][-1]) for one in found if "Fn::Join" in one]


def test_what_is_called_late_is_later_than_delivery_s_buffers() -> None:
    assert settle_seconds(named("dev")) == 15 + 60 + 2 * 60 + 120
    assert settle_seconds(named("prod")) == 15 + 300 + 2 * 60 + 120
