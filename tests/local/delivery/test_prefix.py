"""Prefixes: AWS's own examples, every field of a time pattern, and what AWS refuses."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.delivery import javatime, prefix
from local.delivery.prefix import Expression, Template

MOMENT = datetime(2018, 8, 7, 14, 5, 9, 123456, tzinfo=UTC)
OLDEST = MOMENT.timestamp()
ERRORS = "errors/!{firehose:error-output-type}/"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy/MM/dd/HH", "2018/08/07/14"),
        ("yy-M-d", "18-8-7"),
        ("uuuuMMddHHmmss", "20180807140509"),
        ("'year='yyyy'/month='MM'/day='dd'/hour='HH", "year=2018/month=08/day=07/hour=14"),
        ("''yyyy''", "'2018'"),
        ("'it''s' d", "it's 7"),
        ("MMM MMMM MMMMM L", "Aug August A 8"),
        ("E EEEE D DDD", "Tue Tuesday 219 219"),
        ("h hh a", "2 02 PM"),
        ("yyyy[-MM]", "2018-08"),
    ],
)
def test_a_time_pattern_is_java_s(pattern: str, text: str) -> None:
    assert javatime.format_time(pattern, MOMENT) == text


@pytest.mark.parametrize("letter", ["C", "P", "w", "Y", "Q", "S", "Z", "'yyyy"])
def test_a_letter_that_is_no_field_here_is_unknown(letter: str) -> None:
    with pytest.raises(javatime.UnknownLetter):
        javatime.check(letter)


@pytest.mark.parametrize(
    ("given_prefix", "evaluated"),
    [
        (None, "2018/08/07/14/"),
        ("", "2018/08/07/14/"),
        ("legacy", "legacy2018/08/07/14/"),
        ("folder/", "folder/2018/08/07/14/"),
        ("!{timestamp:yyyy/MM/dd}", "2018/08/07"),
        ("a/!{timestamp:yyyy}/b/!{timestamp:dd}", "a/2018/b/07"),
    ],
)
def test_a_prefix_without_an_expression_gets_the_hour_appended(
    given_prefix: str | None, evaluated: str
) -> None:
    assert prefix.evaluate(prefix.template(given_prefix), OLDEST) == evaluated


def test_a_random_string_is_eleven_characters_and_another_one_each_time() -> None:
    text = prefix.evaluate(prefix.template("!{firehose:random-string}/" * 2), OLDEST)
    one, other, _ = text.split("/")
    assert one != other
    assert re.fullmatch(r"[A-Za-z0-9]{11}", one)


def test_the_custom_time_zone_decides_the_hour() -> None:
    template = prefix.template("!{timestamp:yyyy-MM-dd-HH}")
    assert prefix.evaluate(template, OLDEST, ZoneInfo("Asia/Tokyo")) == "2018-08-07-23"


@pytest.mark.parametrize(
    ("given_prefix", "evaluated"),
    [
        (None, "processing-failed/2018/08/07/14/"),
        ("errors/", "errors/processing-failed/2018/08/07/14/"),
        (ERRORS, "errors/processing-failed/"),
        (f"{ERRORS}!{{timestamp:'d='dd}}", "errors/processing-failed/d=07"),
    ],
)
def test_an_error_prefix_names_the_kind_of_error(given_prefix: str | None, evaluated: str) -> None:
    template = prefix.template(given_prefix, error=True)
    assert prefix.evaluate(template, OLDEST, error_type="processing-failed") == evaluated


@settings(deadline=None)
@given(st.text(), st.text())
def test_partition_keys_are_literal_whatever_they_contain(one: str, other: str) -> None:
    template = prefix.parse("a=!{partitionKeyFromLambda:a}/b=!{partitionKeyFromQuery:a}/")
    keys = {
        Expression("partitionKeyFromLambda", "a"): one,
        Expression("partitionKeyFromQuery", "a"): other,
    }
    filled: Template = prefix.with_keys(template, keys)
    assert prefix.evaluate(filled, OLDEST) == f"a={one}/b={other}/"


def test_an_object_s_name_says_stream_version_and_oldest_arrival() -> None:
    name = prefix.object_name("flights", "3", OLDEST, ".parquet", UTC)
    uuid = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    assert re.fullmatch(rf"flights-3-2018-08-07-14-05-09-{uuid}\.parquet", name)


@pytest.mark.parametrize(
    ("given_prefix", "error_prefix", "partitioned", "sentence"),
    [
        ("!{timestamp:yyyy", ERRORS, False, "Invalid expression usage"),
        ("!{}", ERRORS, False, "Invalid expression usage"),
        (
            "!{time:yyyy}/",
            ERRORS,
            False,
            "Namespace to the left of colon (time) is an invalid keyword!",
        ),
        (
            "!{timestamp:C}",
            ERRORS,
            False,
            "Invalid conversion character used in the value of the expression in Prefix",
        ),
        (
            "a/",
            "!{firehose:nothing}",
            False,
            "Invalid conversion character used in the value of the expression in ErrorOutputPrefix",
        ),
        (
            "!{timestamp:ww}",
            ERRORS,
            False,
            "The local AWS does not evaluate the pattern letter w in Prefix",
        ),
        ("x" * 513, None, False, "Length of evaluated prefix cannot be greater than 512"),
        (
            None,
            "x" * 513,
            False,
            "Length of evaluated ErrorOutputPrefix cannot be greater than 512",
        ),
        (
            ERRORS,
            ERRORS,
            False,
            "Prefix must not contain any occurrence of !{firehose:error-output-type}",
        ),
        (
            "!{timestamp:yyyy}/",
            None,
            False,
            "ErrorOutputPrefix cannot be null or empty when Prefix contains expressions",
        ),
        (
            "!{partitionKeyFromLambda:a}",
            f"{ERRORS}!{{partitionKeyFromLambda:a}}",
            True,
            "Dynamic Partitioning Namespaces can't be part of an error prefix expression",
        ),
        (
            None,
            "!{timestamp:yyyy}",
            False,
            "ErrorOutputPrefix must contain at least one occurrence of "
            "!{firehose:error-output-type}",
        ),
        (
            "!{timestamp:yyyy}",
            ERRORS,
            True,
            "S3 Prefix should contain Dynamic Partitioning namespaces when Dynamic Partitioning "
            "is enabled",
        ),
        (
            "!{partitionKeyFromQuery:a}",
            ERRORS,
            False,
            "Dynamic Partitioning Namespaces can only be part of a prefix expression when Dynamic "
            "Partitioning is enabled.",
        ),
    ],
)
def test_a_prefix_that_aws_refuses_is_refused_in_its_words(
    given_prefix: str | None, error_prefix: str | None, partitioned: bool, sentence: str
) -> None:
    with pytest.raises(prefix.BadPrefix) as refused:
        prefix.check(given_prefix, error_prefix, partitioned=partitioned)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("given_prefix", "error_prefix", "partitioned"),
    [
        (None, None, False),
        ("a/", "errors/", False),
        ("!{timestamp:yyyy}/!{firehose:random-string}", ERRORS, False),
        ("k=!{partitionKeyFromLambda:k}/!{timestamp:HH}/", ERRORS, True),
    ],
)
def test_a_prefix_that_aws_takes_is_taken(
    given_prefix: str | None, error_prefix: str | None, partitioned: bool
) -> None:
    prefix.check(given_prefix, error_prefix, partitioned=partitioned)
