"""What an agent may write freely is shown as its own words, for every such tool, from its call to the terminal."""

from __future__ import annotations

import json

from click.testing import CliRunner

from erp_mcp.cli.app import main
from erp_mcp.domain.answer import Answer
from tests.guarantees import guarantees
from tests.writes.desk import WriteDesk

_THEIR_TOOLS = {
    "propose_create_human_task",
    "propose_create_maintenance_notification",
    "propose_create_quality_notification",
    "propose_create_supplier",
    "propose_post_goods_movement",
    "propose_procurement",
}
# What a saga is given is shown where its steps take it.
_TAKEN_TO = {("propose_procurement", "message"): "tell_requester.instructions"}


def _shown(desk: WriteDesk, proposal_id: str, *words: str) -> str:
    done = CliRunner().invoke(main, ["approvals", "show", proposal_id, "--demo-dir", str(desk.directory), *words])
    assert done.exit_code == 0, done.output
    return done.stdout


@guarantees("P3.own_words")
def test_every_tool_with_free_text_has_it_shown_as_the_agents_own_words(desk: WriteDesk) -> None:
    """On a terminal such a text stands behind a bar, and nowhere else but in a headline that says so."""
    tools = [one for one in desk.deployment.catalog if one.effect == "write"]
    free = {one.name: {arg.name for arg in one.arguments if arg.type == "text"} - {"reason"} for one in tools}
    assert {tool for tool, names in free.items() if names} == _THEIR_TOOLS
    for tool in tools:
        if not free[tool.name]:
            continue
        arguments = json.loads(tool.examples[0])
        outcome = desk.ask(tool.name, **arguments)
        assert isinstance(outcome, Answer), (tool.name, outcome)
        proposal_id = str(outcome.tables["proposal"].rows[0][0])
        told = json.loads(_shown(desk, proposal_id, "--json"))
        said = [arguments[name] for name in free[tool.name] if name in arguments]
        places = {_TAKEN_TO.get((tool.name, name), name) for name in free[tool.name] & {*arguments}}
        assert set(told["agents_own_words"]) >= places, tool.name
        assert not {"site", "qty", "material_id", "due"} & set(told["agents_own_words"])
        lines = _shown(desk, proposal_id).splitlines()
        for text in said:
            bare = [one for one in lines if text[:40] in one and not one.lstrip().startswith("| ")]
            assert bare == [line for line in lines[:1] if text[:40] in line], tool.name
            if bare:
                assert "quotes the agent's own words" in lines[1]
