"""Event source mappings: Lambda functions that read Kinesis streams, as AWS runs them.

`lane`, `window`, `shard` and `answer` are the rules, pure; `reader`, `runner` and `destinations`
carry them out; `service` is the API's side.
"""

from local.mapping.api import install
from local.mapping.service import stop

__all__ = ["install", "stop"]
