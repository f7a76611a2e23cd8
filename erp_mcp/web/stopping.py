"""The kill switch: stop writes of an agent, a site, a tool, a system, or all, and let them go on."""

from __future__ import annotations

from erp_mcp.domain.lifecycle import State
from erp_mcp.errors import BadScopeError, InvalidArgumentError
from erp_mcp.web.times import local
from erp_mcp.web.visit import Answer, GoTo, Shown, Visit

_MAX_REASON = 500
_SENT = (State.SENDING, State.AWAITING_ACK, State.UNKNOWN, State.RECONCILING)


def show(visit: Visit) -> Answer:
    """Show what is stopped, and forms to stop more or let it go on."""
    return _page(visit)


def stop(visit: Visit) -> Answer:
    """Stop writes of a scope at once, for every process."""
    scope = visit.form.get("scope", "").strip()
    if scope not in _scopes(visit):
        return _page(visit, "Choose what to stop.", 400)
    try:
        reason = visit.text("reason", least=1, most=_MAX_REASON, label="reason")
        visit.office.deployment.state.switches.stop(scope, by=visit.person.id, reason=reason)
    except InvalidArgumentError:
        return _page(visit, "Say why: whoever finds writes stopped will want to know.", 400)
    return GoTo(address="/stop")


def resume(visit: Visit) -> Answer:
    """Let writes of a scope go on."""
    try:
        visit.office.deployment.state.switches.resume(visit.form.get("scope", ""), by=visit.person.id)
    except BadScopeError:
        return _page(visit, "There is no such scope.", 400)
    return GoTo(address="/stop")


def _page(visit: Visit, problem: str = "", status: int = 200) -> Shown:
    state = visit.office.deployment.state
    standing = state.proposals.standing()
    facts: dict[str, object] = {
        "stopped": [(one, local(one.set_at, visit.office.zone)) for one in state.switches.stopped()],
        "scopes": _scopes(visit),
        "sent": sum(standing.get(one, 0) for one in _SENT),
        "approved": standing.get(State.APPROVED, 0),
        "stop_token": visit.form_token("/stop"),
        "resume_token": visit.form_token("/resume"),
        "problem": problem,
    }
    return Shown(template="stop.html", facts=facts, status=status)


def _scopes(visit: Visit) -> list[str]:
    """Return every scope that something of this deployment has."""
    from erp_mcp.administration import write_scopes

    return ["all", *write_scopes(visit.office.deployment)]
