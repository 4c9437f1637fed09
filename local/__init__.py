"""AWS ON ONE MACHINE: moto, plus what moto lacks.

A folder is a service, and its `__init__` says by which of AWS's rules it goes. What follows is how
it works, in the order of an event, and an evening's reading:

    server, routes, fallback, model      one port; what is ours, and moto for the rest
    kinesis/stream, putting, log         a record is put, and lies in its shard
    mapping/lane, runner, filters        batches, retries, bisection, checkpoints, failures
    functions/dispatch, pool, process    an invocation finds a process, or starts one
    functions/channel                    Lambda's Runtime API, as awslambdaric speaks it
    delivery/lane, transform, openx      buffers, the transform's answers, JSON by OpenX's rules
    athena/engine, sql/translator        Trino's SQL on DuckDB, over what delivery wrote
    cloudformation/preparation, runner   what a change set does, in which order, and back again

The rest is long and alike: the parameters of each call (`validation`, `parameters`, `control`), the
functions of SQL (athena/sql/functions), the resource types (cloudformation/providers). cache,
apigateway and schedules stand beside that way, and are read when they are met.
"""
