"""A folder with a scenario worked by hand, for the tests of faults."""

from pathlib import Path

import pytest
from workspace import Workspace


@pytest.fixture
def work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Workspace:
    return Workspace(tmp_path, capsys)


@pytest.fixture
def planned(work: Workspace) -> Workspace:
    """A workspace in which a plan of an earlier day stands."""
    assert work.optimize("budget.total=40").code == 0
    return work
