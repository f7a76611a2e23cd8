"""What `erp-mcp doctor` finds, and what it finds about writes: who may decide, what waits, what is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from erp_mcp import administration
from erp_mcp.administration import resolving
from erp_mcp.answers.visible import visible
from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Proposal
from erp_mcp.errors import ProposalDamagedError
from erp_mcp.policy import writing
from erp_mcp.policy.bundle import Bundle, from_json
from erp_mcp.policy.left_to_people import refusing

Status = Literal["ok", "note", "bad"]
_NAME: Final = "writes"
_WAITS_TOO_LONG_S: Final = 300  # an approved proposal that no worker has looked at for so long


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at: what, how it stands, and what to do about it."""

    name: str
    status: Status
    detail: str
    advice: str = ""


def writes(deployment: Deployment) -> Iterator[Check]:
    """Yield how writes stand; one line where none is granted and nothing waits."""
    digest, text = deployment.state.bundles.active()
    bundle = from_json(text, digest) if digest else None
    approvers = administration.trusted(deployment)
    yield _granted(deployment, bundle)
    if bundle is not None and bundle.writes:
        yield from _redefined(deployment, bundle)
        yield from _refusing(deployment, bundle)
        yield from _prepared(deployment, bundle, len(approvers))
        yield from _undecided(deployment, bundle) if approvers else ()
    yield from _stopped(deployment)
    yield from _waiting(deployment)
    yield from _to_review(deployment)


def _granted(deployment: Deployment, bundle: Bundle | None) -> Check:
    if bundle is None or not bundle.writes:
        return Check(name=_NAME, status="ok", detail="off: the applied policy grants none")
    if administration.signature_missing(deployment):
        unsigned = "no approver in force has signed this policy, with the systems as they are configured now"
        detail = f"{_listed(bundle.writes)} granted, but {unsigned}: nothing is sent"
        return Check(name=_NAME, status="bad", detail=detail, advice="Run `erp-mcp policy apply` as an approver.")
    return Check(name=_NAME, status="ok", detail=f"on: {_listed(bundle.writes)}, signed by an approver")


def _redefined(deployment: Deployment, bundle: Bundle) -> Iterator[Check]:
    """Name what was granted as something else: it is denied, and its files may have been edited by anybody."""
    for tool in writing.redefined(bundle, deployment.catalog):
        advice = "Look at what changed in it; `erp-mcp policy apply` as an approver grants it as it is now."
        yield Check(name=_NAME, status="bad", detail=f"{tool} changed since it was granted: denied", advice=advice)


def _refusing(deployment: Deployment, bundle: Bundle) -> Iterator[Check]:
    """Name what may be proposed and refuses all the same, since nobody is to look at what nothing here knows."""
    for one in refusing(bundle, deployment.catalog):
        often = "each proposal" if one.always else "some proposals"
        detail = f"{one.tool} refuses {often} of {one.role}: nothing here knows what {', '.join(one.missing)} ask for"
        advice = f"Where people are to look: `{one.line}` in the rule {', '.join(one.rules)}, and apply."
        yield Check(name=_NAME, status="bad" if one.always else "note", detail=detail, advice=advice)


def _undecided(deployment: Deployment, bundle: Bundle) -> Iterator[Check]:
    """Name approvers who are none, and agents whose proposals would wait for nobody."""
    for missing in administration.unenrolled(deployment, bundle):
        advice = "Enrol them with `erp-mcp approvals enrol ID`, or take them out of `approvals:` and apply."
        yield Check(name="approvers", status="note", detail=str(missing), advice=advice)
    for one in administration.out_of_reach(deployment, bundle):
        advice = "Enrol one more person (`erp-mcp approvals enrol ID`), or name others under `approvals:` and apply."
        yield Check(name="approvers", status="note", detail=str(one), advice=advice)


def _prepared(deployment: Deployment, bundle: Bundle, approvers: int) -> Iterator[Check]:
    if not approvers:
        advice = "Run `erp-mcp approvals enrol NAME`."
        yield Check(name="approvers", status="bad", detail="nobody is enrolled, so nobody can decide", advice=advice)
    else:
        yield Check(
            name="approvers",
            status="ok",
            detail=f"{approvers} {'person' if approvers == 1 else 'people'} may decide",
        )
    wanted = {tool.command for tool in deployment.catalog if tool.command and tool.name in bundle.writes}
    takes = {operation for operations in deployment.writable.values() for operation in operations}
    for operation in sorted(wanted - takes):
        advice = (
            "Name credentials under `write:` of the system that takes it; `erp-mcp systems probe NAME` looks at it."
        )
        yield Check(name=_NAME, status="bad", detail=f"no system takes {operation} here", advice=advice)


def _stopped(deployment: Deployment) -> Iterator[Check]:
    for stop in deployment.state.switches.stopped():
        advice = f"Run `erp-mcp writes resume {stop.scope}` when it is over."
        also = " (and for what says no site)" if stop.scope.startswith("site:") else ""
        detail = f"stopped for {stop.scope}{also} since {stop.set_at[:19]}Z by {stop.set_by}"
        yield Check(name=_NAME, status="note", detail=detail, advice=advice)


def _to_review(deployment: Deployment) -> Iterator[Check]:
    """Name what was approved in an emergency and nobody has looked at."""
    now = deployment.clock.wall()
    for one in deployment.state.proposals.to_review():
        late = one.is_overdue(now)
        when = f"{'was' if late else 'is'} due {one.due_at[:19]}Z"
        rest = ": no other glass can be broken" if late else ""
        detail = f"{one.proposal_id} was approved by break-glass, and its review {when}{rest}"
        advice = f"A reviewer runs `erp-mcp approvals review {one.proposal_id}`."
        yield Check(name="reviews", status="bad" if late else "note", detail=detail, advice=advice)


def _waiting(deployment: Deployment) -> Iterator[Check]:
    """Say what people must look at, and what no worker picks up."""
    proposals = deployment.state.proposals
    for one in resolving.damaged(deployment):
        where = f"{one.proposal_id} at {one.state}{f' ({one.reason})' if one.reason else ''} since {one.since}"
        detail = f"{where}: its row is not what was written"
        yield Check(name="proposals", status="bad", detail=detail, advice=ProposalDamagedError.advice)
    for proposal in proposals.in_states((State.NEEDS_HUMAN,)):
        yield _told(proposal, "bad", f"needs a person ({proposal.reason})")
    for proposal in proposals.in_states((State.COMPENSATION_STUCK,)):
        yield _told(proposal, "bad", f"could not be taken back as a whole ({proposal.reason}); what it wrote is frozen")
    for proposal in proposals.in_states((State.UNKNOWN, State.RECONCILING)):
        yield _told(proposal, "note", "is not known to have been written or not; the worker reads it back")
    for proposal in proposals.in_states((State.AWAITING_ACK,)):
        yield _told(proposal, "note", _taken_in(deployment, proposal))
    now = deployment.clock.wall()
    for proposal in proposals.in_states((State.APPROVED,)):
        waits_s = (now - datetime.fromisoformat(proposal.since)).total_seconds()
        if waits_s > _WAITS_TOO_LONG_S:
            yield _told(proposal, "note", f"is approved and waits for a worker for {waits_s / 60:.0f} min")


def _taken_in(deployment: Deployment, proposal: Proposal) -> str:
    """Say what is known of a change that its system has and has not confirmed yet."""
    known = resolving.known(deployment, proposal.content.proposal_id)
    ticket = f"ticket {visible(known.ticket)}" if known.ticket else "no ticket"
    system = proposal.content.command.system
    return f"was taken in by {system} at {known.taken_in}, {ticket}; it is asked again at {proposal.not_before}"


def _told(proposal: Proposal, status: Status, words: str) -> Check:
    proposal_id = proposal.content.proposal_id
    advice = {
        State.APPROVED: "Run `erp-mcp worker --once`, or keep `erp-mcp worker` running.",
        State.NEEDS_HUMAN: f"Run `erp-mcp proposals show {proposal_id}`; docs/worker.md says what to do about it.",
    }.get(proposal.state, f"Run `erp-mcp worker`, then `erp-mcp approvals show {proposal_id}`.")
    return Check(name="proposals", status=status, detail=f"{proposal_id} {words}", advice=advice)


def _listed(tools: frozenset[str]) -> str:
    return ", ".join(sorted(tools))
