"""The operations of Kinesis, each of them answered here, done or refused by name."""

from local import model, routes
from local.http import Request, Response
from local.kinesis import (
    consumers,
    control,
    errors,
    getting,
    putting,
    resharding,
    subscription,
    tags,
)
from local.kinesis.call import Call, Operation

DIRECT: dict[str, routes.Handler] = {
    "PutRecord": putting.put_record,
    "PutRecords": putting.put_records,
    "GetRecords": getting.get_records,
    "SubscribeToShard": subscription.subscribe_to_shard,
}
"""These read and write the bytes themselves, because they are many or come as a stream."""

OPERATIONS: dict[str, Operation] = {
    **control.OPERATIONS,
    **resharding.OPERATIONS,
    **consumers.OPERATIONS,
    **tags.OPERATIONS,
    **getting.OPERATIONS,
}


def register() -> None:
    """Answer every operation that Kinesis has."""
    for name in model.service("kinesis").operations:
        if name in DIRECT:
            routes.register("kinesis", name, DIRECT[name])
        else:
            routes.register("kinesis", name, _handler(name))
    routes.register("logs", "PutSubscriptionFilter", _refuse_filter)


def _handler(name: str) -> routes.Handler:
    operation = OPERATIONS.get(name)

    def handle(request: Request) -> Response:
        if operation is None:
            raise errors.unsupported(f"the operation {name}")
        call = Call(routes.region(request), model.service("kinesis").checked(name, request))
        return routes.answer(operation(call))

    return handle


def _refuse_filter(_: Request) -> Response:
    """moto would put the log events on a stream of its own."""
    raise errors.unsupported("subscription filters of CloudWatch Logs as a source")
