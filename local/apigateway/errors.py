"""What API Gateway answers when a call does not get through to its integration."""

import uuid

import msgspec

from local.http import Response


class Refused(Exception):
    """A gateway response: a status and a sentence."""

    def __init__(self, status: int, message: str, error: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.error = error


def missing() -> Refused:
    """No such API, stage, path or method."""
    return Refused(403, "Missing Authentication Token", "MissingAuthenticationTokenException")


def forbidden() -> Refused:
    """No key, or one that may not call this stage."""
    return Refused(403, "Forbidden", "ForbiddenException")


def wrong_body() -> Refused:
    return Refused(400, "Invalid request body", "BadRequestException")


def wrong_parameters(names: str) -> Refused:
    return Refused(400, f"Missing required request parameters: [{names}]", "BadRequestException")


def throttled() -> Refused:
    return Refused(429, "Too Many Requests", "TooManyRequestsException")


def exceeded() -> Refused:
    return Refused(429, "Limit Exceeded", "LimitExceededException")


def unsupported_media() -> Refused:
    return Refused(415, "Unsupported Media Type", "UnsupportedMediaTypeException")


def defect() -> Refused:
    """A template or a pattern of the API's is wrong."""
    return Refused(500, "Internal server error", "InternalServerErrorException")


def unsupported(what: str) -> Refused:
    """AWS has it, the local AWS does not."""
    sentence = f"The local AWS does not support {what} of API Gateway."
    return Refused(501, sentence, "UnsupportedOperation")


def answer(refused: Refused) -> Response:
    headers = [
        ("Content-Type", "application/json"),
        ("x-amzn-RequestId", str(uuid.uuid4())),
        ("x-amzn-ErrorType", refused.error),
    ]
    return Response(refused.status, headers, msgspec.json.encode({"message": refused.message}))
