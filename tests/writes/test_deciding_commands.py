"""The same from a terminal: less, seeded ones, figures, and what outsiders wrote."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from erp_mcp.cli.app import main
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.writes.desk import APPROVERS, WriteDesk
from tests.writes.test_create_purchase_order import ORDER, TOOL
from tests.writes.test_procurement import ASKED as PROCURE
from tests.writes.test_procurement import TOOL as SAGA


def _run(desk: WriteDesk, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["approvals", *arguments, "--config", str(desk.directory / "erp-mcp.yaml")])


@guarantees("P3.narrowed", "P3.canaries", "P3.figures", "cli.teaches")
def test_less_is_approved_a_seeded_one_is_caught_and_both_are_counted(desk: WriteDesk) -> None:
    """What can be made smaller is listed, shown before it is signed, and told apart from what was asked for."""
    asked = desk.propose(TOOL, **ORDER).content.proposal_id

    listed = _run(desk, "narrow", asked)
    made = _run(
        desk, "narrow", asked, "--size", "lines[0].qty=60.5", "--leave-out", "lines[1]", "--as", APPROVERS[0], "--yes"
    )
    refused = _run(desk, "narrow", asked, "--size", "lines[0].qty")

    assert "--size lines[0].qty=…" in listed.output
    assert "--leave-out lines[1]" in listed.output
    assert made.exit_code == 0, made.output
    assert "AWAITING_APPROVAL" in made.output
    assert refused.exit_code == 2
    assert desk.proposal(asked).state is State.REJECTED
    seeded = json.loads(_run(desk, "seed", "--json").output)["proposal_id"]
    caught = _run(desk, "reject", seeded, "--reason", "absurd", "--as", APPROVERS[0], "--yes")
    assert "well seen" in caught.output
    figures = json.loads(_run(desk, "report", "--json").output)["approvers"]
    assert [(one["narrowed"], one["canaries_seen"], one["catch_rate"]) for one in figures] == [(1, 1, "1.000")]
    assert "overridden" in _run(desk, "report").output
    assert "No agent has read such text" in _run(desk, "tainted").output
    assert _run(desk, "clear", "clerk", "--reason", "nothing", "--as", APPROVERS[0], "--yes").exit_code != 0


@guarantees("P3.narrowed", "P10.saga", "cli.teaches")
def test_of_several_changes_as_one_less_is_approved_from_a_terminal(desk: WriteDesk) -> None:
    """Each amount of the call can be made smaller; a step that would grow is refused with a code that says so."""
    asked = desk.propose(SAGA, **PROCURE).content.proposal_id
    listed = _run(desk, "narrow", asked)
    signed = ("--as", APPROVERS[0], "--yes")
    grown = _run(desk, "narrow", asked, "--size", "reserve_qty=10.5", "--size", "lines[0].qty=31", *signed)
    assert grown.exit_code != 0
    assert desk.proposal(asked).state is State.AWAITING_APPROVAL
    made = _run(desk, "narrow", asked, "--size", "reserve_qty=10.5", *signed)

    assert [path for path in ("reserve_qty", "amount", "lines[0].qty") if f"--size {path}=…" not in listed.output] == []
    assert "proposal.not_smaller" in grown.output
    assert made.exit_code == 0, made.output
    assert "10.5" in made.output
    assert (desk.proposal(asked).state, desk.proposal(asked).reason) == (State.REJECTED, "narrowed")
