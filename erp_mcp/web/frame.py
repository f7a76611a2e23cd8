"""What stands around every page: who is signed in, how much waits, and whether writes are stopped."""

from __future__ import annotations

from typing import Final

from erp_mcp.domain.approver import Stop
from erp_mcp.domain.lifecycle import RESOLVABLE, State
from erp_mcp.errors import GatewayError
from erp_mcp.web.visit import Visit

_NOBODY: Final[dict[str, object]] = {
    "root": "",
    "who": "",
    "who_id": "",
    "waiting": 0,
    "stuck": 0,
    "tasks": 0,
    "stops": [],
    "sign_out": "",
    "deployment": "",
    "environment": "",
    "here": "",
}
_COUNTED: Final = (State.AWAITING_APPROVAL, *RESOLVABLE)  # what is over may be very many, and is told of by no page


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
    }
    if visit.who is None:
        return facts
    standing, stops, tasks = _counts(visit)
    return {
        **facts,
        "who": visit.who.approver.name,
        "who_id": visit.who.id,
        "waiting": standing.get(State.AWAITING_APPROVAL, 0),
        "stuck": sum(standing.get(state, 0) for state in RESOLVABLE),
        "tasks": tasks,
        "stops": stops,
        "sign_out": visit.form_token("/sign-out"),
    }


def _counts(visit: Visit) -> tuple[dict[str, int], list[Stop], int]:
    state = visit.office.deployment.state
    try:
        return state.proposals.standing(_COUNTED), state.switches.stopped(), len(state.tasks.listed(state="OPEN"))
    except GatewayError:
        return {}, [], 0
