"""The gate for templates: `python -m infra.checks`.

Synthesizes every environment and prints each finding of cdk-nag's AwsSolutions pack, of CDK's own
template validation and of cfn-lint. A warning counts as an error does; an accepted finding has its
reason beside the construct it is about (infra/findings.py).
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from cfnlint.api import ManualArgs, lint

from events.rules import UnfitContract
from infra.environments import ENVIRONMENTS
from infra.errors import CannotSynthesize
from infra.stacks import add_stacks

CDK_JSON = Path(__file__).resolve().parent.parent / "cdk.json"
REGION = "us-east-1"


def findings(add: Callable[[cdk.App], None]) -> Iterator[str]:
    """One line per finding in the stacks that `add` puts into an app."""
    with tempfile.TemporaryDirectory(prefix="headrace-checks-") as folder:
        assembly = Path(folder)
        app = cdk.App(context=json.loads(CDK_JSON.read_text())["context"], outdir=folder)
        add(app)
        yield from _synthesized(app, assembly / "validation-report.json")
        for template in sorted(assembly.glob("*.template.json")):
            stack = template.name.removesuffix(".template.json")
            for match in lint(template.read_text(), config=ManualArgs(regions=[REGION])):
                where = "/".join(str(part) for part in match.path or [])
                yield f"{stack}/{where}: {match.rule.id} {match.message} (cfn-lint)"


def _synthesized(app: cdk.App, report: Path) -> Iterator[str]:
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    try:
        app.synth()
    except RuntimeError:  # jsii has one exception for everything; findings leave a report
        if not report.is_file():
            raise
    yield from _reported(json.loads(report.read_text()))


def _reported(report: Any) -> Iterator[str]:
    for plugin in report["pluginReports"]:
        for violation in plugin["violations"]:
            for construct in violation["violatingConstructs"]:
                where, what = construct["constructPath"], violation["ruleName"]
                yield f"{where}: {what} {violation['description']} ({plugin['pluginName']})"


def main() -> None:
    try:
        found = [
            finding
            for environment in ENVIRONMENTS
            for finding in findings(partial(add_stacks, environment=environment))
        ]
    except (CannotSynthesize, UnfitContract) as reason:
        sys.exit(str(reason))
    print(*found, sep="\n", end="\n" if found else "")
    if found:
        sys.exit(f"{len(found)} findings in the templates")


if __name__ == "__main__":
    main()
