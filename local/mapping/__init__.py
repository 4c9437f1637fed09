"""Event source mappings: Lambda functions that read streams and queues, as AWS runs them.

Of Kinesis streams, `lane`, `window` and `shard` are the rules, pure, and `reader`, `runner` and
`destinations` carry them out; of SQS queues, `batches` are the rules and `poller` carries them out.
`answer` reads what functions return; `service` is the API's side.
"""

from local.mapping.api import install
from local.mapping.service import stop

__all__ = ["install", "stop"]
