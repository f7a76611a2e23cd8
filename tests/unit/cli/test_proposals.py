"""`erp-mcp proposals`: an outcome that nobody knows is shown with all that is known, and ended by a signed word."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from erp_mcp.administration import Signing, opened_key, resolving, trusted
from erp_mcp.approval import resolution
from erp_mcp.audit.verify import verify
from erp_mcp.cli.app import main
from erp_mcp.domain.lifecycle import RESOLVABLE, State
from erp_mcp.domain.proposal import SignedResolution, Step
from erp_mcp.errors import PassphraseNeededError, ProposalMovedError
from tests.guarantees import guarantees
from tests.unit.cli.people_at_work import ANYBODY, PASSPHRASE, Desk

ID = "prp_000000000001"
SAID = ("--reason", "searched the order and its changes")


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment with three approvers; olga is the owner of the agent that asks."""
    directory = tmp_path_factory.mktemp("plant") / "p"
    assert CliRunner().invoke(main, ["init", str(directory), "--owner", "root", "--no-approver"]).exit_code == 0
    desk = Desk(directory=directory)
    for person, by in (("ada", ""), ("bob", "ada"), ("olga", "ada")):
        assert desk.enrol(person, name=f"{person.capitalize()} Person", by=by).exit_code == 0
    return directory


@pytest.fixture
def desk(enrolled: Path, tmp_path: Path) -> Desk:
    return Desk(directory=Path(shutil.copytree(enrolled, tmp_path / "p")))


def lost(desk: Desk, proposal_id: str = ID, **other: Any) -> None:
    """Make a proposal, let it be approved and sent, and lose the answer."""
    desk.propose(proposal_id, **other)
    assert desk.sign("approvals", "approve", proposal_id, "--no-worker", by="bob").exit_code == 0
    deployment = desk.open()
    try:
        store = deployment.state.proposals
        taken = store.take("w", lease_s=60)
        assert taken is not None
        store.move(proposal_id, Step(name="send", actor="w", fence=taken.fence))
        facts = {"native_code": "XX/017"}
        later = "2999-01-01T00:00:00Z"
        lose = Step(name="lose", actor="w", fence=taken.fence, reason="connection_lost", not_before=later, facts=facts)
        store.move(proposal_id, lose)
    finally:
        deployment.close()


def found_in_audit(desk: Desk) -> list[str]:
    """Return what the offline verifier finds."""
    deployment = desk.open()
    try:
        state = deployment.state
        report = verify(
            state.audit.read_all(),
            strays=state.audit.strays(),
            proposals=state.proposals.kept(),
            rows=state.kept_rows(),
        )
        return [f"{one.code} {one.detail}" for one in report.findings if not one.is_notice]
    finally:
        deployment.close()


@guarantees("P4.resolved", "cli.teaches")
def test_what_is_unknown_stands_first_with_all_that_is_known_of_it(desk: Desk) -> None:
    """Whoever has to look into the system needs what was sent, when, under which reference, and what it said."""
    desk.propose("prp_000000000002")
    lost(desk)
    assert [one["proposal_id"] for one in desk.json("proposals", "list")["proposals"]] == [ID]
    everything = desk.json("proposals", "list", "--all")["proposals"]
    assert [one["proposal_id"] for one in everything] == [ID, "prp_000000000002"]
    assert "proposals resolve" not in desk.run("proposals", "list").output
    known = desk.json("proposals", "show", ID)
    assert (known["state"], known["why"], known["native_code"]) == ("UNKNOWN", "connection_lost", "XX/017")
    assert known["sent_at"] <= known["unknown_since"]
    shown = desk.run("proposals", "show", ID).output
    command = desk.proposal().content.command
    for told in (command.reference, command.key, command.version_token, "XX/017", known["sent_at"]):
        assert told in shown


@guarantees("P4.accepted", "cli.teaches")
@pytest.mark.parametrize("ticket", ["/jobs/17", "j\u202e71", ""])
def test_what_was_taken_in_is_told_with_its_ticket_and_when_it_is_asked_again(desk: Desk, ticket: str) -> None:
    """Whoever runs the system is asked by it; what of it can't be seen stands there as its code."""
    desk.propose()
    assert desk.sign("approvals", "approve", ID, "--no-worker", by="bob").exit_code == 0
    deployment = desk.open()
    store = deployment.state.proposals
    taken = store.take("w", lease_s=60)
    assert taken is not None
    store.move(ID, Step(name="send", actor="w", fence=taken.fence))
    again, facts = "2999-01-01T00:00:00.000000Z", {"ticket": ticket} if ticket else {}
    store.move(ID, Step(name="accept", actor="w", fence=taken.fence, not_before=again, facts=facts))
    deployment.close()

    known = desk.json("proposals", "show", ID)
    assert (known["state"], known["ticket"], known["asked_again_at"]) == ("AWAITING_ACK", ticket, again)
    told = f"ticket {ticket.replace(chr(0x202E), '⟨U+202E⟩')}" if ticket else "no ticket"
    shown = desk.run("proposals", "show", ID).output
    assert f"taken in:  by erp at {known['taken_in_at']}, {told}\n" in shown
    assert f"again at {again}" in shown
    doctor = json.loads(desk.run("doctor", "--json").stdout)
    (note,) = [one["detail"] for one in doctor["checks"] if one["name"] == "proposals"]
    assert f"taken in by erp at {known['taken_in_at']}, {told}; it is asked again at {again}" in note


@guarantees("P3.binding", "cli.teaches")
@pytest.mark.bends_log("the row of a proposal is changed")
def test_a_damaged_one_is_listed_with_where_it_stands_and_nothing_of_its_content(desk: Desk) -> None:
    """What a worker hands to a person is found by that person, and what somebody wrote into it is not shown."""
    desk.propose("prp_000000000002")
    lost(desk)
    change = "UPDATE proposal SET content = replace(content, '2026-04-01', '2026-09-01') WHERE proposal_id = ?"
    with closing(sqlite3.connect(desk.directory / "state" / "state.sqlite")) as file, file:
        file.execute("DROP TRIGGER IF EXISTS proposal_content_is_final")
        file.execute(change, (ID,))

    listed = desk.run("proposals", "list")
    told = desk.json("proposals", "list")
    doctor = desk.run("doctor", "--json")

    assert listed.exit_code == 0
    assert f"{ID}  UNKNOWN" in listed.output
    assert "its row is damaged" in listed.output
    assert "erp-mcp audit verify" in listed.output
    assert "prp_000000000002" not in listed.output
    assert told["proposals"] == []
    assert [(one["proposal_id"], one["state"], set(one)) for one in told["damaged"]] == [
        (ID, "UNKNOWN", {"proposal_id", "state", "since", "reason"})
    ]
    bad = [one["detail"] for one in json.loads(doctor.stdout)["checks"] if one["name"] == "proposals"]
    assert doctor.exit_code == 1
    assert any(one.startswith(f"{ID} at UNKNOWN") and "not what was written" in one for one in bad)
    assert all("2026-09-01" not in one.output for one in (listed, doctor))


@guarantees("P4.resolved", "P5.moves_proved")
@pytest.mark.parametrize(
    ("words", "state", "document"),
    [(("--applied", "--document", "4500000123"), "COMMITTED", "4500000123"), (("--not-applied",), "NOT_APPLIED", "")],
)
def test_a_signed_word_ends_it_and_is_kept_with_its_record(
    words: tuple[str, ...], state: str, document: str, desk: Desk
) -> None:
    """One transaction: the row, the statement, the audit record and the event."""
    lost(desk)
    result = desk.sign("proposals", "resolve", ID, *words, *SAID, "--json", by="ada")
    assert result.exit_code == 0, result.output
    after = desk.proposal()
    assert (str(after.state), after.reason) == (state, "stated_by_operator")
    assert (after.receipt.written.document if after.receipt else "") == document
    assert after.receipt is None or after.receipt.found == "stated"
    assert desk.json("events", "--proposal", ID)[-1]["type"] == f"proposal.{state.lower()}"  # type: ignore[index]
    assert found_in_audit(desk) == []
    shown = desk.json("proposals", "show", ID)
    assert (shown["statement"]["approver_id"], shown["statement_flaw"]) == ("ada", "")
    again = desk.sign("proposals", "resolve", ID, "--applied", "--document", "1", *SAID, "--json", by="ada")
    assert json.loads(again.stdout)["error"]["code"] == "proposal.moved"


@guarantees("P4.resolved", "P3.requesters")
@pytest.mark.parametrize("self_approval", [False, True])
def test_whoever_asked_can_not_say_what_became_of_it(self_approval: bool, desk: Desk) -> None:
    """Nor may the owner of the agent, even where policy lets them approve: nobody else would have looked."""
    lost(desk, owner="olga", risk="W1", terms=replace(ANYBODY, self_approval=self_approval))
    refused = desk.sign("proposals", "resolve", ID, "--not-applied", *SAID, "--json", by="olga")
    assert json.loads(refused.stdout)["error"]["code"] == "approval.requester"
    assert desk.proposal().state is State.UNKNOWN
    deployment = desk.open()
    try:
        leaf = json.loads(deployment.state.audit.last(1)[0].leaf)
    finally:
        deployment.close()
    assert (leaf["kind"], leaf["actor"], leaf["facts"]["code"]) == ("resolution.refused", "olga", "approval.requester")


@guarantees("P4.resolved", "input.clear_errors")
@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--applied", "--reason", "x"), "call.invalid_argument"),  # a new record, and no number of it
        (("--not-applied", "--document", "4711", "--reason", "x"), "call.invalid_argument"),
        (("--not-applied", "--reason", " "), "call.invalid_argument"),
        (("--not-applied", "--reason", "x" * 501), "call.invalid_argument"),
        (("--not-applied", "--as", "nobody", "--reason", "x"), "approval.not_found"),
    ],
)
def test_a_word_that_is_not_whole_changes_nothing(words: tuple[str, ...], code: str, desk: Desk) -> None:
    """A statement without a document, a reason or a known person says nothing that could be checked later."""
    command = replace(desk.propose("prp_000000000009").content.command, key="", version_token="")
    preview = replace(desk.proposal("prp_000000000009").content.preview, document="")
    lost(desk, command=command, preview=preview)
    who = () if "--as" in words else ("--as", "ada")
    key = ("--yes", "--passphrase-file", desk.key("ada"))
    result = desk.run("proposals", "resolve", ID, *words, *who, *key, "--no-look", "--json")
    assert json.loads(result.stdout)["error"]["code"] == code
    assert desk.proposal().state is State.UNKNOWN


@guarantees("P4.resolved")
def test_no_other_outcome_is_overruled(desk: Desk) -> None:
    """What is known, or in a worker's hand, is nobody's to say."""
    proposal = desk.propose()
    deployment = desk.open()
    signer = Signing(approver_id="ada", passphrase=f"{PASSPHRASE} of ada")
    try:
        for state in set(State) - set(RESOLVABLE):
            with pytest.raises(ProposalMovedError):
                resolving.resolve(deployment, replace(proposal, state=state), signer, "not_applied", reason="x")
    finally:
        deployment.close()


@guarantees("P4.resolved", "P3.people_commit")
def test_a_key_that_was_opened_a_while_ago_does_not_sign_it(desk: Desk) -> None:
    """A page that was left open on a desk must not end what nobody knows."""
    lost(desk)
    deployment = desk.open()
    try:
        signer = Signing(approver_id="ada", passphrase=f"{PASSPHRASE} of ada")
        held = replace(signer, passphrase="", key=opened_key(deployment, signer))
        proposal = deployment.state.proposals.get(ID)
        with pytest.raises(PassphraseNeededError):
            resolving.resolve(deployment, proposal, held, "not_applied", reason="x")
    finally:
        deployment.close()
    assert desk.proposal().state is State.UNKNOWN


@guarantees("P4.resolved", "P3.binding")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("statement", "{}"), ("signature", "0" * 128), ("approver_id", "bob"), ("verdict", "applied")),
        *(("nonce", "0" * 32), ("resolved_at", "2026-01-01T00:00:00Z")),
    ],
)
def test_a_statement_that_was_changed_is_not_in_order(field: str, value: str, desk: Desk) -> None:
    """Whoever can write rows can't put words into somebody's mouth."""
    lost(desk)
    assert desk.sign("proposals", "resolve", ID, "--not-applied", *SAID, by="ada").exit_code == 0
    deployment = desk.open()
    try:
        proposal = deployment.state.proposals.get(ID)
        stored = deployment.state.proposals.resolution(ID)
        assert stored is not None
        people = trusted(deployment)
    finally:
        deployment.close()
    assert resolution.refusal_of(proposal, stored, people, frozenset()) == ""
    forged: SignedResolution = replace(stored, **{field: value})  # type: ignore[arg-type]
    assert resolution.refusal_of(proposal, forged, people, frozenset()) in {"envelope", "signature", "not_enrolled"}
    other = replace(proposal, content=replace(proposal.content, rationale="something else entirely"))
    assert resolution.refusal_of(other, stored, people, frozenset()) == "envelope"
    assert resolution.refusal_of(proposal, stored, {}, frozenset()) == "not_enrolled"
    assert resolution.refusal_of(proposal, stored, people, frozenset({"adaperson"})) == "requester"


@guarantees("P4.resolved", "P5.moves_proved")
@pytest.mark.bends_log("a statement is taken away")
def test_a_statement_that_somebody_took_away_is_found_by_the_verifier(desk: Desk) -> None:
    """The end of such a proposal rests on it alone."""
    lost(desk)
    assert desk.sign("proposals", "resolve", ID, "--not-applied", *SAID, by="ada").exit_code == 0
    deployment = desk.open()
    try:
        with deployment.state.engine.writing() as session:
            session.execute("DROP TRIGGER resolution_no_delete")
            session.execute("DELETE FROM resolution")
    finally:
        deployment.close()
    assert found_in_audit(desk) == [f"row_missing resolution {ID}"]


@guarantees("P4.resolved")
def test_a_system_that_can_not_be_asked_is_said_and_keeps_nobody(desk: Desk) -> None:
    """This deployment has no such system: that is what the operator has to know."""
    lost(desk)
    now = desk.json("proposals", "show", ID, "--look")["now"]
    assert now["answer"] == "adapter.not_configured"
    assert now["found"] is None
