"""A deployment with three approvers, and a browser at its page."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from click.testing import CliRunner

from erp_mcp.cli.app import main
from tests.stretching import stretched_once
from tests.unit.cli.people_at_work import Desk
from tests.unit.web.browsing import Browser
from tests.verified_logs import logs_hold as logs_hold  # noqa: PLC0414 - what a test leaves behind is verified
from tests.verified_logs import logs_of_file_hold as logs_of_file_hold  # noqa: PLC0414


@pytest.fixture(autouse=True, scope="module")
def _stretched_once() -> Iterator[None]:
    """The same few people sign again and again."""
    with stretched_once():
        yield


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment with three approvers: ada (the first), bob and olga, who owns the agent."""
    directory = tmp_path_factory.mktemp("page") / "p"
    assert CliRunner().invoke(main, ["init", str(directory), "--owner", "olga", "--no-approver"]).exit_code == 0
    desk = Desk(directory=directory)
    for person, by in (("ada", ""), ("bob", "ada"), ("olga", "ada")):
        result = desk.enrol(person, name=f"{person.capitalize()} Person", by=by)
        assert result.exit_code == 0, result.output
    return directory


@pytest.fixture
def desk(enrolled: Path, tmp_path: Path) -> Desk:
    return Desk(directory=Path(shutil.copytree(enrolled, tmp_path / "p")))


@pytest_asyncio.fixture
async def browser(desk: Desk) -> AsyncIterator[Browser]:
    deployment = desk.open()
    made = Browser.at(deployment)
    yield made
    await made.leave()
    deployment.close()
