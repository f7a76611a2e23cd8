"""Where a change goes is part of what an approver signed: no edited file points a name at something else."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from erp_mcp import administration
from erp_mcp.bootstrap import open_deployment
from erp_mcp.cli.app import main
from erp_mcp.domain.lifecycle import State
from erp_mcp.worker import work_once
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE, shown
from tests.path.conftest import open_desk

Edit = Callable[[Path], None]


def configured(before: str, after: str) -> Edit:
    """Return an edit of the configuration file."""

    def edit(plant: Path) -> None:
        file = plant / "erp-mcp.yaml"
        text = file.read_text(encoding="utf-8")
        assert before in text
        file.write_text(text.replace(before, after), encoding="utf-8")

    return edit


def mapped(plant: Path) -> None:
    """Put a profile of one's own in place of the shipped one, with another promise for the date."""
    shipped = Path(__file__).parents[2] / "erp_mcp" / "systems" / "demo-erp.yaml"
    text = shipped.read_text(encoding="utf-8").replace("profile: demo-erp", "profile: own-erp", 1)
    (plant / "profiles").mkdir()
    (plant / "profiles" / "own-erp.yaml").write_text(text.replace("settle_s: 5", "settle_s: 6", 1), encoding="utf-8")
    configured("version: 1", "version: 1\nprofiles: [profiles]")(plant)
    configured("profile: demo-erp", "profile: own-erp")(plant)


EDITS: dict[str, Edit] = {
    "another system": configured("url: erp.sqlite", "url: other.sqlite"),
    "another profile": mapped,
    "another account": configured("write: {}", "write: {account: somebody}"),
    "another time zone": configured("zone: Europe/Berlin", "zone: Asia/Tokyo"),
}


def approved(plant: Path) -> str:
    """Let the buyer propose and a person approve; return the handle."""
    desk = open_desk(plant)
    try:
        handle = str(shown(desk.answer("buyer", DATE_TOOL, **NEW_DATE))["proposal_id"])
        passphrase = (plant / "keys" / "demo-approver.passphrase").read_text(encoding="utf-8").strip()
        signing = administration.Signing(approver_id="demo-approver", passphrase=passphrase)
        administration.decide(desk.deployment, desk.deployment.state.proposals.get(handle), signing, "approve")
    finally:
        desk.deployment.close()
    return handle


def worked(plant: Path, handle: str) -> tuple[State, str]:
    """Let a worker work; return where the proposal stands, and why."""
    deployment = open_deployment(plant / "erp-mcp.yaml")
    try:
        asyncio.run(work_once(deployment, lambda _proposal, _lost: None))
        proposal = deployment.state.proposals.get(handle)
    finally:
        deployment.close()
    return proposal.state, proposal.reason


def promises(file: Path) -> list[tuple[str, ...]]:
    """Return all dates of an ERP that a change could have moved."""
    with closing(sqlite3.connect(file)) as erp:
        return list(erp.execute("SELECT po_no, item_no, promise FROM po_item"))


@guarantees("P3.signed_target")
@pytest.mark.parametrize("name", EDITS)
def test_an_edited_configuration_takes_no_approved_change_elsewhere(plant: Path, name: str) -> None:
    """An agent that can edit files could else let a person approve one thing and have another happen."""
    shutil.copy(plant / "erp.sqlite", plant / "other.sqlite")
    before = promises(plant / "erp.sqlite")
    handle = approved(plant)

    EDITS[name](plant)

    assert worked(plant, handle) == (State.DENIED, "target_changed")
    assert promises(plant / "erp.sqlite") == promises(plant / "other.sqlite") == before


@guarantees("P3.signed_target")
def test_an_approver_who_applies_the_policy_again_signs_for_where_it_goes_now(plant: Path) -> None:
    """Systems move; whoever lets changes go elsewhere sees where, and says so under their key."""
    shutil.copy(plant / "erp.sqlite", plant / "other.sqlite")
    EDITS["another system"](plant)

    result = CliRunner().invoke(main, ["policy", "apply", "--as", "demo-admin", "--demo-dir", str(plant)])
    assert result.exit_code == 2  # somebody must have looked
    assert "writes go to erp: other.sqlite" in result.stderr
    result = CliRunner().invoke(main, ["policy", "apply", "--yes", "--as", "demo-admin", "--demo-dir", str(plant)])
    assert result.exit_code == 0, result.output
    again = CliRunner().invoke(main, ["policy", "apply", "--demo-dir", str(plant)])
    assert "Already applied" in again.output

    assert worked(plant, approved(plant)) == (State.COMMITTED, "")


@guarantees("P3.signed_target")
def test_secrets_and_time_outs_change_without_anybodys_leave(plant: Path) -> None:
    """A password is renewed often; it does not say where a change goes."""
    handle = approved(plant)
    configured("write: {}", 'write: {secret: "env:ERP_PASSWORD"}, timeout_s: 20')(plant)

    assert worked(plant, handle) == (State.COMMITTED, "")


@guarantees("P3.signed_target")
def test_what_was_approved_for_one_system_does_not_go_to_another_that_was_signed_since(plant: Path) -> None:
    """A person said yes to a change of the first system; the next policy's signature says nothing about that."""
    shutil.copy(plant / "erp.sqlite", plant / "other.sqlite")
    before = promises(plant / "other.sqlite")
    handle = approved(plant)
    EDITS["another system"](plant)
    result = CliRunner().invoke(main, ["policy", "apply", "--yes", "--as", "demo-admin", "--demo-dir", str(plant)])
    assert result.exit_code == 0, result.output

    assert worked(plant, handle) == (State.DENIED, "target_changed")
    assert promises(plant / "other.sqlite") == before
