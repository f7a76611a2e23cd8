"""Proposals as tasks: the extension `io.modelcontextprotocol/tasks` (SEP-2663) of the stateless revision.

A task is another name for a proposal and nothing is kept for it: its id says which proposal, sealed for the agent that
it was given to, and what it answers is read anew from the store by the same governed call as any other. So it is the
same after a restart and in every process of the deployment.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Final

from erp_mcp.answers.proposals import is_over, next_step, waiting_for
from erp_mcp.answers.visible import visible
from erp_mcp.domain.answer import Answer, Refusal
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.errors import BusyError, GatewayError, ProposalMovedError, ProposalNotFoundError
from erp_mcp.server.rpc import INTERNAL_ERROR, INVALID_PARAMS, SERVER_BUSY, RpcError, error_from
from erp_mcp.server.session import Outcome, Session

GET: Final = "tasks/get"
UPDATE: Final = "tasks/update"
CANCEL: Final = "tasks/cancel"
METHODS: Final = (GET, UPDATE, CANCEL)
SHOWS: Final = "get_proposal"
TAKES_BACK: Final = "cancel_proposal"

PEOPLE_MS: Final = 15_000  # people take their time
MACHINE_MS: Final = 2_000
_SEAL_CHARACTERS: Final = 22  # 132 bits
_ACKNOWLEDGED: Final[dict[str, JsonValue]] = {"resultType": "complete"}

Ask = Callable[[str, dict[str, JsonValue]], Awaitable[Outcome]]
Render = Callable[[Outcome], dict[str, JsonValue]]


def own(session: Session, proposal_id: JsonValue) -> Proposal | None:
    """Return a proposal of the session's agent, `None` where there is none of this id that can be read."""
    if session.proposals is None or not isinstance(proposal_id, str):
        return None
    try:
        found = session.proposals(proposal_id)
    except GatewayError:
        return None
    return found if found.content.agent == session.principal.agent else None


def told_of(session: Session, outcome: Outcome) -> Proposal | None:
    """Return the proposal that an answer is about, as it stands now; `None` where it is about none or several."""
    table = outcome.tables.get("proposal") if isinstance(outcome, Answer) else None
    if table is None or len(table.rows) != 1 or "proposal_id" not in table.columns:
        return None
    cell = table.rows[0][table.columns.index("proposal_id")]
    return own(session, cell if isinstance(cell, str) else None)


def handle(session: Session, proposal: Proposal) -> dict[str, JsonValue]:
    """Return the wire form of a task in the place of an answer; the proposal is stored already."""
    return {**_task(session, proposal), "status": "working", "resultType": "task"}


async def get(session: Session, task_id: str, ask: Ask, render: Render) -> dict[str, JsonValue]:
    """Return the wire form of `tasks/get`.

    Args:
        session: Whose task it is.
        task_id: As the client sent it.
        ask: Makes one governed, recorded call of a tool.
        render: Gives the wire form of the result of a call.

    Raises:
        RpcError: −32602 with `proposal.not_found`, alike for a task of another agent and one that never was.
    """
    proposal, outcome = await _looked_up(session, task_id, ask)
    return {**_task(session, proposal), **_standing(proposal, outcome, render), "resultType": "complete"}


async def update(session: Session, task_id: str, ask: Ask) -> dict[str, JsonValue]:
    """Return the wire form of `tasks/update`: no task asks its client for anything, so no answer of it is read.

    Raises:
        RpcError: as `get`.
    """
    await _looked_up(session, task_id, ask)
    return dict(_ACKNOWLEDGED)


async def cancel(session: Session, task_id: str, ask: Ask) -> dict[str, JsonValue]:
    """Take the proposal back while nothing was sent, and return the wire form of `tasks/cancel`.

    What can't be taken back any more is acknowledged all the same, as the extension has it; `get` says what becomes of
    it.

    Raises:
        RpcError: as `get`.
    """
    proposal_id = _opened(session, task_id)
    if not proposal_id:  # a proposal's own id is none of a task
        await _looked_up(session, task_id, ask)
    outcome = await ask(TAKES_BACK, {"proposal_id": proposal_id})
    if isinstance(outcome, Refusal) and outcome.code != ProposalMovedError.code:
        raise _refused(outcome)
    return dict(_ACKNOWLEDGED)


async def _looked_up(session: Session, task_id: str, ask: Ask) -> tuple[Proposal, Outcome]:
    proposal_id = _opened(session, task_id)
    outcome = await ask(SHOWS, {"proposal_id": proposal_id or task_id})  # what is no task is recorded as well
    if isinstance(outcome, Refusal):
        raise _refused(outcome)
    proposal = told_of(session, outcome)
    if not proposal_id or proposal is None:
        raise _unknown()
    return proposal, outcome


def _task(session: Session, proposal: Proposal) -> dict[str, JsonValue]:
    content = proposal.content
    return {
        "taskId": _sealed(session, content.proposal_id),
        "statusMessage": _message(session, proposal),
        "createdAt": content.created_at,
        "lastUpdatedAt": proposal.since,
        "ttlMs": None,  # proposals are never deleted
        "pollIntervalMs": PEOPLE_MS if waiting_for(proposal) in ("approval", "person") else MACHINE_MS,
    }


def _message(session: Session, proposal: Proposal) -> str:
    content = proposal.content
    link = session.link(content.proposal_id) if proposal.state is State.AWAITING_APPROVAL else ""
    where = f" People decide at {link}" if link else ""
    return f"{content.proposal_id}, {visible(content.preview.headline)}: {next_step(proposal)}{where}"


def _standing(proposal: Proposal, outcome: Outcome, render: Render) -> dict[str, JsonValue]:
    """Return the status, and what goes with it; `failed` is for errors of the protocol, and a proposal meets none."""
    if proposal.state is State.CANCELLED:
        return {"status": "cancelled"}
    if is_over(proposal):
        return {"status": "completed", "result": render(outcome)}
    return {"status": "working"}


def _sealed(session: Session, proposal_id: str) -> str:
    said = f"{session.principal.agent}\n{proposal_id}".encode()
    seal = base64.urlsafe_b64encode(hmac.new(session.task_key, said, sha256).digest()).decode()
    return f"{proposal_id}.{seal[:_SEAL_CHARACTERS]}"


def _opened(session: Session, task_id: str) -> str:
    """Return the proposal that a task id of this agent names, empty for any other text."""
    if not task_id.isascii():
        return ""
    proposal_id = task_id.partition(".")[0]
    return proposal_id if hmac.compare_digest(_sealed(session, proposal_id), task_id) else ""


def _unknown() -> RpcError:
    return error_from(INVALID_PARAMS, "Unknown task", ProposalNotFoundError())


_AS_UNKNOWN: Final = frozenset({ProposalNotFoundError.code, "call.unknown_tool", "call.invalid_argument"})


def _refused(refusal: Refusal) -> RpcError:
    if refusal.code in _AS_UNKNOWN:
        return _unknown()
    data: dict[str, JsonValue] = {"code": refusal.code, "summary": refusal.summary, "advice": refusal.advice}
    code = SERVER_BUSY if refusal.code == BusyError.code else INTERNAL_ERROR
    return RpcError(code, "The task could not be looked up", data)


def task_id_in(params: Mapping[str, JsonValue] | None) -> str | None:
    """Return the task that a request names, `None` where it names none."""
    given = (params or {}).get("taskId")
    return given if isinstance(given, str) else None
