"""A Lambda function as every stage deploys it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from functions.shared.settings import ENVIRONMENT
from infra import assets, layer
from infra.environments import Environment
from infra.findings import accept, accept_lint
from infra.logs import LogGroup
from infra.network import Network
from infra.storage import Key

# The layer's wheels are for this runtime and architecture (infra/layer.py).
RUNTIME = lambda_.Runtime.PYTHON_3_14
ARCHITECTURE = lambda_.Architecture.ARM_64


class Dependencies(lambda_.LayerVersion):
    """What a requirements file lists: functions/requirements.txt, or a function's own. Each stack
    has its own version of the one asset: a layer shared between stacks could never be replaced
    while one of them uses it."""

    def __init__(
        self, scope: Construct, name: str, *, requirements: Path = layer.REQUIREMENTS
    ) -> None:
        listed = requirements.relative_to(layer.ROOT)
        super().__init__(
            scope,
            name,
            # Whoever imports from the folder here leaves bytecode of this interpreter in it.
            code=lambda_.Code.from_asset(
                str(layer.folder(requirements=requirements)),
                exclude=["__pycache__"],
                ignore_mode=cdk.IgnoreMode.GIT,
            ),
            compatible_runtimes=[RUNTIME],
            compatible_architectures=[ARCHITECTURE],
            description=f"The functions' dependencies: {listed}",
        )


class Function(Construct):
    """One folder of functions/: `handler.handler` in it, with the settings that its settings.py
    spells as environment variables, beside the name of the environment. Its role may write its own
    log and traces, until granted more.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        environment: Environment,
        package: str,
        settings: Mapping[str, str],
        dependencies: Dependencies,
        more: Sequence[Dependencies] = (),
        network: Network | None = None,
        key: Key,
        memory_mib: int,
        disk_mib: int = 512,
        seconds: int,
        description: str,
    ) -> None:
        super().__init__(scope, name)
        self.log_group = LogGroup(self, "Log", environment=environment, key=key)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        self.log_group.grant_write(self.role)
        with assets.staged(package) as code:
            self.resource = lambda_.Function(
                self,
                "Resource",
                description=description,
                code=lambda_.Code.from_asset(str(code)),
                handler=f"functions.{package}.handler.handler",
                environment={ENVIRONMENT: environment.name, **settings},
                layers=[dependencies, *more],
                runtime=RUNTIME,
                architecture=ARCHITECTURE,
                memory_size=memory_mib,
                ephemeral_storage_size=cdk.Size.mebibytes(disk_mib),
                timeout=cdk.Duration.seconds(seconds),
                tracing=lambda_.Tracing.ACTIVE,
                log_group=self.log_group,
                role=self.role,
                **_placed(network),
            )
        accept_lint(
            self.resource,
            "W3005",
            reason="CDK names the role in DependsOn although the function's Role implies it",
        )
        accept(
            self.role,
            "AwsSolutions-IAM5[Resource::*]",
            reason="X-Ray's PutTraceSegments and PutTelemetryRecords know no resources, nor do the"
            " network interfaces that Lambda makes for a function in a VPC, before they are made",
        )
        if network:
            network.grant_join(self.role)

    def grant_invoke(self, caller: iam.IGrantable) -> None:
        """Calling the function, as deployed last: no version, no alias."""
        arn = self.resource.function_arn
        iam.Grant.add_to_principal(
            grantee=caller,
            actions=["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"],
            resource_arns=[arn, f"{arn}:$LATEST"],
        )


def _placed(network: Network | None) -> dict[str, Any]:
    """What puts a function into a network."""
    if network is None:
        return {}
    return {
        "vpc": network.vpc,
        "vpc_subnets": ec2.SubnetSelection(subnets=network.subnets),
        "security_groups": [network.group],
    }
