"""Sends the notices of events that are new, each channel by itself: one that fails does not keep the others waiting.

At least once: how far a channel has come is kept after it has taken a notice, so a process that dies in between sends
it again with the same id. One process at a time, under a lease.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.notice import ALARMS, Notice, NoticeKind
from erp_mcp.domain.proposal import Event
from erp_mcp.errors import NoticeNotSentError, ProposalDamagedError
from erp_mcp.notices.channel import Channel
from erp_mcp.notices.composing import kind_of, notice_of, notice_of_damaged
from erp_mcp.ports import Clock, Followers, Leases, Proposals

LEASE: Final = "notices"
_LEASE_S: Final = 60
_BATCH: Final = 200
_MOST_AT_ONCE: Final = 20  # messages of one channel in one pass: whoever works must get back to work
_TOO_OLD: Final = timedelta(hours=24)  # what could not be told for so long is not told any more
_PAUSES_S: Final = (5, 15, 60, 300)
_log = logging.getLogger("erp_mcp")


@dataclass(slots=True)
class _Rest:
    """A channel that failed, and how long it is left alone."""

    failures: int = 0
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One channel and what it takes."""

    channel: Channel
    kinds: frozenset[NoticeKind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifier:
    """Follows the events of proposals and sends notices; `page` is where links lead."""

    proposals: Proposals
    followers: Followers
    leases: Leases
    clock: Clock
    told: Sequence[Told]
    page: str
    _rests: dict[str, _Rest] = field(default_factory=dict)

    async def work(self, holder: str) -> int:
        """Send what is new, as long as no other process does; return how many notices were sent.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        if not self.told or self.leases.acquire(LEASE, holder, ttl_s=_LEASE_S) is None:
            return 0
        return sum([await self._channel(one) for one in self.told])

    async def close(self) -> None:
        """Let go of connections."""
        for one in self.told:
            await one.channel.close()

    async def _channel(self, told: Told) -> int:
        name = told.channel.name
        rest = self._rests.setdefault(name, _Rest())
        if rest.until is not None and self.clock.wall() < rest.until:
            return 0
        sent = 0
        for event in self.proposals.events(after=self.followers.position(f"notices:{name}"), limit=_BATCH):
            try:
                sent += await self._event(told, event)
            except NoticeNotSentError as failure:
                self._leave_alone(name, rest, failure)
                break
            self.followers.advance(f"notices:{name}", event.audit_seq)
            rest.failures = 0
            if sent >= _MOST_AT_ONCE:
                break
        return sent

    async def _event(self, told: Told, event: Event) -> int:
        if kind_of(event) not in told.kinds | ALARMS or self.clock.wall() - parse_instant(event.time) > _TOO_OLD:
            return 0
        notice = self._notice(event)
        if notice is None:
            return 0
        await told.channel.send(notice)
        return 1

    def _notice(self, event: Event) -> Notice | None:
        try:
            return notice_of(event, self.proposals.get(event.proposal_id), page=self.page)
        except ProposalDamagedError:  # somebody altered it: the last thing to keep quiet about
            return notice_of_damaged(event, page=self.page) if kind_of(event) == "person_needed" else None

    def _leave_alone(self, name: str, rest: _Rest, failure: NoticeNotSentError) -> None:
        pause_s = _PAUSES_S[min(rest.failures, len(_PAUSES_S) - 1)]
        rest.failures += 1
        rest.until = self.clock.wall() + timedelta(seconds=pause_s)
        _log.warning("notices by %s wait for %d s: %s", name, pause_s, failure.facts.get("reason", ""))
