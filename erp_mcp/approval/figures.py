"""How people decide: how fast, how often yes, how often otherwise than asked, and which seeded wrongs they catch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from erp_mcp.domain.instants import parse_instant
from erp_mcp.domain.proposal import Content, Proposal, SignedDecision

NARROWED: Final = "narrowed"
_PLACES: Final = Decimal("0.001")


class Decided(NamedTuple):
    """A decision and the proposal that it is about, as it stands by now."""

    decision: SignedDecision
    proposal: Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How one person decided. Rates are from 0 to 1, `None` where there was nothing to decide.

    `median_s` is the time from the proposal to the decision. Who says yes to less than was asked for has narrowed.
    Overridden is what was rejected or narrowed. Seeded proposals count for the three about them alone, and for what was
    said by break-glass, which is a yes as well.
    """

    approver_id: str
    decided: int
    approved: int
    rejected: int
    narrowed: int
    median_s: int | None
    approve_rate: Decimal | None
    override_rate: Decimal | None
    canaries_seen: int
    canaries_caught: int
    catch_rate: Decimal | None
    by_break_glass: tuple[tuple[str, int], ...] = ()  # how often in which month (UTC, `2026-11`), where any


def figures(decided: Iterable[Decided], is_canary: Callable[[Content], bool]) -> tuple[Figures, ...]:
    """Return the figures of everybody who decided, by their id.

    Args:
        decided: Decisions of a time, in any order; nothing of them is verified here.
        is_canary: Whether a proposal was seeded.
    """
    by_person: dict[str, list[Decided]] = {}
    for one in decided:
        by_person.setdefault(one.decision.approver_id, []).append(one)
    return tuple(_of(person, by_person[person], is_canary) for person in sorted(by_person))


def _of(person: str, decided: Sequence[Decided], is_canary: Callable[[Content], bool]) -> Figures:
    seeded = [one for one in decided if is_canary(one.proposal.content)]
    given_up = {one.proposal.content.proposal_id for one in decided if _is_given_up(one)}
    real = [one for one in decided if one not in seeded and not _is_given_up(one)]
    narrowed = [one for one in real if _is_yes(one) and one.proposal.content.narrows in given_up]
    approved = [one for one in real if _is_yes(one) and one not in narrowed]
    rejected = [one for one in real if not _is_yes(one)]
    # One that was narrowed counts once: the yes to the smaller one misses it as well.
    seen = [one for one in seeded if not (_is_yes(one) and one.proposal.content.narrows in given_up)]
    caught = [one for one in seen if not _is_yes(one) and not _is_given_up(one)]
    return Figures(
        approver_id=person,
        decided=len(real),
        approved=len(approved),
        rejected=len(rejected),
        narrowed=len(narrowed),
        median_s=_median([_took_s(one) for one in (*approved, *rejected)]),
        approve_rate=_rate(len(approved), len(real)),
        override_rate=_rate(len(rejected) + len(narrowed), len(real)),
        canaries_seen=len(seen),
        canaries_caught=len(caught),
        catch_rate=_rate(len(caught), len(seen)),
        by_break_glass=_by_month(one.decision for one in decided if one.decision.decision == "break_glass"),
    )


def _by_month(said: Iterable[SignedDecision]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(one.decided_at[:7] for one in said).items()))


def _is_yes(one: Decided) -> bool:
    return one.decision.decision != "reject"


def _is_given_up(one: Decided) -> bool:
    """Whether it is the no that makes place for a smaller one."""
    return not _is_yes(one) and one.proposal.reason == NARROWED


def _took_s(one: Decided) -> int:
    took = parse_instant(one.decision.decided_at) - parse_instant(one.proposal.content.created_at)
    return max(0, int(took.total_seconds()))


def _median(seconds: Sequence[int]) -> int | None:
    """Return the middle one; of two the lower, so that it is a time that was really taken."""
    return sorted(seconds)[(len(seconds) - 1) // 2] if seconds else None


def _rate(part: int, whole: int) -> Decimal | None:
    return (Decimal(part) / whole).quantize(_PLACES) if whole else None
