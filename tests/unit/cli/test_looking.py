"""What a system has taken in and not done yet is asked for with its ticket when a person looks, not only by workers."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from erp_mcp.bootstrap import Deployment
from erp_mcp.cli import proposals
from erp_mcp.cli.app import main
from erp_mcp.domain.command import (
    Accepted,
    Command,
    Committed,
    Outcome,
    Refused,
    RetryContract,
    RetryKind,
    Unknown,
    Written,
)
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Step
from erp_mcp.errors import SystemUnreachableError
from tests.guarantees import guarantees
from tests.unit.approval.people import content
from tests.unit.cli.people_at_work import Desk

ID = "prp_000000000001"
TICKET = "jobs/17"
LATER = "2999-01-01T00:00:00.000000Z"
THERE = Written(document="4711", key="4711", version_token="1", fields={})
Word = Committed | Refused | Accepted | Unknown | None


@dataclass(kw_only=True)
class Queue:
    """A system behind a queue: what it says when asked, and what of a change can be seen in it."""

    says: Word | Exception = None
    shows: Written | Exception | None = None
    kind: RetryKind = "readback"
    shows_taken_in: bool = False
    asked: list[str] = field(default_factory=list)

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        one = RetryContract(kind=self.kind, settle_s=60, shows_taken_in=self.shows_taken_in)
        return {content().command.operation: one}

    async def send(self, command: Command) -> Outcome:
        raise AssertionError(command)

    async def find(self, command: Command) -> Written | None:
        if isinstance(self.shows, Exception):
            raise self.shows
        return self.shows

    async def acknowledged(self, command: Command, ticket: str) -> Word:
        self.asked.append(ticket)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment with two approvers."""
    directory = tmp_path_factory.mktemp("plant") / "p"
    assert CliRunner().invoke(main, ["init", str(directory), "--owner", "root", "--no-approver"]).exit_code == 0
    desk = Desk(directory=directory)
    for person, by in (("ada", ""), ("bob", "ada")):
        assert desk.enrol(person, name=f"{person.capitalize()} Person", by=by).exit_code == 0
    return directory


@pytest.fixture
def desk(enrolled: Path, tmp_path: Path) -> Desk:
    return Desk(directory=Path(shutil.copytree(enrolled, tmp_path / "p")))


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    """The only system there is."""
    one = Queue()

    async def commands(_: Deployment, name: str) -> Queue:
        return one

    monkeypatch.setattr(Deployment, "commands", commands)
    monkeypatch.setattr(Deployment, "target_named", lambda *_: content().target)
    return one


def left_at(desk: Desk, *moves: tuple[str, str]) -> None:
    """Approve a proposal, send it and leave it where some moves lead, each with a ticket that came with it, if any."""
    desk.propose()
    assert desk.sign("approvals", "approve", ID, "--no-worker", by="bob").exit_code == 0
    deployment = desk.open()
    store = deployment.state.proposals
    taken = store.take("w", lease_s=60)
    assert taken is not None
    store.move(ID, Step(name="send", actor="w", fence=taken.fence))
    for name, ticket in moves:
        facts = {"ticket": ticket} if ticket else {}
        fence, lease = (0, LATER) if name == "ask" else (taken.fence, "")  # asking takes it anew
        step = Step(name=name, actor="w", fence=fence, not_before=LATER, lease_expires_at=lease, facts=facts)
        taken = store.move(ID, step)
    deployment.close()


@guarantees("P4.accepted", "P4.resolved", "cli.teaches")
@pytest.mark.parametrize("kind", ["readback", "none"])
@pytest.mark.parametrize(
    ("says", "answer", "asked"),
    [
        (None, "nothing_yet", "nothing_yet"),
        (Accepted(ticket="jobs/18"), "taken_in", "taken_in"),
        (Refused(code="rule_refused", native_code="XX/017"), "refused", "refused"),
        (Committed(written=THERE), "found", "written"),
        (Unknown(reason="ticket_gone"), "", "ticket_gone"),
        (SystemUnreachableError(system="erp"), "", "adapter.unreachable"),
    ],
)
def test_what_was_taken_in_is_asked_for_with_its_ticket(
    desk: Desk, queue: Queue, kind: RetryKind, says: Word | Exception, answer: str, asked: str
) -> None:
    """That nothing is there yet says nothing; where asking says nothing either, what looking gave stands."""
    left_at(desk, ("accept", TICKET))
    queue.kind, queue.says = kind, says

    now = desk.json("proposals", "show", ID, "--look")["now"]
    shown = desk.run("proposals", "show", ID, "--look").output

    by_looking = "missing" if kind == "readback" else "cannot_be_read_back"
    assert (now["answer"], now["asked"], now["ticket"]) == (answer or by_looking, asked, TICKET)
    assert (now["found"] or {}).get("document") == ("4711" if asked == "written" else None)
    assert now["native_code"] == ("XX/017" if asked == "refused" else "")
    assert f"asked:     by ticket {TICKET}: {asked}" in shown
    assert queue.asked == [TICKET, TICKET]
    assert desk.proposal().state is State.AWAITING_ACK


@guarantees("P4.accepted", "P4.unknown")
@pytest.mark.parametrize("says", [None, Accepted(), Refused(code="rule_refused"), Unknown(reason="ticket_gone")])
def test_what_is_there_is_found_whatever_its_queue_says(desk: Desk, queue: Queue, says: Word) -> None:
    """The record itself outweighs what is said about it."""
    left_at(desk, ("accept", TICKET))
    queue.says, queue.shows = says, THERE
    now = desk.json("proposals", "show", ID, "--look")["now"]
    assert (now["answer"], now["found"]["document"]) == ("found", "4711")


@guarantees("P4.accepted", "P4.unknown")
def test_a_system_that_can_not_be_looked_into_is_asked_all_the_same(desk: Desk, queue: Queue) -> None:
    """Each of the two says what it can, and why it can't."""
    left_at(desk, ("accept", TICKET))
    queue.says, queue.shows = Accepted(), SystemUnreachableError(system="erp")
    now = desk.json("proposals", "show", ID, "--look")["now"]
    assert (now["answer"], now["asked"]) == ("adapter.unreachable", "taken_in")


@guarantees("P4.accepted", "P4.unknown")
@pytest.mark.parametrize(("shows_taken_in", "asked"), [(True, [""]), (False, [])])
def test_where_the_answer_was_lost_it_is_asked_by_our_reference_if_its_system_can_tell(
    desk: Desk, queue: Queue, shows_taken_in: bool, asked: list[str]
) -> None:
    """Nobody knows then whether it was taken in; a system that knows no reference is not asked for nothing."""
    left_at(desk, ("lose", ""))
    queue.shows_taken_in, queue.says = shows_taken_in, Accepted()
    now = desk.json("proposals", "show", ID, "--look")["now"]
    assert queue.asked == asked
    assert (now["answer"], now["asked"]) == (("taken_in", "taken_in") if asked else ("missing", ""))


@guarantees("P4.accepted", "P4.unknown")
def test_another_system_than_it_was_then_is_not_asked_with_its_ticket(
    desk: Desk, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What that one says of a ticket says nothing; that it is another one is said."""
    left_at(desk, ("accept", TICKET))
    queue.says = Committed(written=THERE)
    monkeypatch.setattr(Deployment, "target_named", lambda *_: "another")
    now = desk.json("proposals", "show", ID, "--look")["now"]
    assert (queue.asked, now["asked"], now["found"]) == ([], "", None)
    assert now["answer"] == "missing, but the system is configured as another one than it was then"


@guarantees("P4.resolved", "P4.accepted", "cli.teaches")
def test_whoever_would_sign_that_nothing_comes_is_told_that_it_was_taken_in(
    desk: Desk, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be done the minute after; that is said before the question, and nothing is signed without a yes."""
    left_at(desk, ("accept", TICKET), ("ask", ""), ("hand_over", ""))
    questions: list[str] = []

    def no(question: str) -> None:
        questions.append(question)
        raise click.Abort

    monkeypatch.setattr(proposals, "ask", no)
    words = ["proposals", "resolve", ID, "--reason", "nothing there", "--as", "ada", *desk.named]
    for verdict in ("--not-applied", "--applied"):
        assert (
            CliRunner()
            .invoke(main, [*words, verdict, "--document", "", "--passphrase-file", desk.key("ada")])
            .exit_code
        )
    assert ["The system has taken it in, and may do it yet." in one for one in questions] == [True, False]
    assert ["The system does not show it." in one for one in questions] == [False, True]
    assert desk.proposal().state is State.NEEDS_HUMAN
