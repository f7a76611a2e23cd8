"""What has to hold by the order of the records, whoever wrote them at once: a second opinion on what the store let be.

The records of a deployment are one chain, and each of them stands or falls with what it tells of. So what nobody may do
behind something else is looked for there: a claim behind a stop, one more than a limit lets, a yes beyond a quota.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from erp_mcp.audit.verify import verify
from erp_mcp.domain import duties, saga
from erp_mcp.domain.duties import Yes
from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.lifecycle import ESCALATED, GLASS_BROKEN, GLASS_REVIEWED, REVIEW_OVERDUE, State
from erp_mcp.domain.proposal import Content
from erp_mcp.store.state import proposals
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.rows import COUNTING, SENT
from tests.torture.holding import Facts, Hands

ONCE: Final = "once "  # begins the fingerprint of what must not be there twice
_SAYS: Final = frozenset({"approve", "break_glass"})
_ONCE_TOLD: Final = frozenset({ESCALATED, GLASS_BROKEN, GLASS_REVIEWED, REVIEW_OVERDUE})
_HALF: Final = frozenset({State.COMPENSATION_STUCK, State.NEEDS_HUMAN})
_WAITING: Final = frozenset({State.PROPOSED, State.AWAITING_APPROVAL, State.APPROVED})


def wrongs(
    state: DeploymentState, now: datetime, *, played_from: int, running: frozenset[str] = frozenset()
) -> list[str]:
    """Return what must not be, by the records and by the rows beside them.

    Args:
        state: What was played on.
        now: The time at which it was.
        played_from: The number of the last record before.
        running: The proposals whose leases ran then.
    """
    records = list(state.audit.read_all())
    report = verify(records, strays=state.audit.strays(), proposals=state.proposals.kept(), rows=state.kept_rows())
    found = [f"{one.seq} {one.code} {one.detail}" for one in report.findings if not one.is_notice]
    rows = state.proposals.in_states(tuple(State), limit=100)
    order = Order(
        contents={one.content.proposal_id: one.content for one in rows}, now=now, hands=Hands(running=running)
    )
    for record in records:
        if record.seq == played_from + 1:
            order.hands.begin()
        leaf = json.loads(record.leaf)
        order.see(leaf["kind"], leaf["facts"], leaf["time"], leaf["actor"], is_played=record.seq > played_from)
    found += order.hands.unlike(rows, now) if records and records[-1].seq > played_from else ()
    told = {one.audit_seq for one in state.proposals.events(limit=1000)}
    of_proposals = {one.seq for one in records if json.loads(one.leaf)["kind"].startswith("proposal.")}
    if told != of_proposals:
        found.append(f"events {sorted(told ^ of_proposals)} without their records, or the other way round")
    return found + order.wrongs


@dataclass(slots=True, kw_only=True)
class Order:
    """Follows the records of all proposals at once, and of what stops them."""

    contents: Mapping[str, Content]
    now: datetime
    hands: Hands
    wrongs: list[str] = field(default_factory=list)
    _stands: dict[str, State] = field(default_factory=dict)
    _counts_from: dict[str, datetime] = field(default_factory=dict)
    _stopped: set[str] = field(default_factory=set)
    _said: dict[str, list[Yes]] = field(default_factory=dict)
    _sent: set[str] = field(default_factory=set)
    _due: dict[str, datetime] = field(default_factory=dict)
    _bundle: str = ""
    _revoked: set[str] = field(default_factory=set)
    _told: Counter[tuple[str, str]] = field(default_factory=Counter)

    def see(self, kind: str, facts: Facts, time: str, actor: str, *, is_played: bool) -> None:
        """Follow one record, and note what may not be behind those before it."""
        if kind in ("writes.stopped", "writes.resumed"):
            (self._stopped.add if kind == "writes.stopped" else self._stopped.discard)(facts["scope"])
        if kind == "policy.applied":
            if facts["previous"] != self._bundle:
                self.wrongs.append("a policy in place of one that nobody saw")
            self._bundle = facts["bundle"]
        if kind == "approver.revoked":
            self._revoked.add(facts["approver"])
        content = self.contents.get(str(facts.get("proposal_id")))
        if not kind.startswith("proposal.") or content is None:
            return
        if is_played:
            wrong = [*self._not(content, facts), *self.hands.wrongs(content.proposal_id, actor, facts)]
            self.wrongs += [f"{facts['move']} of {content.idempotency_key}: {one}" for one in wrong]
        self._follow(kind, content, facts, parse_instant(time))
        self.hands.follow(content.proposal_id, actor, facts)

    # --- what may not be ----------------------------------------------------------------------------------------------

    def _not(self, content: Content, facts: Facts) -> Iterator[str]:
        move, one = facts["move"], content.proposal_id
        if self._is_stopped(content, move):
            yield "behind a stop"
        if move == "propose":
            yield from self._not_proposed(content)
        if move == "send":
            yield from self._beyond(content, SENT, "sent")
        if (move == "propose" and not content.part_of) or move == "send":
            yield from self._frozen(content)
        if facts.get("approver") in self._revoked:
            yield "by somebody who was revoked"
        if move in _SAYS:
            yield from self._not_said(content, move, facts["approver"])
        if move == "cancel" or (move == "expire" and facts["from"] == State.APPROVED):
            yield from ("what was sent before",) if one in self._sent else ()

    def _is_stopped(self, content: Content, move: str) -> bool:
        """Whether a stop keeps this from being done; a saga that goes on proposes its further parts all the same."""
        scopes = {"all", f"tool:{content.tool}"}
        if content.part_of and move != "claim":
            scopes.add(f"tool:{self.contents[content.part_of].tool}")
        others = [one for one in self._stands if content.part_of and self.contents[one].part_of == content.part_of]
        goes_on = move == "propose" and others and not content.undoes
        return move in ("propose", "claim", "send") and not goes_on and bool(scopes & self._stopped)

    def _not_proposed(self, content: Content) -> Iterator[str]:
        yield from self._beyond(content, COUNTING, "proposed")
        live = [self.contents[one] for one, stands in self._stands.items() if f"'{stands}'" in COUNTING]
        if (
            content.fingerprint.startswith(ONCE)
            and not content.part_of
            and any(one.fingerprint == content.fingerprint for one in live)
        ):
            yield "the same is there"
        alike = [self.contents[one] for one in self._stands if content.part_of and not content.undoes]
        if any((one.part_of, one.step, one.undoes) == (content.part_of, content.step, "") for one in alike):
            yield "this part was begun"
        waiting = [one for one, stands in self._stands.items() if stands is State.AWAITING_APPROVAL]
        theirs = [one for one in waiting if self.contents[one].agent == content.agent and not self._is_over(one)]
        if not content.part_of and len(theirs) >= proposals.MAX_WAITING:
            yield "too many wait"
        if content.narrows and self._stands[content.narrows] is not State.REJECTED:
            yield "beside what it is in place of"

    def _beyond(self, content: Content, states: str, what: str) -> Iterator[str]:
        for use in content.limits:
            taken = 0
            for one, stands in self._stands.items():
                since = self._counts_from[one]
                counts = f"'{stands}'" in states and not self._is_over(one) and one != content.proposal_id
                if counts and since > self.now - timedelta(seconds=use.window_s):
                    same = [
                        other for other in self.contents[one].limits if (other.limit, other.key) == (use.limit, use.key)
                    ]
                    taken += sum(other.amount for other in same)
            if taken + use.amount > use.maximum:
                yield f"{taken} {what} of {use.maximum} and one more"

    def _is_over(self, one: str) -> bool:
        return self._stands[one] in _WAITING and parse_instant(self.contents[one].expires_at) <= self.now

    def _frozen(self, content: Content) -> Iterator[str]:
        for one, stands in self._stands.items():
            if not saga.is_saga(self.contents[one]) or content.part_of == one:
                continue
            parts = [other for other in self._stands if self.contents[other].part_of == one]
            held = any(self._stands[other] is State.NEEDS_HUMAN for other in parts)
            half = stands in _HALF or (held and stands in (State.CLAIMED, State.COMPENSATING))
            if half and any(self.contents[other].command.key == content.command.key for other in parts):
                yield "what a saga left half done"

    def _not_said(self, content: Content, move: str, who: str) -> Iterator[str]:
        said = self._said.get(who, [])
        quota = content.terms.quota
        if move == "approve" and quota and sum(one.at > self.now - duties.HOUR for one in said) >= quota:
            yield f"more than {quota} in an hour"
        asked = [Yes(self.contents[one], parse_instant(self.contents[one].created_at)) for one in self._stands]
        if duties.separated_by(content, self.now, said) or duties.asked_apart(content, self.now, asked, {who}):
            yield "both halves"
        if move == "break_glass" and any(due <= self.now for due in self._due.values()):
            yield "while a review is overdue"

    # --- what became of it --------------------------------------------------------------------------------------------

    def _follow(self, kind: str, content: Content, facts: Facts, at: datetime) -> None:
        one, move, target = content.proposal_id, facts["move"], State(facts["to"])
        if move in ("propose", "send"):
            self._counts_from[one] = at
        if move in _SAYS:
            self._said.setdefault(facts["approver"], []).append(Yes(content, at))
        if target is State.SENDING:
            self._sent.add(one)
        self._stands[one] = target
        self._told[kind, one] += 1
        if kind in _ONCE_TOLD and self._told[kind, one] > 1:
            self.wrongs.append(f"{kind} of {content.idempotency_key} told twice")
        if kind == GLASS_BROKEN:
            self._due[one] = parse_instant(facts["review_due_at"])
        if kind == GLASS_REVIEWED:
            self._due.pop(one, None)
        if kind == REVIEW_OVERDUE and one not in self._due:
            self.wrongs.append(f"{kind} of {content.idempotency_key}, which was reviewed")
