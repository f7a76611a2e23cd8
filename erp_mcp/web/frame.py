"""What stands around every page: who is signed in, how much waits, and whether writes are stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from erp_mcp.domain.approver import Stop
from erp_mcp.domain.lifecycle import RESOLVABLE, State
from erp_mcp.errors import GatewayError
from erp_mcp.web.times import local
from erp_mcp.web.visit import Visit

_NOBODY: Final[dict[str, object]] = {
    "root": "",
    "who": "",
    "who_id": "",
    "waiting": 0,
    "stuck": 0,
    "tasks": 0,
    "stops": [],
    "to_review": [],
    "sign_out": "",
    "deployment": "",
    "environment": "",
    "here": "",
    "looks": False,
}
_COUNTED: Final = (State.AWAITING_APPROVAL, *RESOLVABLE)  # what is over may be very many, and is told of by no page


@dataclass(frozen=True, slots=True, kw_only=True)
class ToReview:
    """What was approved in an emergency and nobody has looked at yet."""

    proposal_id: str
    due_at: str
    overdue: bool


def bare(root: str) -> dict[str, object]:
    """Return the facts of a frame around what nobody in particular asked for; `root` is where the page lies."""
    return {**_NOBODY, "root": root}


def frame(visit: Visit) -> dict[str, object]:
    """Return the facts of the frame; where the state can't be read, the page itself says so."""
    settings = visit.office.deployment.settings
    facts = {
        **bare(visit.office.origin.root),
        "deployment": settings.deployment,
        "environment": settings.environment,
        "here": visit.address,
        "looks": visit.address == "/" and visit.query.get("view", "") == "look",
    }
    if visit.who is None:
        return facts
    standing, stops, tasks, to_review = _counts(visit)
    return {
        **facts,
        "who": visit.who.approver.name,
        "who_id": visit.who.id,
        "waiting": standing.get(State.AWAITING_APPROVAL, 0),
        "stuck": sum(standing.get(state, 0) for state in RESOLVABLE),
        "tasks": tasks,
        "stops": stops,
        "to_review": to_review,
        "sign_out": visit.form_token("/sign-out"),
    }


def _counts(visit: Visit) -> tuple[dict[str, int], list[Stop], int, list[ToReview]]:
    deployment = visit.office.deployment
    state, now = deployment.state, deployment.clock.wall()
    try:
        standing, tasks = state.proposals.standing(_COUNTED), len(state.tasks.listed(state="OPEN"))
        broken = [
            ToReview(
                proposal_id=one.proposal_id, due_at=local(one.due_at, visit.office.zone), overdue=one.is_overdue(now)
            )
            for one in state.proposals.to_review()
        ]
        return standing, state.switches.stopped(), tasks, broken
    except GatewayError:
        return {}, [], 0, []
