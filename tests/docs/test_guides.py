"""The guides: what they tell a role to type answers with rows, and every tool they name is there for that role."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from erp_mcp.bootstrap import Deployment, open_deployment
from erp_mcp.cli.app import main
from erp_mcp.settings import FILE_NAME
from tests.docs.walks import ROOT, commands
from tests.guarantees import guarantees
from tests.prepared import DemoPlant

GUIDES = sorted(page.stem for page in (ROOT / "docs" / "guides").glob("*.md") if page.stem != "README")


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, demo_plant: DemoPlant) -> Iterator[Deployment]:
    """A demo plant of seed 1."""
    deployment = open_deployment(demo_plant(tmp_path_factory.mktemp("guides") / "plant") / FILE_NAME)
    yield deployment
    deployment.close()


@guarantees("docs.agree")
@pytest.mark.parametrize("role", GUIDES)
def test_each_call_of_a_guide_answers_with_rows(role: str, plant: Deployment) -> None:
    """A reader types these first; an empty answer or a refusal would be the last thing they type."""
    calls = [line for line in commands(f"guides/{role}.md") if "tools call" in line]
    assert calls
    for line in calls:
        words = [*shlex.split(line)[1:], "--config", str(plant.settings.file), "--json"]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, (line, done.output)
        assert '"rows": [\n' in done.output, (line, done.output)


@guarantees("docs.agree")
@pytest.mark.parametrize("role", GUIDES)
def test_each_tool_that_a_guide_names_is_there_for_its_role(role: str, plant: Deployment) -> None:
    """A guide that sends people to what they may not call teaches distrust."""
    text = (ROOT / "docs" / "guides" / f"{role}.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\]\(\.\./tools/(\w+)\.md\)", text))
    granted = {tool.name for tool in plant.gateway.callable_tools(plant.principal(role))}
    assert named - granted == set()
