"""Who held what, under which fence: what `order` can't see in the records alone.

Of proposals the records tell who took each, under which fence, and what was done under it; the rows say until when.
Leases by name leave no records. What was given to whom is noted by whoever was given it: each fence is one holding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from erp_mcp.domain.instants import exact_instant
from erp_mcp.domain.lifecycle import State, moves
from erp_mcp.domain.proposal import Proposal
from erp_mcp.ports import Lease

UNDER_LEASE: Final = frozenset({State.CLAIMED, State.SENDING, State.RECONCILING, State.COMPENSATING})
Facts = Mapping[str, Any]


# --- proposals --------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Hands:
    """Follows in whose hand each proposal is, record by record.

    `running` are those whose lease ran when the play began: what is taken before its end is taken from under it.
    """

    running: frozenset[str] = frozenset()
    _fences: Counter[str] = field(default_factory=Counter)
    _holders: dict[str, str] = field(default_factory=dict)
    _held: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Go by what ran when the play began, whatever was taken and over before."""
        self._held = set(self.running)

    def wrongs(self, one: str, actor: str, facts: Facts) -> Iterator[str]:
        """Yield what may not be of the next move of a proposal, which `actor` made."""
        taken = moves(facts["move"], State(facts["from"])) if facts["from"] else None
        takes = taken is not None and taken.takes_lease
        if takes and one in self._held:
            yield "taken from under a lease"
        if facts["fence"] != self._fences[one] + takes:
            yield f"under fence {facts['fence']} behind {self._fences[one]}"
        if taken is not None and taken.leased and actor != self._holders.get(one, ""):
            yield f"by {actor}, while {self._holders.get(one) or 'nobody'} had it"

    def follow(self, one: str, actor: str, facts: Facts) -> None:
        """Follow a move that was made."""
        move, target = facts["move"], State(facts["to"])
        taken = moves(move, State(facts["from"])) if facts["from"] else None
        self._fences[one] = facts["fence"]
        if taken is None:  # told of, and not moved
            return
        if taken.takes_lease:
            self._holders[one] = actor
            self._held.add(one)
        if target not in UNDER_LEASE:
            self._holders.pop(one, None)
        if target not in UNDER_LEASE or move == "wait":
            self._held.discard(one)

    def unlike(self, rows: Iterable[Proposal], now: datetime) -> Iterator[str]:
        """Yield where a row says otherwise than its records."""
        for row in rows:
            one, name = row.content.proposal_id, row.content.idempotency_key
            if (row.fence, row.holder) != (self._fences[one], self._holders.get(one, "")):
                yield f"{name} is held by {row.holder or 'nobody'} under {row.fence}, not so by its records"
            if bool(row.lease_expires_at) != (row.state in UNDER_LEASE and row.holder != ""):
                yield f"{name} in {row.state} has a lease until {row.lease_expires_at or 'never'}"
            if one in self._held and row.lease_expires_at <= exact_instant(now):
                yield f"the lease of {name} was over as it began"


# --- leases by name ---------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Given:
    """What those who asked for leases were told, in no order; empty it before each play."""

    given: list[Lease] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)  # name and who asked
    released: list[Lease] = field(default_factory=list)

    def forget(self) -> None:
        """Forget what was told."""
        for one in (self.given, self.refused, self.released):
            one.clear()


def misheld(before: Mapping[str, Lease], after: Mapping[str, Lease], told: Given, now: datetime) -> Iterator[str]:
    """Yield what may not be of leases by what was given and what the rows say; time stands still from one to the other.

    Args:
        before: The rows of leases, by name, when the play began.
        after: Those at its end.
        told: What was given, refused and given back in it.
        now: The time at which it was.
    """
    for name in {*before, *after, *(one.name for one in told.given)}:
        of_name = [one for one in told.given if one.name == name]
        back = {(one.holder, one.fence) for one in told.released if one.name == name}
        for one in _misheld(before.get(name), after.get(name), of_name, back, exact_instant(now)):
            yield f"lease {name}: {one}"
    for name, who in told.refused:
        had = [
            one for one in (*before.values(), *told.given) if one.name == name and one.expires_at > exact_instant(now)
        ]
        if not any(one.holder != who for one in had):
            yield f"lease {name}: refused to {who}, and nobody had it"


def _misheld(
    before: Lease | None, after: Lease | None, given: list[Lease], back: set[tuple[str, int]], now: str
) -> Iterator[str]:
    start = before.fence if before else 0
    holders = {start: {before.holder}} if before is not None and before.expires_at > now else {}
    for one in given:
        holders.setdefault(one.fence, set()).add(one.holder)
    newest = max(holders, default=start)
    for fence, who in sorted(holders.items()):
        if len(who) > 1:
            yield f"{' and '.join(sorted(who))} had it under fence {fence}"
        if fence < newest and not any((one, fence) in back for one in who):
            yield f"{min(who)} had it under fence {fence}, and another one under {newest}"
    if any(one.fence < start or (one.fence == start and start not in holders) for one in given):
        yield f"a fence that was over by {start}"
    fences = {one.fence for one in given if one.fence > start}
    if fences != set(range(start + 1, newest + 1)):
        yield f"fences {sorted(fences)} behind {start}"
    if after is None or after.fence != max(newest, start):
        yield f"fence {after.fence if after else 0} at the end, {newest} was given"
        return
    has = after.holder in holders.get(newest, ()) and (after.holder, newest) not in back
    if has != (after.expires_at > now):
        yield f"it is {'not ' if has else ''}held by {after.holder} under fence {newest}"
