"""The pages that lead through adding a tool and a policy rule, run as they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.walks import Shell, blocks, commands
from tests.guarantees import guarantees
from tests.prepared import DemoPlant


@pytest.fixture
def shell(tmp_path: Path, demo_plant: DemoPlant) -> Shell:
    """A reader's terminal in an empty folder; the plant is built as in `test_connect_a_system_page`, and not again."""
    return Shell(folder=tmp_path, plant=demo_plant)


def _append(file: Path, text: str) -> None:
    file.write_text(file.read_text(encoding="utf-8").rstrip("\n") + "\n\n" + text, encoding="utf-8")


def _append_to_rules(file: Path, rule: str) -> None:
    """Put a rule where the list of rules ends, as the page says."""
    before, rules, after = file.read_text(encoding="utf-8").partition("\nrules:\n")
    end = after.find("\n# Who must say yes")
    file.write_text(before + rules + after[:end].rstrip("\n") + "\n\n" + rule + after[end:], encoding="utf-8")


@guarantees("docs.agree", "catalog.lint")
def test_the_page_leads_from_a_wish_to_a_tool_that_one_role_has(shell: Shell) -> None:
    """File, lint, configuration, apply, call: as written, and for the other role it does not exist."""
    page = "add-a-tool.md"
    tool, setting = blocks(page, "yaml")
    lines = commands(page)
    assert len(lines) == 10, lines
    for line in lines:
        assert shell.type(line) == (2 if line.endswith("--as quality") else 0), (line, shell.told[line])
        if line == "cd plant":
            file = shell.folder / "my-tools" / "procurement" / "list_promise_changes.yaml"
            file.parent.mkdir(parents=True)
            file.write_text(tool, encoding="utf-8")
        if "tools lint" in line:
            _append(shell.folder / "erp-mcp.yaml", setting)
    assert "1 tool, 0 problems" in shell.told["erp-mcp tools lint my-tools"]
    assert "buyer may now call list_promise_changes" in shell.told["erp-mcp policy diff"]
    bought, refused = (shell.told[line] for line in lines if "tools call" in line)
    assert "«Delay" in bought
    assert "call.unknown_tool" in refused


@guarantees("docs.agree", "policy.apply")
def test_the_page_leads_from_a_wish_to_a_rule_with_its_proof(shell: Shell) -> None:
    """A rule alone is refused, with its cases it counts after the apply, and prices stay hidden."""
    page = "add-a-policy-rule.md"
    rule, cases = blocks(page, "yaml")
    lines = commands(page)
    assert len(lines) == 10, lines
    statuses = []
    for line in lines:
        statuses.append(shell.type(line))
        if len(statuses) == lines.index("erp-mcp policy explain support list_purchase_orders") + 1:
            _append_to_rules(shell.folder / "policies" / "base.yaml", rule)
        if line == "erp-mcp policy check" and statuses.count(0) == len(statuses) - 1:
            _append(shell.folder / "policies" / "tests" / "base.yaml", cases)
    assert statuses[3], "a rule without a test is refused"
    assert statuses[:3] + statuses[4:] == [0] * (len(lines) - 1), shell.told
    answer = shell.told["erp-mcp tools call list_purchase_orders '{\"limit\": 2}' --as support"]
    assert "purchase_order_id" in answer
    assert "support may call" in shell.told["erp-mcp policy explain support list_purchase_orders"]
