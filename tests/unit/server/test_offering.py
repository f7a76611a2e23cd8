"""Cards, tasks and addresses without protocol or transport: every state, every refusal, every limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from erp_mcp.answers import structured, text
from erp_mcp.answers.proposals import tables_of
from erp_mcp.answers.shape import shape
from erp_mcp.catalog.proposal_tables import TABLES
from erp_mcp.domain.answer import Answer, Refusal
from erp_mcp.domain.call import JsonValue, ToolCall
from erp_mcp.domain.lifecycle import ENDS, State
from erp_mcp.domain.principal import Principal
from erp_mcp.domain.proposal import Proposal
from erp_mcp.errors import BusyError, ProposalDamagedError, ProposalMovedError, ProposalNotFoundError
from erp_mcp.server import offering, tasks
from erp_mcp.server.cards import META_CARD, facts_of
from erp_mcp.server.handlers import CallRequest, Handlers
from erp_mcp.server.offering import Declared
from erp_mcp.server.rpc import RpcError
from erp_mcp.server.session import Session
from tests.guarantees import guarantees
from tests.unit.approval.people import content
from tests.unit.server.beside import FakeGateway, tool

MADE = replace(content(proposal_id="prp_000000000001"), expires_at="2026-03-16T09:00:00Z")
TOOL = MADE.tool
ALL = Declared(pages=True, tasks=True)
STATES = [state for state in State if state is not State.PROPOSED]


@dataclass(kw_only=True)
class Desk(FakeGateway):
    """A gateway that answers about one proposal, or refuses; `kept` is what the store has."""

    kept: dict[str, Proposal] = field(default_factory=dict)
    refuses: str = ""
    broken: bool = False

    async def call(self, principal: Principal, call: ToolCall) -> Answer | Refusal:
        self.calls.append(call)
        if self.refuses:
            return Refusal(code=self.refuses, summary="No.", advice="Ask.", facts={}, call_id=call.call_id)
        asked = str(call.arguments.get("proposal_id", MADE.proposal_id))
        if asked not in self.kept:
            return Refusal.of(ProposalNotFoundError(), call.call_id)
        rows = tables_of(self.kept[asked])
        shaped = {table.name: shape(table, rows[table.name])[0] for table in TABLES}
        return Answer(tables=shaped, complete=True, sources=[], warnings=[], call_id=call.call_id)

    def turn_away(self, principal: Principal, call: ToolCall, why: Any = None) -> Refusal:
        return Refusal.of(why or BusyError(), call.call_id)

    def new(self) -> str:
        return "call-1"

    def get(self, proposal_id: str) -> Proposal:
        if self.broken:
            raise ProposalDamagedError
        if proposal_id not in self.kept:
            raise ProposalNotFoundError
        return self.kept[proposal_id]


def desk(state: State = State.AWAITING_APPROVAL, **more: Any) -> Desk:
    """A gateway with the proposal in one state."""
    stands = Proposal(content=MADE, digest="d" * 64, state=state, since="2026-03-16T06:00:00.000001Z")
    return Desk(callable=(tool(TOOL),), kept={MADE.proposal_id: stands}, **more)


def session(gateway: Desk, *, agent: str = MADE.agent, key: bytes = b"k" * 32, page: str = "https://p") -> Session:
    """A session of an agent over it."""
    return Session(
        gateway=gateway,
        principal=Principal(agent=agent, owner="o", role="r"),
        ids=gateway,
        structured=structured,
        text=text,
        proposals=gateway.get,
        link=lambda one: f"{page}/proposals/{one}" if page else "",
        task_key=key,
    )


def handlers(whose: Session) -> Handlers:
    """Handlers whose session is there."""

    async def load() -> Session:
        return whose

    serving = Handlers(load)
    asyncio.run(serving.open())
    return serving


def call(whose: Session, name: str = TOOL, declared: Declared = ALL, **arguments: JsonValue) -> Any:
    """One call of a tool, on a connection of its own."""
    request = CallRequest(name=name, arguments=arguments, meta={}, declared=declared)
    return asyncio.run(handlers(whose).call_tool(request))


def about(whose: Session, task_id: str, method: str = tasks.GET, *, busy: bool = False) -> Any:
    """One request about a task, on a connection of its own."""
    request = CallRequest(name="", arguments={}, meta={}, declared=ALL, busy=busy)
    return asyncio.run(handlers(whose).task(method, task_id, request))


TASK = str(tasks.handle(session(desk()), desk().kept[MADE.proposal_id])["taskId"])


@guarantees("offers.task")
@pytest.mark.parametrize("state", STATES)
def test_a_task_stands_where_its_proposal_stands(state: State) -> None:
    """Working until nothing more can become of it; then the answer, but for what its agent took back."""
    whose = session(desk(state))
    told, plain = about(whose, TASK), call(whose, "get_proposal", Declared(), proposal_id=MADE.proposal_id)
    wanted = "working" if state not in ENDS else "cancelled" if state is State.CANCELLED else "completed"

    assert told["status"] == wanted
    assert told["resultType"] == "complete"
    assert ("result" in told) == (wanted == "completed")
    if wanted == "completed":
        assert told["result"]["structuredContent"]["tables"] == plain["structuredContent"]["tables"]
        stands = desk(state).kept[MADE.proposal_id]
        assert told["result"]["_meta"][META_CARD] == facts_of(stands, whose.link(MADE.proposal_id))
    assert ("https://p" in told["statusMessage"]) == (state is State.AWAITING_APPROVAL)


@guarantees("offers.task", "P4.idempotent")
@pytest.mark.parametrize("state", STATES)
def test_a_call_that_comes_again_gives_the_task_as_long_as_something_can_become_of_it(state: State) -> None:
    """After that there is nothing left to follow, and it is answered."""
    told = call(session(desk(state)))

    assert told["resultType"] == ("complete" if state in ENDS else "task")
    assert told.get("taskId") == (None if state in ENDS else TASK)


@guarantees("offers.task", "P1.hidden_is_missing")
@pytest.mark.parametrize("method", tasks.METHODS)
@pytest.mark.parametrize(
    ("make", "task_id"),
    [
        (lambda: session(desk(), agent="another"), TASK),
        (lambda: session(desk(), key=b"other deployment" * 2), TASK),
        (lambda: session(desk()), MADE.proposal_id),
        (lambda: session(desk()), TASK.replace("1.", "2.")),
        (lambda: session(desk()), f"{TASK}\n"),
        (lambda: session(desk()), "\ud800"),
        (lambda: session(Desk()), TASK),
        (lambda: session(desk(refuses="call.unknown_tool")), TASK),
        (lambda: session(desk(refuses="call.invalid_argument")), TASK),
    ],
)
def test_whatever_is_no_task_of_this_agent_is_none_and_nothing_is_taken_back(
    method: str, make: Callable[[], Session], task_id: str
) -> None:
    """One answer for all of it, and a recorded call for each."""
    whose = make()
    with pytest.raises(RpcError) as refused:
        about(whose, task_id, method)
    gateway: Any = whose.gateway

    assert (refused.value.code, refused.value.message) == (-32602, "Unknown task")
    assert refused.value.data == {
        "code": "proposal.not_found",
        "summary": ProposalNotFoundError.summary,
        "advice": ProposalNotFoundError.advice,
    }
    assert len(gateway.calls) == 1
    assert gateway.calls[0].tool == tasks.SHOWS or task_id == TASK


@guarantees("offers.task", "P9.bounded", "P5.audit_or_nothing")
def test_what_can_not_be_looked_up_now_is_an_error_and_no_end() -> None:
    """A task that is told to have failed is never asked for again, whatever becomes of its proposal."""
    for refuses, busy, code in (("audit.unavailable", False, -32603), ("", True, -32000)):
        with pytest.raises(RpcError) as refused:
            about(session(desk(refuses=refuses)), TASK, busy=busy)
        assert refused.value.code == code


@guarantees("offers.task")
def test_taking_back_what_can_not_be_taken_back_is_acknowledged() -> None:
    """As the extension has it; the next look says where it stands."""
    whose = session(desk(State.SENDING, refuses=ProposalMovedError.code))

    assert about(whose, TASK, tasks.CANCEL) == {"resultType": "complete"}
    gateway: Any = whose.gateway
    assert [(one.tool, one.arguments) for one in gateway.calls] == [
        ("cancel_proposal", {"proposal_id": MADE.proposal_id})
    ]


@guarantees("offers.card", "offers.task", "offers.address")
@pytest.mark.parametrize(
    "whose",
    [
        session(desk(), agent="another"),
        session(desk(broken=True)),
        replace(session(desk()), proposals=None),
    ],
)
def test_where_the_store_does_not_bear_it_out_the_answer_stays_plain(whose: Session) -> None:
    """Whatever an answer looks like: another agent's proposal, a damaged row, no store."""
    sent: list[str] = []
    declared = Declared(pages=True, tasks=True, beside=True, send=lambda method, _: sent.append(method))

    assert call(whose, declared=declared) == call(whose, declared=Declared())
    assert sent == []


@guarantees("offers.card")
def test_card_names_nobody_and_what_a_cell_holds_of_the_agents_words_is_bounded() -> None:
    """Approvers, their groups and the agent's owner are none of the agent's business."""
    many = replace(MADE, arguments={"lines": [{"note": f"text number {at}"} for at in range(500)]})
    stands = desk().kept[MADE.proposal_id]
    facts = facts_of(replace(stands, content=many), "")

    assert set(facts) == {"agent", "risk", "needed", "command", "reason", "texts"}
    assert facts["texts"] == [f"text number {at}" for at in range(50)]
    assert not {"bob", "olga"} & set(str(facts).replace("'", " ").split())


@guarantees("offers.address", "P9.bounded")
def test_what_was_pointed_to_is_remembered_up_to_a_bound() -> None:
    """A connection may last for months."""
    gateway, offers, sent = desk(), offering.Offers(), []
    declared = Declared(beside=True, send=lambda _, params: sent.append((params or {})["url"]))
    whose, stands = session(gateway), gateway.kept[MADE.proposal_id]
    for at in [*range(offering.MOST_REMEMBERED + 1), offering.MOST_REMEMBERED, 0]:
        name = f"prp_{at:012}"
        gateway.kept = {name: replace(stands, content=replace(MADE, proposal_id=name))}
        outcome = asyncio.run(
            gateway.call(whose.principal, ToolCall(tool=TOOL, arguments={"proposal_id": name}, call_id="c"))
        )
        assert offers.added(whose, declared, TOOL, outcome, {"a": 1}) == {"a": 1}

    assert len(sent) == offering.MOST_REMEMBERED + 2  # the oldest was forgotten, and is pointed to again
    assert sent[-1] == sent[0] == "https://p/proposals/prp_000000000000"


@guarantees("offers.address")
@pytest.mark.parametrize(
    ("state", "page", "wait_s", "again", "points"),
    [
        (State.AWAITING_APPROVAL, "https://p", 5, False, True),
        (State.AWAITING_APPROVAL, "https://p", 0, False, False),
        (State.AWAITING_APPROVAL, "https://p", 5, True, False),
        (State.AWAITING_APPROVAL, "", 5, False, False),
        (State.APPROVED, "https://p", 5, False, False),
        (State.COMMITTED, "https://p", 5, False, False),
    ],
)
def test_an_interim_result_stands_only_before_a_wait_for_people(
    state: State, page: str, wait_s: int, again: bool, points: bool
) -> None:
    """Once; the look before it is a call without the wait, and the next leg waits."""
    gateway = desk(state)
    serving = handlers(session(gateway, page=page))
    arguments: dict[str, JsonValue] = {"proposal_id": MADE.proposal_id, "wait_s": wait_s}
    request = CallRequest(
        name="get_proposal", arguments=arguments, meta={}, declared=Declared(instead=True), again=again
    )
    told: Any = [asyncio.run(serving.call_tool(request)) for _ in range(2)]

    assert [one["resultType"] for one in told] == ["input_required" if points else "complete", "complete"]
    assert [one.arguments.get("wait_s") for one in gateway.calls] == [None if points else wait_s, wait_s]
    if points:
        assert told[0]["inputRequests"]["page"]["params"]["url"] == f"https://p/proposals/{MADE.proposal_id}"
        assert "elicitationId" not in told[0]["inputRequests"]["page"]["params"]


@guarantees("offers.task", "offers.card")
@pytest.mark.parametrize("name", ["get_proposal", "cancel_proposal"])
def test_what_asks_after_a_proposal_is_answered_at_once(name: str) -> None:
    """A task of a look at a task would never come to an end; the card goes with each of them."""
    told = call(session(desk()), name, ALL, proposal_id=MADE.proposal_id)

    assert told["resultType"] == "complete"
    assert told["_meta"][META_CARD]["page"] == f"https://p/proposals/{MADE.proposal_id}"
