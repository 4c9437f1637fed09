"""The real CDK command line: bootstrap, deploy, a failed deploy, diff, destroy, and again."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import AWS, ROOT

Cdk = Callable[..., subprocess.CompletedProcess[str]]
BUCKET = "cdk-hnb659fds-assets-123456789012-us-east-1"
ENVIRONMENT = "aws://123456789012/us-east-1"
QUEUE = {"Type": "AWS::SQS::Queue"}


def role(name: str) -> str:
    return f"arn:aws:iam::123456789012:role/cdk-hnb659fds-{name}-role-123456789012-us-east-1"


def assembly(folder: Path, **resources: dict[str, Any]) -> None:
    """A cloud assembly of the stacks `Cdk-<name>`, as the CDK synthesizes it."""
    artifacts: dict[str, Any] = {}
    for name, declared in resources.items():
        stack = f"Cdk-{name}"
        template = f"{stack}.template.json"
        text = json.dumps({"Resources": declared})
        (folder / template).write_text(text)
        key = f"{hashlib.sha256(text.encode()).hexdigest()}.json"
        target = {"bucketName": BUCKET, "objectKey": key, "region": "us-east-1"}
        target["assumeRoleArn"] = role("file-publishing")
        asset = {"source": {"path": template, "packaging": "file"}, "destinations": {"it": target}}
        manifest = {"version": "36.0.0", "files": {template: asset}, "dockerImages": {}}
        (folder / f"{stack}.assets.json").write_text(json.dumps(manifest))
        artifacts[f"{stack}.assets"] = {
            "type": "cdk:asset-manifest",
            "properties": {"file": f"{stack}.assets.json"},
        }
        artifacts[stack] = {
            "type": "aws:cloudformation:stack",
            "environment": ENVIRONMENT,
            "dependencies": [f"{stack}.assets"],
            "properties": {
                "templateFile": template,
                "terminationProtection": False,
                "assumeRoleArn": role("deploy"),
                "cloudFormationExecutionRoleArn": role("cfn-exec"),
                "stackTemplateAssetObjectUrl": f"s3://{BUCKET}/{key}",
                "requiresBootstrapStackVersion": 6,
                "bootstrapStackVersionSsmParameter": "/cdk-bootstrap/hnb659fds/version",
            },
        }
    (folder / "manifest.json").write_text(json.dumps({"version": "36.0.0", "artifacts": artifacts}))


@pytest.fixture
def cdk(aws: AWS, tmp_path: Path) -> Cdk:
    """Runs `cdk` on the assembly in `tmp_path`."""
    paths = [str(Path(sys.executable).parent), os.environ["PATH"]]
    given = {"HOME": str(tmp_path), "PATH": os.pathsep.join(paths), "CI": "1"}
    given |= {"CDK_DISABLE_CLI_TELEMETRY": "true", "NO_COLOR": "1"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(ROOT / "node_modules" / ".bin" / "cdk"), *arguments, "--no-notices"]
        return subprocess.run(
            command,
            cwd=tmp_path,
            env=aws.env | given,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_the_cdk_deploys_fails_recovers_and_destroys(aws: AWS, cdk: Cdk, tmp_path: Path) -> None:
    application = ("--app", str(tmp_path))
    deploy = ("deploy", "--all", "--require-approval", "never", *application)
    formation = aws.client("cloudformation")

    def status(name: str) -> str:
        return str(formation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])

    done = cdk("bootstrap", ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assembly(tmp_path, one={"Queue": QUEUE}, two={"Topic": {"Type": "AWS::SNS::Topic"}})
    done = cdk(*deploy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (status("Cdk-one"), status("Cdk-two")) == ("CREATE_COMPLETE", "CREATE_COMPLETE")

    rover = {"Rover": {"Type": "AWS::Mars::Rover", "DependsOn": "Queue"}}
    assembly(tmp_path, one={"Queue": QUEUE} | rover, three={"Queue": QUEUE} | rover)
    done = cdk("deploy", "Cdk-one", "--require-approval", "never", *application)
    assert done.returncode == 1
    told = "Resource type AWS::Mars::Rover is not supported by the local AWS"
    assert told in " ".join((done.stdout + done.stderr).split())
    assert status("Cdk-one") == "UPDATE_ROLLBACK_COMPLETE"
    done = cdk("deploy", "Cdk-three", "--require-approval", "never", *application)
    assert (done.returncode, status("Cdk-three")) == (1, "ROLLBACK_COMPLETE")

    longer = {"Queue": QUEUE | {"Properties": {"DelaySeconds": 5}}}
    assembly(tmp_path, one=longer, two={"Topic": {"Type": "AWS::SNS::Topic"}}, three=longer)
    done = cdk("diff", *application)
    assert "[~] AWS::SQS::Queue Queue" in done.stdout + done.stderr
    assert "Number of stacks with differences: 2" in done.stdout + done.stderr
    done = cdk(*deploy)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Cdk-two (no changes)" in done.stdout + done.stderr
    assert (status("Cdk-one"), status("Cdk-three")) == ("UPDATE_COMPLETE", "CREATE_COMPLETE")

    done = cdk("destroy", "--all", "--force", *application)
    assert done.returncode == 0, done.stdout + done.stderr
    left = [it["StackName"] for it in formation.describe_stacks()["Stacks"]]
    assert [it for it in left if it.startswith("Cdk-")] == []
    assert "CDKToolkit" in left
