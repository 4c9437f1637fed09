"""Fitting properties to the APIs' own models, and telling their errors."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from local.cloudformation.aws import fit
from local.cloudformation.errors import Failure


def shape(service: str, operation: str) -> Any:
    model = botocore.session.get_session().get_service_model(service)
    return model.operation_model(operation).input_shape


def test_names_fit_whatever_their_case_and_scalars_whatever_their_type() -> None:
    given = {
        "LogGroupName": "g",
        "FilterName": "f",
        "FilterPattern": "",
        "MetricTransformations": [{"MetricName": "m", "MetricValue": 1, "MetricNamespace": True}],
    }
    assert fit(given, shape("logs", "PutMetricFilter")) == {
        "logGroupName": "g",
        "filterName": "f",
        "filterPattern": "",
        "metricTransformations": [
            {"metricName": "m", "metricValue": "1", "metricNamespace": "true"}
        ],
    }


def test_a_document_becomes_text_where_the_api_takes_text() -> None:
    given = {"RoleName": "r", "AssumeRolePolicyDocument": {"Statement": []}}
    assert fit(given, shape("iam", "CreateRole")) == {
        "RoleName": "r",
        "AssumeRolePolicyDocument": '{"Statement": []}',
    }


def test_the_keys_of_a_map_stay_as_they_are() -> None:
    given = {"FunctionName": "f", "Environment": {"Variables": {"A": 1, "a": "b"}}}
    assert fit(given, shape("lambda", "UpdateFunctionConfiguration")) == {
        "FunctionName": "f",
        "Environment": {"Variables": {"A": "1", "a": "b"}},
    }


def test_a_name_that_the_api_does_not_know_is_refused_and_not_dropped() -> None:
    given = {"DeliveryStreamName": "d", "ExtendedS3DestinationConfiguration": {"Bukket": "b"}}
    with pytest.raises(Failure, match="Encountered unsupported property Bukket"):
        fit(given, shape("firehose", "CreateDeliveryStream"))


@pytest.mark.parametrize(
    ("code", "message", "missing"),
    [
        ("ResourceNotFoundException", "", True),
        ("NoSuchBucket", "", True),
        ("AWS.SimpleQueueService.NonExistentQueue", "", True),
        ("EntityNotFoundException", "", True),
        ("404", "", True),
        ("InvalidRequestException", "NamedQuery x was not found", True),
        ("InvalidRequestException", "WorkGroup x is not empty", False),
        ("BucketNotEmpty", "", False),
        ("AccessDenied", "not found", False),
    ],
)
def test_what_is_not_there_is_told_from_what_cannot_be_deleted(
    code: str, message: str, missing: bool
) -> None:
    assert Failure(message, code).missing is missing
