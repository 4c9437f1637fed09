"""The end of the local AWS, while a function is at work."""

import time
from pathlib import Path

from tests.conftest import AWS
from tests.local.lab import until
from tests.local.mapping.conftest import Lab
from tests.local.server.process import LocalAWSProcess


def test_ending_the_local_aws_does_not_wait_for_a_function_for_long(tmp_path: Path) -> None:
    process = LocalAWSProcess()
    lab = Lab(AWS(process.endpoint), tmp_path)
    function = lab.function("import time; time.sleep(600)", Timeout=900)
    stream = lab.stream()
    lab.put(stream, 1)
    lab.mapping(function, stream)
    until(lambda: lab.batches(function))
    began = time.monotonic()
    assert process.stop() == 0
    assert time.monotonic() - began < 25
