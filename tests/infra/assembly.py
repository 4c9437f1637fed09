"""A synthesized environment as the tests read it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Resource:
    stack: str
    name: str
    type: str
    properties: dict[str, Any]
    deletion: str | None

    def __str__(self) -> str:
        return f"{self.stack}/{self.name}"


@dataclass(frozen=True)
class Assembly:
    """What app.py wrote for one environment."""

    environment: str
    folder: Path
    templates: dict[str, dict[str, Any]]
    """By stack name."""
    manifest: dict[str, dict[str, Any]]
    """The stacks' own entries in manifest.json, by stack name."""

    @classmethod
    def read(cls, environment: str, folder: Path) -> "Assembly":
        artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
        stacks = {
            name: artifact["properties"]
            for name, artifact in artifacts.items()
            if artifact["type"] == "aws:cloudformation:stack"
        }
        templates = {
            name: json.loads((folder / stack["templateFile"]).read_text())
            for name, stack in stacks.items()
        }
        return cls(environment, folder, templates, stacks)

    def resources(self, *types: str) -> Iterator[Resource]:
        """Every resource, or those of some types; finding none is a mistake of the test."""
        found = [
            Resource(
                stack, name, body["Type"], body.get("Properties", {}), body.get("DeletionPolicy")
            )
            for stack, template in self.templates.items()
            for name, body in template["Resources"].items()
            if not types or body["Type"] in types
        ]
        assert found, f"no {types} in {self.environment}"
        yield from found

    def export(self, value: object) -> tuple[str, Any]:
        """The stack that exports what a property imports, and what it is there."""
        match value:
            case {"Fn::ImportValue": str(export)}:
                for stack, template in self.templates.items():
                    for output in template["Outputs"].values():
                        if output.get("Export") == {"Name": export}:
                            return stack, output["Value"]
        raise AssertionError(f"{value} is imported from nowhere")

    def in_lake(self, statements: list[dict[str, Any]]) -> list[tuple[Any, str, Any]]:
        """What a policy allows in the lake's bucket: actions, path, conditions. The bucket itself
        has no path."""
        found = []
        for statement in statements:
            if "s3:" not in str(statement["Action"]):
                continue
            match statement["Resource"]:
                case {"Fn::Join": ["", [bucket, str(path)]]}:
                    pass
                case bucket:
                    path = ""
            assert self.export(bucket)[0] == f"Headrace-{self.environment}-lake"
            found.append((statement["Action"], path, statement.get("Condition")))
        return found

    def key(self, value: object) -> str | None:
        """The KMS key that a property names, as `stack/resource`, through an export or not."""
        match value:
            case {"Fn::ImportValue": _}:
                stack, exported = self.export(value)
                return self.key({"stack": stack, **exported})
            case {"Fn::GetAtt": [name, "Arn"], **rest}:
                return f"{rest.get('stack', '')}/{name}"
        return None


def synthesize(environment: str | None, folder: Path) -> "subprocess.Popen[str]":
    """Start app.py as the CDK command line starts it, but with nothing to call on: no credentials,
    no region, no programs but the virtual environment's."""
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    if environment is not None:
        context["env"] = environment
    return subprocess.Popen(
        [sys.executable, ROOT / "app.py"],
        cwd=folder.parent,
        env={
            "PATH": str(Path(sys.executable).parent),
            "HOME": os.environ["HOME"],  # where CDK keeps itself unpacked
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "TMPDIR": str(folder.parent),
            "CDK_OUTDIR": str(folder),
            "CDK_CONTEXT_JSON": json.dumps(context),
            "CDK_VALIDATION": "false",  # half of the time; infra.checks has it on
            "AWS_EC2_METADATA_DISABLED": "true",
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
            "LANG": os.environ.get("LANG", "C.UTF-8"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
