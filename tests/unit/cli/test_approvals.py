"""`erp-mcp approvals`: people are enrolled, see exactly what would be written, and decide under their own key."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from erp_mcp.cli import proposal_view
from erp_mcp.cli.app import main
from erp_mcp.domain.audit import AuditRecord
from erp_mcp.domain.decision import Terms
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Check
from tests.guarantees import guarantees
from tests.unit.approval.people import content
from tests.unit.cli.people_at_work import ANYBODY, PASSPHRASE, Desk

ID = "prp_000000000001"
PROGRAM = (sys.executable, "-m", "erp_mcp")


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment with three approvers: ada (the first), bob and cy."""
    directory = tmp_path_factory.mktemp("plant") / "p"
    assert CliRunner().invoke(main, ["init", str(directory), "--owner", "olga", "--no-approver"]).exit_code == 0
    desk = Desk(directory=directory)
    for person, by in (("ada", ""), ("bob", "ada"), ("cy", "bob")):
        result = desk.enrol(person, name=f"{person.capitalize()} Person", by=by)
        assert result.exit_code == 0, result.output
    return directory


@pytest.fixture
def desk(enrolled: Path, tmp_path: Path) -> Desk:
    return Desk(directory=Path(shutil.copytree(enrolled, tmp_path / "p")))


def records(desk: Desk) -> list[AuditRecord]:
    deployment = desk.open()
    try:
        return deployment.state.audit.read(limit=100)
    finally:
        deployment.close()


def last_kind(desk: Desk) -> tuple[str, str]:
    leaf = json.loads(records(desk)[-1].leaf)
    return leaf["kind"], leaf["facts"].get("code", "")


# --- people -----------------------------------------------------------------------------------------------------------


@guarantees("P3.enrolled")
def test_the_first_approver_founds_the_registry_and_each_later_one_is_vouched_for(desk: Desk) -> None:
    """Everything stands on one public key in a file that only its owner can read."""
    told = desk.json("approvals", "approvers")["approvers"]
    root = desk.directory / "state" / "keys" / "approvers.root"

    assert [(one["approver"], one["enrolled_by"], one["in_force"]) for one in told] == [
        ("ada", "ada", True),
        ("bob", "ada", True),
        ("cy", "bob", True),
    ]
    assert root.read_text(encoding="ascii").strip() == told[0]["public_key"]
    assert root.stat().st_mode & 0o077 == 0


@guarantees("P3.enrolled", "input.clear_errors")
@pytest.mark.parametrize(
    ("approver_id", "name", "code"),
    [
        ("bob", "", "approval.exists"),
        ("b-ob", "", "approval.exists"),
        ("zed", "BOB  PERSON", "approval.exists"),
        ("zed", "b\u200bob", "call.invalid_argument"),
        ("Zed", "", "call.invalid_argument"),
        ("z" * 65, "", "call.invalid_argument"),
        ("zed", "Z" * 81, "call.invalid_argument"),
    ],
)
def test_nobody_is_enrolled_who_could_be_taken_for_somebody_else(
    desk: Desk, approver_id: str, name: str, code: str
) -> None:
    """One person under two names would be two people."""
    result = desk.enrol(approver_id, name=name, by="ada")

    assert result.exit_code == 2
    assert code in result.stderr
    assert len(desk.json("approvals", "approvers")["approvers"]) == 3


@guarantees("P3.enrolled", "input.clear_errors")
def test_only_an_approver_with_their_passphrase_enrols_another(desk: Desk) -> None:
    """A stranger, a wrong passphrase, a weak new one: nobody is enrolled."""
    new = desk.file("new.txt", "a new and long passphrase")
    weak = desk.file("weak.txt", "short")
    enrol = ["approvals", "enrol", "zed", "--new-passphrase-file"]

    stranger = desk.run(*enrol, new, "--as", "nobody", "--passphrase-file", desk.key("ada"))
    wrong = desk.run(*enrol, new, "--as", "ada", "--passphrase-file", desk.key("bob"))
    weak_one = desk.run(*enrol, weak, "--as", "ada", "--passphrase-file", desk.key("ada"))

    assert (stranger.exit_code, wrong.exit_code, weak_one.exit_code) == (2, 2, 2)
    assert "approval.not_found" in stranger.stderr
    assert "approval.bad_passphrase" in wrong.stderr
    assert "approval.weak_passphrase" in weak_one.stderr
    assert len(desk.json("approvals", "approvers")["approvers"]) == 3


@guarantees("P3.enrolled", "P8.no_leaks")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_passphrase_file_that_others_may_read_is_refused(desk: Desk, mode: int) -> None:
    """And its content is in no message."""
    desk.propose()
    file = desk.file("open.txt", f"{PASSPHRASE} of bob", mode=mode)

    result = desk.run("approvals", "approve", ID, "--as", "bob", "--passphrase-file", file, "--yes", "--no-worker")

    assert result.exit_code == 2
    assert "settings.bad_configuration" in result.stderr
    assert PASSPHRASE not in result.output
    assert desk.proposal().state is State.AWAITING_APPROVAL


@guarantees("P3.enrolled")
def test_a_revoked_approver_decides_no_more_and_whom_they_enrolled_stays(desk: Desk) -> None:
    """Revocation is final: the id can't be enrolled again."""
    desk.propose()
    revoked = desk.sign("approvals", "revoke", "bob", by="ada")
    again = desk.enrol("bob", by="ada")

    told = {one["approver"]: one["in_force"] for one in desk.json("approvals", "approvers")["approvers"]}
    assert revoked.exit_code == 0, revoked.output
    assert told == {"ada": True, "bob": False, "cy": True}
    assert again.exit_code == 2
    assert "approval.not_found" in desk.sign("approvals", "approve", ID, "--no-worker", by="bob").stderr
    assert desk.sign("approvals", "approve", ID, "--no-worker", by="cy").exit_code == 0


@guarantees("P3.enrolled", "input.clear_errors")
def test_the_last_approver_is_not_revoked(desk: Desk) -> None:
    """Nobody could enrol another then."""
    for gone in ("bob", "cy"):
        assert desk.sign("approvals", "revoke", gone, by="ada").exit_code == 0

    result = desk.sign("approvals", "revoke", "ada", by="ada")

    assert result.exit_code == 2
    assert "approval.last" in result.stderr


@guarantees("P3.enrolled", "input.clear_errors")
def test_without_an_approver_it_is_said_how_to_enrol_one(tmp_path: Path) -> None:
    """A fresh install."""
    desk = Desk(directory=tmp_path / "p")
    assert CliRunner().invoke(main, ["init", str(desk.directory)]).exit_code == 0
    desk.propose()

    for words in (["approve", ID], ["reject", ID, "--reason", "no"]):
        result = desk.run("approvals", *words, "--yes")
        assert result.exit_code == 2
        assert "approvals enrol" in result.stderr
    assert "approvals enrol" in desk.run("approvals", "approvers").output


@guarantees("P3.enrolled")
def test_a_root_key_that_stands_alone_lets_nobody_found_the_registry_again(tmp_path: Path) -> None:
    """Whoever empties the table does not become the first approver."""
    desk = Desk(directory=tmp_path / "p")
    assert CliRunner().invoke(main, ["init", str(desk.directory)]).exit_code == 0
    root = desk.directory / "state" / "keys" / "approvers.root"
    root.parent.mkdir(parents=True, mode=0o700)
    root.write_text("0" * 64, encoding="ascii")
    root.chmod(0o600)

    result = desk.enrol("eve")

    assert result.exit_code == 1
    assert "approval.broken_registry" in result.stderr
    assert desk.json("approvals", "approvers")["approvers"] == []


@guarantees("P3.enrolled")
@pytest.mark.bends_log("an approver whom nobody enrolled")
def test_a_row_that_somebody_wrote_into_the_table_stops_every_decision(desk: Desk) -> None:
    """It is worth nothing, and not passed over."""
    desk.propose()
    with sqlite3.connect(desk.directory / "state" / "state.sqlite") as connection:
        row = connection.execute("SELECT enrolment, enrolment_signature, sealed_key FROM approver LIMIT 1").fetchone()
        forged = {
            **json.loads(row[0]),
            "approver_id": "eve",
            "name": "Eve",
            "enrolled_by": "eve",
            "public_key": "e" * 64,
        }
        text = json.dumps(forged, sort_keys=True, separators=(",", ":"))
        connection.execute(
            "INSERT INTO approver (approver_id, enrolment, enrolment_signer, enrolment_signature, sealed_key)"
            " VALUES ('eve', ?, 'eve', ?, ?)",
            (text, row[1], row[2]),
        )
    connection.close()

    result = desk.sign("approvals", "approve", ID, "--no-worker", by="bob")

    assert result.exit_code == 1
    assert "approval.broken_registry" in result.stderr
    assert desk.proposal().state is State.AWAITING_APPROVAL


@guarantees("cli.teaches")
def test_nothing_that_waits_is_told_in_words(desk: Desk) -> None:
    """An empty screen would leave one wondering."""
    assert "Nothing waits" in desk.run("approvals", "list").output


# --- what is shown ----------------------------------------------------------------------------------------------------


@guarantees("cli.teaches")
def test_what_waits_is_listed_oldest_first(desk: Desk) -> None:
    """Id, age, risk, what it is, who asks and until when."""
    desk.propose("prp_000000000002")
    desk.propose("prp_000000000003")
    desk.sign("approvals", "reject", "prp_000000000003", "--reason", "no", by="bob")

    told = desk.json("approvals", "list")["proposals"]
    shown = desk.run("approvals", "list").output
    everything = desk.json("approvals", "list", "--all")["proposals"]

    assert [one["proposal_id"] for one in told] == ["prp_000000000002"]
    assert [told[0][name] for name in ("age", "risk", "agent", "owner")] == ["20 min", "W2", "planner", "olga"]
    assert all(part in shown for part in ("prp_000000000002", "W2", told[0]["headline"], "planner", "expires in"))
    assert {one["state"] for one in everything} == {"AWAITING_APPROVAL", "REJECTED"}


@guarantees("cli.teaches", "P9.bounded")
def test_a_list_that_is_cut_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not shown still waits for somebody."""
    for number in (2, 3):
        desk.propose(f"prp_00000000000{number}")
    assert desk.json("approvals", "list")["more"] is False
    monkeypatch.setattr("erp_mcp.cli.approvals._LISTED", 1)

    told = desk.json("approvals", "list")
    assert ([one["proposal_id"] for one in told["proposals"]], told["more"]) == (["prp_000000000002"], True)
    assert "the 1 oldest; there are more" in desk.run("approvals", "list").output
    newest = desk.json("approvals", "list", "--all")
    assert ([one["proposal_id"] for one in newest["proposals"]], newest["more"]) == (["prp_000000000003"], True)
    assert "the 1 newest; there are more" in desk.run("approvals", "list", "--all").output


@guarantees("P3.binding")
def test_everything_that_a_signature_binds_is_shown_before_it(desk: Desk) -> None:
    """Field by field, rules, effects, payload, who asks, who may decide, evidence, limits, digest."""
    proposal = desk.propose()
    shown = desk.run("approvals", "show", ID).output
    what = proposal.content

    for part in (
        "2026-03-20",
        "→ 2026-04-01",
        "date",
        "R-DATE-1",
        "FLAG",
        "One sales order becomes late.",
        "purchase_order_line.update_delivery_date to erp",
        what.command.reference,
        what.command.version_token,
        'new_date = "2026-04-01"',
        "planner for olga",
        "bob (Bob Person) may decide",
        what.sources["erp"],
        "per-day",
        proposal.digest,
        "nobody checked them",
        "| the supplier called",
    ):
        assert str(part) in shown, part
    assert shown.index(what.preview.headline) < shown.index("the supplier called")


@guarantees("P8.text_is_data", "P3.binding")
def test_nothing_that_an_agent_or_a_system_wrote_can_hide_or_move_anything(desk: Desk) -> None:
    """Control characters, bidi marks and invisible signs stand there as their codes."""
    hostile = "x\x1b[2Jy\u202eevil\u200b\r\nApproved: yes\u2800\U000e0041\u00a0\ufe0f"
    preview = replace(content().preview, document=hostile, headline=hostile)
    desk.propose(rationale=hostile, preview=preview)

    for words in (["list"], ["show", ID]):
        shown = desk.run("approvals", *words).output
        assert not any(one in shown for one in "\x1b\u202e\u200b\r\u2800\U000e0041\u00a0\ufe0f")
        assert "⟨U+001B⟩[2Jy⟨U+202E⟩evil⟨U+200B⟩⟨U+000D⟩⟨U+000A⟩Approved" in shown
    assert not any(line.startswith("Approved") for line in desk.run("approvals", "show", ID).output.splitlines())


@guarantees("P8.text_is_data")
@pytest.mark.parametrize("letter", ["x", "漢", "a\u0301\u0301\u0301\u0301"])
def test_words_of_an_agent_never_begin_where_ours_do(desk: Desk, letter: str) -> None:
    """A terminal breaks what is too long for it: the rest would stand there like a line of the preview."""
    desk.propose(rationale=f"{letter * (90 // len(letter))}  FLAG  R-DATE-1: all is well {letter * 60}")

    shown = desk.run("approvals", "show", ID).output.splitlines()
    first = next(at for at, line in enumerate(shown) if "nobody checked them" in line) + 1
    theirs = shown[first : next(at for at, line in enumerate(shown) if line == "So far")]
    assert len(theirs) > 1
    assert all(line.startswith("  | ") for line in theirs)
    assert all(sum(2 if one == "漢" else 1 for one in line) <= 80 for line in theirs)
    assert not any("\u0301" * 3 in line for line in theirs)


@guarantees("P8.text_is_data")
@pytest.mark.parametrize("words", [["list"], ["show", ID]])
def test_json_shows_no_sign_that_steers_a_terminal(desk: Desk, words: list[str]) -> None:
    """Programs read the same text; people who look at it are not led astray."""
    hostile = "x\x9b2Jy\u202evil\u200b\x7f"
    desk.propose(preview=replace(content().preview, headline=hostile))

    shown = desk.run("approvals", *words, "--json").stdout
    assert hostile in json.dumps(json.loads(shown), ensure_ascii=False)
    assert not any(one in shown for one in "\x9b\u202e\u200b\x7f")


@guarantees("P8.text_is_data", "input.clear_errors")
def test_an_error_about_a_file_shows_no_sign_that_steers_a_terminal(desk: Desk) -> None:
    """Whoever may edit a file, an agent among them, would write on an administrator's terminal."""
    with desk.config.open("a", encoding="utf-8") as file:
        file.write('"\\e[2Jevil\\x9b2J\\u202e": 1\n')

    shown = desk.run("approvals", "list").stderr
    assert "⟨U+001B⟩[2Jevil⟨U+009B⟩2J⟨U+202E⟩" in shown
    assert "there is no such key" in shown


@guarantees("P3.binding")
def test_nobody_is_asked_about_what_they_were_not_shown(desk: Desk) -> None:
    """JSON is for programs; a person who is asked all the same sees first what they sign."""
    desk.propose()

    _, told = desk.at_terminal([("[y/N]", "n")], "approvals", "approve", ID, "--as", "bob", "--json", "--no-worker")

    assert "Exactly this would be sent" in told
    assert desk.proposal().state is State.AWAITING_APPROVAL


@guarantees("input.clear_errors")
def test_a_proposal_that_is_not_there_is_told(desk: Desk) -> None:
    """With the same code everywhere."""
    for words in (["show", "prp_x"], ["approve", "prp_x", "--yes"], ["reject", "prp_x", "--reason", "x", "--yes"]):
        result = desk.run("approvals", *words)
        assert result.exit_code == 2
        assert "proposal.not_found" in result.stderr


# --- deciding ---------------------------------------------------------------------------------------------------------


@guarantees("P3.people_commit", "P3.signed")
def test_an_approval_is_stored_signed_and_recorded(desk: Desk) -> None:
    """The comment is part of what is signed."""
    desk.propose()

    result = desk.sign("approvals", "approve", ID, "--comment", "as agreed", "--no-worker", by="bob")
    told = desk.json("approvals", "show", ID)

    assert result.exit_code == 0, result.output
    assert desk.proposal().state is State.APPROVED
    envelope = json.loads(told["decisions"][0]["envelope"])
    assert (envelope["approver_id"], envelope["comment"], envelope["digest"]) == ("bob", "as agreed", told["digest"])
    assert last_kind(desk)[0] == "proposal.approved"


@guarantees("P3.people_commit")
def test_a_rejection_needs_a_reason_and_ends_it(desk: Desk) -> None:
    """Whoever asked may reject as well: that starts nothing."""
    desk.propose(owner="bob")

    assert desk.sign("approvals", "reject", ID, by="bob").exit_code == 2
    assert desk.sign("approvals", "reject", ID, "--reason", "wrong", by="bob").exit_code == 0
    assert desk.proposal().state is State.REJECTED


@guarantees("P3.requesters")
@pytest.mark.parametrize("other", [{"owner": "bob"}, {"agent": "bob"}, {"owner": "Bob Person"}, {"agent": "ｂｏｂ"}])
def test_whoever_asked_is_refused_before_any_passphrase(desk: Desk, other: dict[str, str]) -> None:
    """No file is read, nobody is asked, and the attempt is recorded."""
    desk.propose(**other)

    result = desk.run("approvals", "approve", ID, "--as", "bob", "--passphrase-file", "/nowhere", "--yes")

    assert result.exit_code == 3
    assert "approval.requester" in result.stderr
    assert last_kind(desk) == ("decision.refused", "approval.requester")
    assert desk.proposal().state is State.AWAITING_APPROVAL


@guarantees("P3.requesters")
def test_whoever_has_just_applied_a_policy_is_refused(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their account; the policy in force asks for the change as well."""
    monkeypatch.setenv("LOGNAME", "bob")
    assert desk.run("policy", "apply").exit_code == 0
    desk.propose()

    assert "approval.requester" in desk.sign("approvals", "approve", ID, "--no-worker", by="bob").stderr
    assert desk.sign("approvals", "approve", ID, "--no-worker", by="cy").exit_code == 0


@guarantees("P3.requesters")
@pytest.mark.parametrize(("risk", "code"), [("W1", 0), ("W2", 0), ("W3", 3)])
def test_an_owner_decides_only_where_policy_says_so_and_the_words_tell(desk: Desk, risk: Any, code: int) -> None:
    """Never about large changes."""
    desk.propose(owner="bob", risk=risk, terms=replace(ANYBODY, self_approval=True))

    result = desk.sign("approvals", "approve", ID, "--no-worker", by="bob")

    assert result.exit_code == code
    said = [json.loads(one["envelope"])["meaning"] for one in desk.json("approvals", "show", ID)["decisions"]]
    assert all("as owner, by self approval" in one for one in said)
    assert len(said) == (code == 0)


@guarantees("P3.enough_people")
def test_only_named_people_and_enough_of_them(desk: Desk) -> None:
    """One person decides once."""
    desk.propose(terms=Terms(rule="two", approvers=("ada", "bob"), needed=2, self_approval=False, valid_s=3600))

    other = desk.sign("approvals", "approve", ID, "--no-worker", by="cy")
    one = desk.sign("approvals", "approve", ID, "--no-worker", by="bob")
    again = desk.sign("approvals", "approve", ID, "--no-worker", by="bob")
    state = desk.proposal().state
    two = desk.sign("approvals", "approve", ID, "--no-worker", by="ada")

    assert (other.exit_code, one.exit_code, again.exit_code, two.exit_code) == (3, 0, 1, 0)
    assert "approval.not_allowed" in other.stderr
    assert "approval.decided_already" in again.stderr
    assert "propose it anew" not in again.stderr
    assert "1 of 2 have said yes" in one.stdout
    assert "have said yes" not in two.stdout
    assert state is State.AWAITING_APPROVAL
    assert desk.proposal().state is State.APPROVED


@guarantees("P3.expires")
def test_nobody_decides_about_what_has_expired_or_is_over(desk: Desk) -> None:
    """It is told where it stands."""
    desk.propose(created_at="2026-01-01T00:00:00Z", expires_at="2026-01-01T04:00:00Z")
    desk.propose("prp_000000000002")
    desk.sign("approvals", "reject", "prp_000000000002", "--reason", "no", by="bob")

    expired = desk.sign("approvals", "approve", ID, "--no-worker", by="bob")
    over = desk.sign("approvals", "approve", "prp_000000000002", "--no-worker", by="cy")

    assert (expired.exit_code, over.exit_code) == (1, 1)
    assert "EXPIRED" in expired.stderr
    assert "REJECTED" in over.stderr
    assert desk.proposal().state is State.EXPIRED


@guarantees("P3.signed")
def test_a_wrong_passphrase_decides_nothing_and_is_recorded(desk: Desk) -> None:
    """However often: there is no lock that others could close for somebody."""
    desk.propose()

    for _ in range(3):
        result = desk.run(
            "approvals", "approve", ID, "--as", "bob", "--passphrase-file", desk.key("cy"), "--yes", "--no-worker"
        )
        assert result.exit_code == 2
        assert "approval.bad_passphrase" in result.stderr
    assert last_kind(desk) == ("decision.refused", "approval.bad_passphrase")
    assert desk.sign("approvals", "approve", ID, "--no-worker", by="bob").exit_code == 0


@guarantees("P3.binding")
@pytest.mark.bends_log("the row of a proposal is changed")
def test_a_proposal_that_was_changed_in_the_database_is_not_put_to_a_decision(desk: Desk) -> None:
    """It is refused before it is signed."""
    desk.propose()
    with sqlite3.connect(desk.directory / "state" / "state.sqlite") as connection:
        connection.execute("DROP TRIGGER IF EXISTS proposal_content_is_final")
        connection.execute("UPDATE proposal SET content = replace(content, '2026-04-01', '2026-09-01')")
    connection.close()

    result = desk.sign("approvals", "approve", ID, "--no-worker", by="bob")

    assert result.exit_code == 1
    assert "proposal.damaged" in result.stderr


@guarantees("P3.people_commit", "input.clear_errors")
def test_a_script_has_to_say_yes_and_to_name_a_passphrase_file(desk: Desk) -> None:
    """Without a terminal nobody is asked, and nothing hangs."""
    desk.propose()

    silent = desk.run("approvals", "approve", ID, "--as", "bob")
    without = desk.run("approvals", "approve", ID, "--as", "bob", "--yes")
    nobody = desk.run("approvals", "approve", ID, "--yes")

    assert (silent.exit_code, without.exit_code, nobody.exit_code) == (2, 2, 2)
    assert "--yes" in silent.stderr
    assert "--passphrase-file" in without.stderr
    assert "--as ID" in nobody.stderr
    assert desk.proposal().state is State.AWAITING_APPROVAL


@guarantees("P3.people_commit")
def test_an_approval_starts_a_worker_and_tells_where_it_stands(desk: Desk) -> None:
    """Here no policy is in force, so the worker writes nothing and says so."""
    desk.propose()

    result = desk.sign("approvals", "approve", ID, by="bob")

    assert result.exit_code == 0, result.output
    assert desk.proposal().state not in {State.APPROVED, State.COMMITTED, State.AWAITING_APPROVAL}
    assert f"It stands at {desk.proposal().state}" in result.output


@guarantees("P3.people_commit", "P3.enough_people")
def test_of_people_who_decide_at_the_same_time_one_decides(desk: Desk) -> None:
    """Yes, yes and no from three processes: one move, and the others are told where it stands."""
    desk.propose()
    words = {"ada": ["approve", ID, "--no-worker"], "bob": ["reject", ID, "--reason", "no"], "cy": ["approve", ID]}
    running = [
        subprocess.Popen(
            [*PROGRAM, "approvals", *told, "--as", one, "--passphrase-file", desk.key(one), "--yes", *desk.named],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for one, told in words.items()
    ]
    errors = [child.communicate(timeout=120)[1].decode() for child in running]

    assert sorted(child.returncode for child in running) == [0, 1, 1], errors
    assert sum("proposal.moved" in one for one in errors) == 2
    assert len(desk.json("approvals", "show", ID)["decisions"]) == 1


# --- at a terminal ----------------------------------------------------------------------------------------------------


@guarantees("P3.people_commit", "P3.signed")
def test_at_a_terminal_a_person_is_asked_sees_no_passphrase_and_may_mistype_it(desk: Desk) -> None:
    """The question comes after everything was shown."""
    desk.propose()
    secret = f"{PASSPHRASE} of bob"

    status, shown = desk.at_terminal(
        [("Approve, as bob? [y/N]", "y"), ("Passphrase of bob:", "not this one"), ("Passphrase of bob:", secret)],
        *("approvals", "approve", ID, "--as", "bob", "--no-worker"),
    )

    assert status == 0, shown
    assert desk.proposal().state is State.APPROVED
    assert secret not in shown
    assert shown.index("2026-04-01") < shown.index("Approve, as bob?")


@guarantees("P3.enrolled", "input.clear_errors")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("enrol", "Bob"), "call.invalid_argument"),
        (("enrol", "bob"), "approval.exists"),
        (("revoke", "nobody"), "approval.not_found"),
    ],
)
def test_what_can_not_be_done_is_said_before_anybody_types_a_passphrase(
    desk: Desk, words: tuple[str, str], code: str
) -> None:
    """Three passphrases typed for a misspelt id would be three too many."""
    status, shown = desk.at_terminal([], "approvals", *words, "--as", "ada")

    assert status != 0
    assert code in shown
    assert "assphrase of" not in shown
    assert "[y/N]" not in shown


@guarantees("P3.binding")
def test_the_question_repeats_what_it_is_about_and_how_many_rules_raise_a_flag(desk: Desk) -> None:
    """The top of what was shown has left a small screen by then."""
    preview = content().preview
    fine = Check(rule="R-OPEN", verdict="ok", message="The line is open.")
    left = Check(rule="R-TERMS", verdict="person", message="Not looked at here: taxes.")
    checks = (fine, Check(rule="R-IMPACT", verdict="flag", message="1 open demand gets it later."), left)
    desk.propose(preview=replace(preview, checks=checks))

    _, shown = desk.at_terminal([("[y/N]", "n")], "approvals", "approve", ID, "--as", "bob", "--no-worker")

    question = shown[shown.rindex(preview.headline) :]
    assert question.startswith(f"{preview.headline}, 1 to check, 1 flag\r\n")
    assert "Approve, as bob?" in question
    assert shown.index("FLAG") < shown.index("  ok  ")


@guarantees("P3.binding", "P8.text_is_data")
@pytest.mark.parametrize("columns", [40, 80])
@pytest.mark.parametrize("line", ["  " + "long words of a rule " * 12, "  " + "x" * 200, "  漢" * 90, "short"])
def test_a_line_too_long_for_the_terminal_is_set_in_and_nothing_of_it_is_lost(line: str, columns: int) -> None:
    """A terminal that broke it itself would begin the rest where headings stand."""
    parts = list(proposal_view.wrapped(line, columns))

    assert all(sum(2 if one == "漢" else 1 for one in part) <= columns for part in parts)
    assert all(part.startswith("      ") for part in parts[1:])
    assert "".join(parts).replace(" ", "") == line.replace(" ", "")
    assert list(proposal_view.wrapped("  | " + "y" * 60, 40))[1] == "  | " + "y" * 24


@guarantees("P3.people_commit")
def test_the_worker_runs_no_program_that_lies_where_the_person_stands(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People work in folders that agents write to; a module of our name there would run with the write account."""
    planted = tmp_path / "erp_mcp"
    planted.mkdir()
    (planted / "__init__.py").touch()
    ran = tmp_path / "ran"
    (planted / "__main__.py").write_text(f"open({str(ran)!r}, 'w').close()", encoding="utf-8")
    desk.propose()
    monkeypatch.chdir(tmp_path)

    result = desk.sign("approvals", "approve", ID, by="bob")

    assert result.exit_code == 0, result.output
    assert not ran.exists()
    assert desk.proposal().state not in {State.AWAITING_APPROVAL, State.APPROVED}


@guarantees("P3.people_commit")
def test_at_a_terminal_anything_but_yes_decides_nothing(desk: Desk) -> None:
    """Enter means no."""
    desk.propose()

    status, shown = desk.at_terminal([("[y/N]", "")], "approvals", "approve", ID, "--as", "bob")

    assert status == 1, shown
    assert desk.proposal().state is State.AWAITING_APPROVAL
