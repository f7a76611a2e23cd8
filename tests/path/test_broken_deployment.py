"""A set-up that is missing, half built, down or wrong: the server stays up and says what to do."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner
from mcp import Client

from erp_mcp.cli.app import main
from tests.guarantees import guarantees
from tests.path.conftest import Desk
from tests.path.test_end_to_end import server


@guarantees("input.clear_errors")
def test_a_missing_read_model_is_named_and_nothing_is_made_up(desk: Desk) -> None:
    """Never an empty list where there is no list."""
    desk.deployment.settings.read_model.unlink()

    refusal = desk.refusal("planner", "list_sales_orders")

    assert refusal.code == "read_model.not_ready"
    assert refusal.retryable


@guarantees("input.clear_errors", "P7.no_false_empty")
def test_a_half_built_read_model_is_refused_for_what_is_missing_only(desk: Desk) -> None:
    """An entity that was offered and never completely synchronised is no evidence of anything."""
    with sqlite3.connect(desk.deployment.settings.read_model) as store:
        store.execute("UPDATE sync_state SET as_of = '', complete = 0 WHERE entity = 'sales_order_line'")
    store.close()

    assert desk.refusal("planner", "list_sales_orders").code == "read_model.not_ready"
    assert desk.rows("planner", "list_wip_jobs", "jobs")


@guarantees("input.clear_errors", "P10.survives")
def test_a_system_that_is_down_is_reported_and_old_data_keeps_its_age(desk: Desk) -> None:
    """The MES file is gone: ERP goes on, the MES rows stay with their old time."""
    before = desk.answer("planner", "list_wip_jobs")
    (desk.directory / "mes.sqlite").unlink()

    result = CliRunner().invoke(main, ["sync", "--json", "--demo-dir", str(desk.directory)])

    assert result.exit_code == 1
    assert "adapter.unreachable" in result.output
    assert desk.answer("planner", "list_wip_jobs").sources == before.sources


@guarantees("input.clear_errors")
def test_a_system_that_answers_nonsense_changes_nothing(desk: Desk) -> None:
    """A quantity that is no number is refused at the edge, and the row of before stays."""
    before = desk.answer("planner", "get_stock", material_id=["RM-013"]).tables
    with sqlite3.connect(desk.directory / "erp.sqlite") as erp:
        erp.execute("UPDATE stock_qty SET qty = 'many', changed_at = '2026-03-17T00:00:00Z' WHERE mat_no = 'RM-013'")
    erp.close()

    result = CliRunner().invoke(main, ["sync", "erp", "--json", "--demo-dir", str(desk.directory)])

    assert "adapter.bad_answer" in result.output
    assert "many" not in result.output
    assert desk.answer("planner", "get_stock", material_id=["RM-013"]).tables == before


@guarantees("input.clear_errors", "mcp.clean_wire")
@pytest.mark.parametrize("content", ["", "version: 1\nunknown: 2\n", "a: [", "version: 1\nversion: 1\n"])
async def test_a_server_with_a_broken_configuration_stays_up_with_an_empty_list(tmp_path: Path, content: str) -> None:
    """A host shows a server that runs; the reason stands on standard error and in `doctor`."""
    (tmp_path / "erp-mcp.yaml").write_text(content, encoding="utf-8")

    async with Client(server(tmp_path)) as client:
        assert (await client.list_tools()).tools == []

    told = CliRunner().invoke(main, ["doctor", "--json", "--demo-dir", str(tmp_path)])
    assert told.exit_code != 0
    assert "settings.bad_configuration" in told.output


@guarantees("P1.default_deny")
def test_an_agent_that_the_policy_does_not_name_sees_and_calls_nothing(desk: Desk) -> None:
    """The name a client gives itself is worth nothing unless an administrator declared it."""
    assert desk.deployment.gateway.tools(desk.deployment.principal("stranger")) == ()
    assert desk.refusal("stranger", "list_sales_orders").code == "policy.not_allowed"


@guarantees("P1.default_deny", "policy.apply")
def test_without_an_applied_policy_nothing_is_allowed(desk: Desk) -> None:
    """A deployment starts closed."""
    for file in desk.deployment.settings.state_dir.glob("state.sqlite*"):
        file.unlink()
    fresh = CliRunner().invoke(
        main, ["tools", "call", "list_sales_orders", "{}", "--json", "--demo-dir", str(desk.directory)]
    )

    assert fresh.exit_code == 3
    assert json.loads(fresh.output)["error"]["code"] == "policy.not_allowed"


@guarantees("P9.bounded", "input.clear_errors")
@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"limit": "5"}, "limit"),
        ({"limit": True}, "limit"),
        ({"late_only": "yes"}, "late_only"),
        ({"status": []}, "status"),
        ({"status": ["open"] * 60}, "status"),
        ({"requested_from": "2026-02-30"}, "requested_from"),
        ({"cursor": "abc"}, "cursor"),
        ({"site": None}, "site"),
        ({"customer": "C1"}, "customer"),
    ],
)
def test_a_wrong_argument_is_named_with_what_is_expected(desk: Desk, arguments: dict[str, object], name: str) -> None:
    """Strict types, bounds and names: nothing is guessed or ignored."""
    refusal = desk.refusal("planner", "list_sales_orders", **arguments)  # type: ignore[arg-type]  # JSON by construction

    assert refusal.code in {"call.invalid_argument", "call.unknown_argument", "call.bad_cursor"}
    assert refusal.facts["argument"] == name
