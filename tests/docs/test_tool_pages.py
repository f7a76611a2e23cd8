"""The page of each tool is what its file says and what the demo plant answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from erp_mcp.bootstrap import open_deployment
from erp_mcp.settings import FILE_NAME
from tests.docs.tool_pages import FOLDER, Plant, pages
from tests.guarantees import guarantees
from tests.prepared import DemoPlant


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Iterator[Plant]:
    """A demo plant of seed 1."""
    deployment = open_deployment(demo_plant(tmp_path_factory.mktemp("pages") / "demo") / FILE_NAME)
    yield Plant(deployment=deployment)
    deployment.close()


@guarantees("docs.agree")
def test_there_is_one_page_for_each_tool_and_each_says_what_its_file_says(plant: Plant) -> None:
    """A changed tool without `python -m tests.docs.tool_pages` would leave readers with what it was."""
    written = {page.name: page.read_text(encoding="utf-8") for page in FOLDER.glob("*.md")}
    wanted = pages(plant)
    assert sorted(written) == sorted(wanted)
    assert [name for name, text in wanted.items() if written[name] != text] == []


@guarantees("docs.agree")
def test_each_tool_that_reads_shows_an_answer_with_rows(plant: Plant) -> None:
    """An example that answers nothing teaches nothing."""
    reading = [tool for tool in plant.tools() if tool.effect == "read"]
    silent = [tool.name for tool in reading if not any(plant.shown(tool, one) for one in tool.examples)]
    assert silent == []


@guarantees("docs.agree")
def test_pages_name_no_file_of_this_machine() -> None:
    """What a generator prints comes from where it ran."""
    texts = [page.read_text(encoding="utf-8") for page in FOLDER.glob("*.md")]
    assert not any(str(Path.home()) in text or "/tmp/" in text for text in texts)
