"""`erp-mcp policy` as an admin uses it: on shipped files, and on a deployment of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner, Result

from erp_mcp import administration, bootstrap
from erp_mcp.cli.policy import command
from tests.guarantees import guarantees

ROOT = Path(__file__).parents[3]
SETTINGS = """\
version: 1
deployment: test
environment: development
plant: {zone: Europe/Berlin}
state_dir: state
read_model: read_model.sqlite
policies: policies
systems: {}
"""


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


def _json(*arguments: str) -> dict[str, object]:
    done = _run(*arguments, "--json")
    assert done.exit_code in (0, 2), done.output
    return cast("dict[str, object]", json.loads(done.stdout))


def _signed(config: Path) -> tuple[str, ...]:
    """Return the options with which the shipped policies, which allow a write, are applied without a question."""
    return ("--config", str(config), "--yes", "--as", "anna", "--passphrase-file", str(config.parent / "passphrase"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment with a copy of the shipped policies, the catalogue compiled and one approver."""
    folder = tmp_path_factory.mktemp("prepared")
    shutil.copytree(ROOT / "policies", folder / "policies")
    (folder / "erp-mcp.yaml").write_text(SETTINGS, encoding="utf-8")
    deployment = bootstrap.open_deployment(folder / "erp-mcp.yaml")
    assert len(deployment.catalog.tools) >= 13
    secret = folder / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text("a passphrase of several words", encoding="utf-8")
    administration.enrol(deployment, "anna", "Anna", secret.read_text(encoding="utf-8"))
    deployment.close()
    return folder


@pytest.fixture
def config(prepared: Path, tmp_path: Path) -> Path:
    """A deployment of its own for each test, nothing applied yet."""
    return Path(shutil.copytree(prepared, tmp_path / "plant")) / "erp-mcp.yaml"


def _edit(config: Path, old: str, new: str, *, file: str = "base.yaml") -> None:
    path = config.parent / "policies" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def _active(config: Path) -> str:
    deployment = bootstrap.open_deployment(config)
    try:
        return deployment.state.bundles.active_digest()
    finally:
        deployment.close()


@guarantees("policy.closed_language", "cli.teaches")
def test_the_shipped_policies_are_right(config: Path) -> None:
    """What is delivered passes its own check and its own cases."""
    done = _run("check", "--config", str(config))
    tested = _json("test", "--config", str(config))

    assert done.exit_code == 0, done.output
    assert tested["ok"] is True
    assert len(cast("list[object]", tested["cases"])) >= 17


@guarantees("P2.evidence", "cli.teaches")
def test_every_check_names_each_write_with_what_earned_it(config: Path) -> None:
    """Who accepted that there is no report is not forgotten."""
    lines = [
        f"{write}, accepted by demo-admin without a report"
        for write in (
            "buyer may PROPOSE propose_update_delivery_date (buyer-delivery-dates)",
            "finance may PROPOSE propose_allocate_budget (finance-budget)",
            "procurement may PROPOSE propose_procurement (procurement-as-one)",
        )
    ]

    for _ in range(2):
        told = _run("check", "--config", str(config)).output
        assert all(line in told for line in lines)
    writes = cast("list[dict[str, object]]", _json("check", "--config", str(config))["writes"])
    assert len(writes) == 2 + 7
    assert [one for one in writes if one["role"] != "procurement"] == [
        {
            "role": "buyer",
            "tool": "propose_update_delivery_date",
            "rule": "buyer-delivery-dates",
            "evidence": {"accepted_by": "demo-admin", "reason": "this is the demo plant and no real order moves"},
        },
        {
            "role": "finance",
            "tool": "propose_allocate_budget",
            "rule": "finance-budget",
            "evidence": {"accepted_by": "demo-admin", "reason": "this is the demo plant and nobody's budget moves"},
        },
    ]


@guarantees("P2.no_writes", "policy.apply")
def test_without_an_approver_the_write_is_shown_and_nothing_is_applied(config: Path) -> None:
    """A file that somebody saved and applied opens no write by itself."""
    before = _active(config)

    done = _run("apply", "--config", str(config), "--yes", "--as", "nobody")

    assert done.exit_code != 0
    assert done.output.startswith("+ buyer may now PROPOSE propose_update_delivery_date; approval by any one of")
    assert _active(config) == before == ""


@guarantees("cli.teaches", "P2.evidence")
def test_explain_tells_of_a_write_who_decides_and_of_the_tools_around_it_why_they_are_there(config: Path) -> None:
    """The saved files, for the role that may and for one that may not."""
    place = ("--config", str(config), "--saved")

    write = _run("explain", "buyer", "propose_update_delivery_date", *place).output
    own = _json("explain", "buyer", "get_proposal", *place)
    absent = _run("explain", "planner", "get_proposal", *place).output

    assert "approval by any one of enrolled approvers, never the agent's owner, within 4 h (delivery-dates)" in write
    assert "limit 20 proposals per agent in 24 h (delivery-dates-a-day)" in write
    assert "accepted by demo-admin without a report" in write
    assert own["allowed"] is True
    assert "propose_update_delivery_date" in cast("str", own["status"])
    assert "planner may not call get_proposal" in absent
    assert "no rule lets this role propose anything" in absent


@guarantees("policy.apply", "policy.closed_language", "input.clear_errors")
def test_a_broken_file_is_named_with_its_line_and_never_applied(config: Path) -> None:
    """What was applied stays in force."""
    assert _run("apply", *_signed(config)).exit_code == 0
    before = _active(config)
    _edit(config, "tools: [orders/*]", "tools: [order/*]")

    checked = _run("check", "--config", str(config))
    problems = cast("list[dict[str, object]]", _json("check", "--config", str(config))["problems"])
    applied = _run("apply", *_signed(config))

    assert checked.exit_code == applied.exit_code == 2
    assert [one["problem"] for one in problems] == ["unknown_toolset"]
    assert f"base.yaml:{problems[0]['line']}:" in checked.output
    assert _active(config) == before


@guarantees("policy.apply")
def test_apply_shows_what_becomes_allowed_and_switches_the_deployment(config: Path) -> None:
    """The first apply of a deployment, then one more tool for a role, then nothing more to do."""
    first = _json("apply", *_signed(config))
    digest = _active(config)
    _edit(config, "tools: [orders/*]", "tools: [orders/*, list_wip_jobs]")
    _edit(config, "    not_by: [site-1000-quality-wip]\n", "", file="tests/1000.yaml")
    _edit(
        config,
        "    tool: list_wip_jobs\n    expect: denied\n",
        "    tool: list_wip_jobs\n    expect: allowed\n    not_by: [site-1000-quality-wip]\n",
        file="tests/1000.yaml",
    )

    shown = _json("diff", "--config", str(config))
    dry = _json("apply", "--dry-run", "--config", str(config))
    second = _json("apply", *_signed(config))
    third = _json("apply", *_signed(config))

    assert (first["applied"], first["bundle"]) == (True, digest)
    assert shown["newly_allowed"] == [
        {"role": "support", "subject": "list_wip_jobs", "before": "denied", "after": "all sites"}
    ]
    assert (dry["applied"], second["applied"], third["applied"]) == (False, True, False)
    assert _active(config) == second["bundle"] != digest


@guarantees("policy.apply", "P5.every_decision")
def test_an_apply_is_recorded(config: Path) -> None:
    """Who changed what may be called, and from what to what."""
    digest = _json("apply", *_signed(config))["bundle"]

    deployment = bootstrap.open_deployment(config)
    try:
        records = deployment.state.audit.read()
    finally:
        deployment.close()

    assert [str(digest) in record.leaf.decode() for record in records if b"policy.applied" in record.leaf] == [True]


@guarantees("policy.apply")
def test_explain_speaks_of_what_is_applied_and_on_request_of_what_is_saved(config: Path) -> None:
    """A saved file changes nothing, so it must not explain anything either."""
    _run("apply", *_signed(config))
    _edit(config, "tools: [orders/*]", "tools: [list_sales_orders, find_order, explain_late_order]")
    place = ("support", "get_sales_order", "--config", str(config))

    assert _json("explain", *place)["allowed"] is True
    assert _json("explain", *place, "--saved")["allowed"] is False


@guarantees("P1.scope", "cli.teaches")
def test_explain_takes_arguments_into_account(config: Path) -> None:
    """Site 2000 is outside a supervisor's scope: the call is answered, with nothing in it."""
    found = _json("explain", "supervisor", "list_wip_jobs", '{"site": "2000"}', "--config", str(config))

    assert found["allowed"] is True
    assert cast("dict[str, object]", found["obligations"])["sites"] == []


@guarantees("input.clear_errors", "cli.teaches")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("explain", "nobody", "get_stock"), "call.invalid_argument"),
        (("explain", "buyer", "no_such_tool"), "call.unknown_tool"),
        (("explain", "buyer", "get_stock", "{"), "call.invalid_argument"),
        (("explain", "buyer", "get_stock", '{"sites": "1000"}'), "call.unknown_argument"),
        (("explain", "buyer", "get_stock", '{"site": 1000}'), "call.invalid_argument"),
        (("check", "--policies", "no-such-folder"), "no_base"),
    ],
)
def test_wrong_input_is_answered_with_a_code(arguments: tuple[str, ...], code: str, config: Path) -> None:
    """A person sees what to mend, a program sees the code."""
    done = _run(*arguments, "--config", str(config))

    assert done.exit_code == 2
    assert code in done.output
    assert "Traceback" not in done.output


@guarantees("cli.teaches")
@pytest.mark.parametrize("name", ["check", "test", "explain", "diff", "apply", "schema"])
def test_each_command_explains_itself_with_an_example(name: str) -> None:
    """`--help` is where people look first."""
    done = _run(name, "--help")

    assert done.exit_code == 0
    assert f"erp-mcp policy {name}" in done.output
