"""Each environment is synthesized once in a session: starting CDK takes seconds."""

from collections.abc import Mapping
from contextlib import ExitStack

import pytest

from infra.environments import ENVIRONMENTS
from tests.infra.assembly import Assembly, synthesize


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Assembly]:
    """Every environment that ships, by name, synthesized side by side."""
    folders = {
        environment.name: tmp_path_factory.mktemp(environment.name) / "cdk.out"
        for environment in ENVIRONMENTS
    }
    with ExitStack() as started:
        running = {
            name: started.enter_context(synthesize(name, folder))
            for name, folder in folders.items()
        }
        for name, process in running.items():
            said = process.communicate()
            assert (process.returncode, said) == (0, ("", "")), name
    return {name: Assembly.read(name, folder) for name, folder in folders.items()}


@pytest.fixture(params=[environment.name for environment in ENVIRONMENTS])
def assembly(request: pytest.FixtureRequest, assemblies: Mapping[str, Assembly]) -> Assembly:
    """One environment after the other."""
    return assemblies[request.param]
