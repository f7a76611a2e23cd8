"""An emergency, from the command line to the table of the ERP: two people, a reason, and a third one afterwards."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from erp_mcp import administration
from erp_mcp.administration import deciding
from erp_mcp.audit.verify import verify
from erp_mcp.cli.app import main
from erp_mcp.domain.lifecycle import State
from tests.guarantees import guarantees
from tests.path.buyer import DATE_TOOL, NEW_DATE, run, shown
from tests.path.conftest import open_desk
from tests.path.test_targets import worked

WHY = "Line 2 stands still, and the buyer is on a plane until tonight."
RULE = "  - {id: delivery-dates, tools: [propose_update_delivery_date], approvers: any, needed: 1, expires_h: 4}\n"
GLASS = """  - id: delivery-dates
    tools: [propose_update_delivery_date]
    approvers: [demo-controller]
    expires_h: 4
    break_glass: {people: [carl, dora, demo-owner], review_by: [olaf, carl], review_within_h: 24}
"""
PEOPLE = ("carl", "dora", "olaf", "demo-owner")


@pytest.fixture(scope="module")
def glassy(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo plant with a policy that has a glass, and with those whom it names."""
    return with_glass(Path(shutil.copytree(prepared, tmp_path_factory.mktemp("glass") / "demo")))


def with_glass(plant: Path) -> Path:
    """Enrol those whom the glass names in a demo plant, apply a policy that has it, and return the plant."""
    for person in PEOPLE:
        file = key(plant, person)
        file.write_text(f"four correct horses of {person}\n", encoding="utf-8")
        file.chmod(0o600)
        run(plant, "approvals", "enrol", person, "--as", "demo-admin", "--new-passphrase-file", str(file))
    base = plant / "policies" / "base.yaml"
    text = base.read_text(encoding="utf-8")
    assert RULE in text
    base.write_text(text.replace(RULE, GLASS), encoding="utf-8")
    told = run(plant, "policy", "apply", "--yes", "--as", "demo-admin")
    assert "by break-glass any two of carl, demo-owner, dora, reviewed by carl, olaf within 24 h" in told
    return plant


@pytest.fixture
def plant(glassy: Path, tmp_path: Path) -> Path:
    """A copy of it to change at will."""
    return Path(shutil.copytree(glassy, tmp_path / "demo"))


def key(plant: Path, person: str) -> Path:
    return plant / f"{person}.passphrase"


def said(plant: Path, *words: str, by: str) -> Result:
    """Run a command that somebody signs."""
    signs = ["--as", by, "--yes", *(["--passphrase-file", str(key(plant, by))] if by in PEOPLE else [])]
    return CliRunner().invoke(main, [*words, *signs, "--demo-dir", str(plant)])


def proposed(plant: Path, key_: str = "", **other: Any) -> str:
    desk = open_desk(plant)
    try:
        told = {**NEW_DATE, **other, **({"idempotency_key": key_} if key_ else {})}
        return str(shown(desk.answer("buyer", DATE_TOOL, **told))["proposal_id"])
    finally:
        desk.deployment.close()


def by_glass(plant: Path, handle: str, by: str, *, why: str = WHY) -> Result:
    words = ("approvals", "approve", handle, "--break-glass", "--reason", why, "--no-worker", "--json")
    return said(plant, *words, by=by)


def broken(plant: Path) -> str:
    handle = proposed(plant)
    for who in ("carl", "dora"):
        result = by_glass(plant, handle, who)
        assert result.exit_code == 0, result.output
    return handle


def promise(plant: Path) -> str:
    with closing(sqlite3.connect(plant / "erp.sqlite")) as erp:
        ((found,),) = erp.execute("SELECT promise FROM po_item WHERE po_no = '4500000640' AND item_no = '00010'")
    return str(found)


def stands(plant: Path, handle: str) -> State:
    desk = open_desk(plant)
    try:
        return desk.deployment.state.proposals.get(handle).state
    finally:
        desk.deployment.close()


@guarantees("P3.break_glass", "P3.people_commit", "P4.one_effect")
def test_two_people_break_the_glass_and_the_erp_has_the_new_date(plant: Path) -> None:
    """Both say why; the ERP's own table has it; all of it stands in the records, and a review is due."""
    before, handle = promise(plant), proposed(plant)

    first = by_glass(plant, handle, "carl")
    assert (first.exit_code, json.loads(first.stdout)["state"]) == (0, "AWAITING_APPROVAL")
    assert (worked(plant, handle)[0], promise(plant)) == (State.AWAITING_APPROVAL, before)
    second = by_glass(plant, handle, "dora")
    assert (json.loads(second.stdout)["state"], json.loads(second.stdout)["yeses"]) == ("APPROVED", 2)
    assert "The glass is broken" in second.stderr

    assert worked(plant, handle) == (State.COMMITTED, "")
    assert promise(plant) != before
    told = run(plant, "approvals", "list", "--reviews")
    assert handle in told
    assert WHY[:40] in told
    shown_ = json.loads(run(plant, "approvals", "show", handle, "--json"))
    assert [one["approver"] for one in shown_["emergency"]["broken_by"]] == ["carl", "dora"]
    assert (shown_["emergency"]["review"], shown_["emergency"]["review_by"]) == ("open", ["carl", "olaf"])
    assert f"erp-mcp approvals review {handle}" in run(plant, "approvals", "show", handle)
    doctor = json.loads(CliRunner().invoke(main, ["doctor", "--json", "--demo-dir", str(plant)]).stdout)
    assert [one["status"] for one in doctor["checks"] if one["name"] == "reviews"] == ["note"]
    assert intact(plant)


def intact(plant: Path) -> bool:
    desk = open_desk(plant)
    state = desk.deployment.state
    try:
        return verify(state.audit.read_all(), proposals=state.proposals.kept(), rows=state.kept_rows()).intact
    finally:
        desk.deployment.close()


@guarantees("P3.break_glass", "P3.requesters", "input.clear_errors")
@pytest.mark.parametrize(
    ("by", "why", "code"),
    [
        ("carl", "urgent", "approval.reason_needed"),
        ("carl", " " * 40, "approval.reason_needed"),
        ("demo-owner", WHY, "approval.requester"),
        ("demo-controller", WHY, "approval.not_allowed"),
        ("olaf", WHY, "approval.not_allowed"),
        ("demo-admin", WHY, "approval.requester"),
    ],
)
def test_who_asked_who_is_not_named_and_who_says_no_reason_does_not_break_it(
    plant: Path, by: str, why: str, code: str
) -> None:
    """After one who may; the date stays as it was."""
    before, handle = promise(plant), proposed(plant)
    assert by_glass(plant, handle, "dora").exit_code == 0

    refused = by_glass(plant, handle, by, why=why)

    assert refused.exit_code in {2, 3}
    assert code in refused.output
    assert worked(plant, handle)[0] is State.AWAITING_APPROVAL
    assert promise(plant) == before


@guarantees("P3.break_glass", "P3.enough_people")
def test_one_person_is_not_enough_however_often_and_an_ordinary_yes_adds_nothing(plant: Path) -> None:
    """Who has said it once says it no more."""
    handle = proposed(plant)
    assert by_glass(plant, handle, "carl").exit_code == 0
    assert "approval.decided_already" in by_glass(plant, handle, "carl").output
    assert "approval.not_allowed" in said(plant, "approvals", "approve", handle, "--no-worker", by="dora").output
    assert stands(plant, handle) is State.AWAITING_APPROVAL


@guarantees("P3.break_glass")
def test_where_policy_has_no_glass_nobody_breaks_it(prepared: Path, tmp_path: Path) -> None:
    """As it is delivered."""
    plant = Path(shutil.copytree(prepared, tmp_path / "plain"))
    refused = by_glass(plant, proposed(plant), "demo-controller")
    assert "approval.no_break_glass" in refused.output


@guarantees("P3.break_glass", "P4.stale", "P4.kill_switch", "P4.limits", "P3.not_stricter")
@pytest.mark.parametrize("what", ["stopped", "changed", "limited", "withdrawn"])
def test_a_stop_a_changed_record_a_limit_and_a_policy_without_a_glass_hold_it_as_ever(plant: Path, what: str) -> None:
    """It takes the place of who must say yes, and of nothing else."""
    handle, before = broken(plant), promise(plant)
    if what == "stopped":
        run(plant, "writes", "stop", "all", "--reason", "stocktaking")
        assert worked(plant, handle)[0] is State.APPROVED
    elif what == "changed":
        with closing(sqlite3.connect(plant / "erp.sqlite")) as erp, erp:
            erp.execute("UPDATE po_item SET changed_at = '2026-03-16T04:59:59Z' WHERE po_no = '4500000640'")
        assert worked(plant, handle)[0] is State.STALE
    else:
        before_, after, reason = {
            "limited": ('max: "20"', 'max: "19"', "limits_stricter"),
            "withdrawn": (GLASS, RULE, "terms_stricter"),
        }[what]
        base = plant / "policies" / "base.yaml"
        text = base.read_text(encoding="utf-8")
        assert before_ in text
        base.write_text(text.replace(before_, after, 1), encoding="utf-8")
        run(plant, "policy", "apply", "--yes", "--as", "demo-admin")
        assert worked(plant, handle) == (State.DENIED, reason)
    assert promise(plant) == before


@guarantees("P3.break_glass")
def test_a_reviewer_signs_what_they_found_and_who_broke_it_does_not(plant: Path) -> None:
    """With their words; nothing is undone by it, and it is given once."""
    handle = broken(plant)
    words = ("approvals", "review", handle, "--verdict", "not_justified", "--reason", WHY, "--json")

    for who, code in (("carl", "approval.not_reviewer"), ("demo-controller", "approval.not_reviewer")):
        assert code in said(plant, *words, by=who).output
    short = ("approvals", "review", handle, "--verdict", "justified", "--reason", "fine")
    assert "approval.reason_needed" in said(plant, *short, by="olaf").output
    given = said(plant, *words, by="olaf")

    assert given.exit_code == 0, given.output
    found = json.loads(given.stdout)["emergency"]
    assert (found["review"], found["reviewed_by"], found["review_flaw"]) == ("not_justified", "olaf", None)
    assert "approval.reviewed_already" in said(plant, *words, by="olaf").output
    assert "Nothing waits for a review." in run(plant, "approvals", "list", "--reviews")
    assert "NOT justified" in run(plant, "approvals", "list", "--reviews", "--all")
    assert worked(plant, handle)[0] is State.COMMITTED
    assert intact(plant)


@guarantees("P3.break_glass")
def test_an_overdue_review_shuts_the_glass_until_somebody_has_looked(plant: Path) -> None:
    """Doctor fails meanwhile; whoever broke it does not open it again by reviewing."""
    first = broken(plant)
    assert worked(plant, first)[0] is State.COMMITTED
    desk = open_desk(plant)
    deployment = desk.deployment
    try:
        real = deployment.clock
        later = real.wall() + timedelta(hours=25)
        second = proposed(plant, "mail-7f3a92:date", new_date="2026-04-09")
        shown_ = deployment.state.proposals.get(second)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(real), "wall", lambda _: later)
            late = deciding.overdue(deployment)
            assert [one.proposal_id for one in late] == [first]
            approver = administration.trusted(deployment)["dora"]
            assert administration.why_not(deployment, shown_.content, approver, "break_glass") == "review_overdue"
    finally:
        deployment.close()


@guarantees("P3.break_glass", "P3.canaries")
def test_a_seeded_proposal_is_carried_out_by_no_glass_and_says_so_only_afterwards(plant: Path) -> None:
    """Whoever tries finds out nothing before they have decided; what they did is reviewed like any other."""
    proposed(plant)
    before = promise(plant)
    seeded = json.loads(run(plant, "approvals", "seed", "--json"))["proposal_id"]

    first, second = (by_glass(plant, seeded, who) for who in ("carl", "dora"))

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert ["was seeded" in one.stderr for one in (first, second)] == [False, True]
    assert worked(plant, seeded) == (State.DENIED, "canary")
    assert promise(plant) == before
    assert seeded in run(plant, "approvals", "list", "--reviews")


@guarantees("P3.break_glass")
def test_one_whose_reviewers_have_left_is_reviewed_by_whom_policy_names_by_now(plant: Path) -> None:
    """Else it would be overdue for good, and the glass shut."""
    handle = broken(plant)
    words = ("approvals", "review", handle, "--verdict", "justified", "--reason", WHY, "--json")
    run(plant, "approvals", "revoke", "olaf", "--as", "demo-admin", "--yes")
    assert "approval.not_found" in said(plant, *words, by="olaf").output
    assert "approval.not_reviewer" in said(plant, *words, by="demo-approver").output

    base = plant / "policies" / "base.yaml"
    text = base.read_text(encoding="utf-8")
    assert "review_by: [olaf, carl]" in text
    base.write_text(text.replace("review_by: [olaf, carl]", "review_by: [demo-approver]"), encoding="utf-8")
    run(plant, "policy", "apply", "--yes", "--as", "demo-admin")

    given = said(plant, *words, by="demo-approver")
    assert given.exit_code == 0, given.output
    found = json.loads(given.stdout)["emergency"]
    assert (found["review"], found["reviewed_by"], found["review_flaw"]) == ("justified", "demo-approver", None)
