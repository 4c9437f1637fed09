"""What an execution environment's process runs; AWS's image has a file of this name.

It stands alone: nothing of the local AWS can be imported here. Arguments: the handler, the
directory that layers were unpacked to, and a pipe that ends when the local AWS does.
"""

import _thread
import os
import signal
import site
import sys


def live_with(pipe: int) -> None:
    """End this process and its children when the other end of the pipe is gone."""
    try:
        os.read(pipe, 1)
    finally:
        os.killpg(0, signal.SIGKILL)


def paths(task: str, layers: str, runtime: str) -> list[str]:
    """The module search path, in AWS's order: code, layers, the runtime, the interpreter."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    inside = [f"{layers}/python/lib/{version}/site-packages", f"{layers}/python"]
    return [task, *inside, runtime, *sys.path[1:]]


if __name__ == "__main__":
    _, handler, layers, pipe = sys.argv
    _thread.start_new_thread(live_with, (int(pipe),))
    for descriptor in (pipe, os.environ["_LAMBDA_TELEMETRY_LOG_FD"]):
        os.set_inheritable(int(descriptor), False)  # noqa: FBT003  it has no keyword
    site.setquit()
    sys.path = paths(os.environ["LAMBDA_TASK_ROOT"], layers, os.environ["LAMBDA_RUNTIME_DIR"])
    sys.argv = [sys.argv[0], handler]
    from awslambdaric.__main__ import main

    main(sys.argv)
