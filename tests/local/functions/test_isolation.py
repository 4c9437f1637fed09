"""An execution environment holds what AWS's does: the asset, the layers, the role, no more."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.local.functions.conftest import refused
from tests.local.lab import package, trusting

if TYPE_CHECKING:
    from tests.local.functions.conftest import Functions

CANNOT = "The role defined for the function cannot be assumed by Lambda."


def test_the_environment_is_aws_s_and_the_function_s_own(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAKED", "yes")
    name = functions.make(
        "import os\ndef handler(event, context): return dict(os.environ)",
        Environment={"Variables": {"MINE": "1", "LANG": "C.UTF-8"}},
    )
    found = functions.call(name).payload
    told = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.14",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_REGION": "us-east-1",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LANG": "C.UTF-8",
        "MINE": "1",
        "TZ": ":UTC",
        "_HANDLER": "app.handler",
    }
    own = {
        "AWS_ACCESS_KEY_ID",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_XRAY_DAEMON_ADDRESS",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "LD_LIBRARY_PATH",
        "PATH",
        "SSL_CERT_FILE",
        "TMPDIR",
        "_AWS_XRAY_DAEMON_ADDRESS",
        "_AWS_XRAY_DAEMON_PORT",
        "_X_AMZN_TRACE_ID",
    }
    assert {key: found[key] for key in told} == told
    assert found.keys() - told.keys() == own


def test_the_project_and_what_it_installed_are_not_there(functions: Functions) -> None:
    name = functions.make(
        """
import importlib, os, sys
def able(name):
    try:
        return bool(importlib.import_module(name))
    except ModuleNotFoundError:
        return False
NAMES = ["boto3", "urllib3", "dateutil", "simplejson", "local", "msgspec", "moto", "pytest"]
def handler(event, context):
    listed = sorted(name for name in os.listdir(os.getcwd()) if name != "__pycache__")
    return [[name for name in NAMES if able(name)], listed, sys.argv[1:]]
"""
    )
    assert functions.call(name).payload == [
        ["boto3", "urllib3", "dateutil", "simplejson"],
        ["app.py"],
        ["app.handler"],
    ]


def test_a_dependency_that_no_layer_has_is_missing_as_on_aws(functions: Functions) -> None:
    name = functions.make("import msgspec\ndef handler(event, context): return 1")
    answer = functions.call(name)
    assert (answer.error, answer.payload) == (
        "Unhandled",
        {
            "errorMessage": "Unable to import module 'app': No module named 'msgspec'",
            "errorType": "Runtime.ImportModuleError",
            "requestId": "",
            "stackTrace": [],
        },
    )


def test_a_layer_may_hold_compiled_modules(functions: Functions) -> None:
    place = Path(msgspec.__file__).parent
    files = {f"python/msgspec/{path.name}": path.read_bytes() for path in place.glob("*.*")}
    name = functions.make(
        "import msgspec\ndef handler(event, context): return msgspec.json.decode(b'[1]')",
        Layers=[functions.layer(files)],
    )
    assert functions.call(name).payload == [1]


def test_code_is_found_before_layers_later_layers_overwrite_and_all_hide_the_runtime(
    functions: Functions,
) -> None:
    first = functions.layer(
        {
            "python/app.py": "raise RuntimeError('a layer must not hide the code')",
            "python/one.py": "where = 'first'",
            "python/two.py": "where = 'first'",
            "python/jmespath.py": "where = 'layer'",
        }
    )
    second = functions.layer({"python/two.py": "where = 'second'", "data/x.txt": "at /opt"})
    name = functions.make(
        "import one, two, jmespath, pathlib\n"
        "data = pathlib.Path(one.__file__).parents[1] / 'data' / 'x.txt'\n"
        "def handler(event, context):\n"
        "    return [one.where, two.where, jmespath.where, data.read_text()]",
        Layers=[first, second],
    )
    expected = ["first", "second", "layer", "at /opt"]
    assert functions.call(name).payload == expected
    layer, _, version = first.rpartition(":")
    functions.api.delete_layer_version(LayerName=layer, VersionNumber=int(version))
    functions.api.update_function_configuration(FunctionName=name, Timeout=5)
    assert functions.call(name).payload == expected


def test_every_change_of_the_configuration_or_the_code_ends_the_warm_environments(
    functions: Functions,
) -> None:
    code = "import os\ncalls = []\ndef handler(event, context):\n    calls.append(1)\n    return "
    name = functions.make(code + "[len(calls), os.environ.get('A')]")
    change, call = functions.api.update_function_configuration, functions.call
    seen = [call(name).payload, call(name).payload]
    change(FunctionName=name, Environment={"Variables": {"A": "1"}})
    seen += [call(name).payload, call(name).payload]
    change(FunctionName=name, MemorySize=300)
    seen.append(call(name).payload)
    change(FunctionName=name, Environment={})
    seen.append(call(name).payload)
    changed = code + "[len(calls), 'new']"
    functions.api.update_function_code(FunctionName=name, ZipFile=package({"app.py": changed}))
    seen.append(call(name).payload)
    assert seen == [[1, None], [2, None], [1, "1"], [2, "1"], [1, "1"], [1, None], [1, "new"]]


def test_the_function_acts_as_its_role_on_this_aws(functions: Functions) -> None:
    name = functions.make(
        "import boto3\n"
        "def handler(event, context):\n"
        "    boto3.client('s3').put_object(Bucket=event, Key='k', Body=b'from inside')\n"
        "    return boto3.client('sts').get_caller_identity()['Arn']"
    )
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    s3 = functions.aws.client("s3")
    s3.create_bucket(Bucket=bucket)
    role = functions.role.rpartition("/")[2]
    assert functions.call(name, bucket).payload == (
        f"arn:aws:sts::123456789012:assumed-role/{role}/{name}"
    )
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"from inside"


def test_a_function_is_in_the_vpc_of_its_subnets_and_groups(functions: Functions) -> None:
    ec2 = functions.aws.client("ec2")
    vpcs = [ec2.create_vpc(CidrBlock="10.7.0.0/24")["Vpc"]["VpcId"] for _ in range(2)]
    subnet = ec2.create_subnet(VpcId=vpcs[0], CidrBlock="10.7.0.0/25")["Subnet"]["SubnetId"]
    groups = [
        ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
        for vpc in vpcs
    ]
    place = {"SubnetIds": [subnet], "SecurityGroupIds": groups[:1]}
    name = functions.make("def handler(event, context): return 1", VpcConfig=place)
    found = functions.api.get_function_configuration(FunctionName=name)["VpcConfig"]
    assert (found["VpcId"], found["SubnetIds"], found["SecurityGroupIds"]) == (
        vpcs[0],
        [subnet],
        groups[:1],
    )
    assert functions.call(name).payload == 1
    for wrong in (
        place | {"SubnetIds": ["subnet-0"]},
        place | {"SecurityGroupIds": groups[1:]},
        place | {"SecurityGroupIds": []},
    ):
        code, words = refused(lambda wrong=wrong: functions.make(VpcConfig=wrong))  # type: ignore[misc]
        assert code == "InvalidParameterValueException"
        assert "must exist, at least one of each, in one VPC" in words


def test_a_function_trusts_who_signs_for_the_local_aws_and_whom_the_machine_trusts(
    functions: Functions,
) -> None:
    name = functions.make(
        "import ssl\n"
        "def handler(event, context):\n"
        "    names = [dict(pair for part in one['subject'] for pair in part)\n"
        "             for one in ssl.create_default_context().get_ca_certs()]\n"
        "    return [one.get('organizationName') for one in names]"
    )
    trusted = functions.call(name).payload
    assert "Headrace local AWS" in trusted
    assert len(trusted) > 20


def test_a_role_that_does_not_trust_lambda_or_is_gone_is_refused(functions: Functions) -> None:
    stranger = trusting(functions.aws, "firehose.amazonaws.com")
    refusal = ("InvalidParameterValueException", CANNOT)
    assert refused(lambda: functions.make(Role=stranger)) == refusal
    name = functions.make("def handler(event, context): pass")
    change = functions.api.update_function_configuration
    assert refused(lambda: change(FunctionName=name, Role=stranger)) == refusal
    role = trusting(functions.aws, "lambda.amazonaws.com")
    change(FunctionName=name, Role=role)
    functions.aws.client("iam").delete_role(RoleName=role.rpartition("/")[2])
    assert refused(lambda: functions.call(name)) == ("AccessDeniedException", CANNOT)
