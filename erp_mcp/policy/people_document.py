"""Reads what a stored bundle says of approvals and of those who decide; as strict as `document`, whose part it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Final, cast

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Band, BreakGlass, Deputy, Group, Separation, SeparationKey, Terms
from erp_mcp.domain.quorum import BREAK_GLASS_NEEDED, can_be_met
from erp_mcp.policy import document as reading
from erp_mcp.policy.document import refuse
from erp_mcp.policy.rules import (
    HOUR_S,
    MAX_BANDS,
    MAX_NEEDED,
    MAX_QUOTA,
    MAX_REVIEW_H,
    MAX_SEPARATION_DAYS,
    MAX_TAINT_H,
    MAX_VALID_H,
    MINUTE_S,
    ApprovalRule,
    People,
)

DAY_S: Final = 24 * HOUR_S
SEPARATION_KEYS: Final[tuple[str, ...]] = ("object", "material", "supplier", "site")
_FIRST_KEYS: Final = ("id", "tools", "approvers", "needed", "self_approval", "valid_s")
_KEYS: Final = (*_FIRST_KEYS, "groups", "bands", "escalation", "carry_out_s", "outage_s")
_AMOUNT: Final = re.compile(r"(0|[1-9][0-9]{0,10})(\.[0-9]{1,4})?")


def people(value: JsonValue) -> People:
    """Return what a bundle says of those who decide."""
    one = reading.fields(value, ("groups", "deputies", "separations", "quota", "taint_s"))
    return People(
        groups={name: Group(name=name, approvers=reading.distinct(who)) for name, who in reading.named(one["groups"])},
        deputies=tuple(_deputy(deputy) for deputy in reading.items(one["deputies"])),
        separations=tuple(_separation(rule) for rule in reading.items(one["separations"])),
        quota=_or_none(one["quota"], 1, MAX_QUOTA),
        taint_s=_or_none(one["taint_s"], HOUR_S, MAX_TAINT_H * HOUR_S),
    )


def approval(value: JsonValue, groups: Mapping[str, Group], *, banded: bool = True) -> ApprovalRule:
    """Return who must say yes to proposals of some tools; `banded` tells whether a document of this age has bands."""
    in_emergency = banded and isinstance(value, dict) and "break_glass" in value
    keys = (*_KEYS, "break_glass") if in_emergency else _KEYS if banded else _FIRST_KEYS
    one = reading.fields(value, keys)
    approvers, needed, wanted = _asked(one, groups)
    terms = Terms(
        rule=reading.text(one["id"]),
        approvers=approvers,
        needed=needed,
        self_approval=reading.flag(one["self_approval"]),
        valid_s=reading.within(one["valid_s"], MINUTE_S, MAX_VALID_H * HOUR_S),
        groups=wanted,
    )
    if banded:
        terms = _staggered(terms, one, groups)
    if in_emergency:
        terms = replace(terms, break_glass=_break_glass(one["break_glass"]))
    if not terms.needed and not _asks_nobody(terms):
        refuse("nobody")
    return ApprovalRule(tools=reading.distinct(one["tools"]), terms=terms)


def with_people(terms: Terms, tool: str, of: People) -> Terms:
    """Return the terms of a tool with what holds for everybody who decides."""
    return replace(
        terms,
        deputies=of.deputies,
        quota=of.quota,
        taint_s=of.taint_s,
        separations=tuple(one for one in of.separations if tool in one.tools),
    )


def _asks_nobody(terms: Terms) -> bool:
    """Whether terms that need nobody also name nobody; for which changes that counts, the worker looks by itself."""
    return (
        not (terms.approvers or terms.groups or terms.bands or terms.self_approval or terms.escalates_s)
        and terms.break_glass is None
    )


def _asked(one: Mapping[str, JsonValue], groups: Mapping[str, Group]) -> tuple[tuple[str, ...], int, tuple[Group, ...]]:
    approvers = () if one["approvers"] is None else reading.distinct(one["approvers"])
    nobody = "groups" in one and type(one["needed"]) is int and not one["needed"]
    needed = 0 if nobody else reading.within(one["needed"], 1, len(approvers) or MAX_NEEDED)
    names = _names(one.get("groups", []))
    if not set(names) <= set(groups):
        refuse("group")
    wanted = tuple(groups[name] for name in names)
    inside = all(not approvers or set(group.approvers) <= set(approvers) for group in wanted)
    if needed < len(wanted) or not inside or not can_be_met(wanted, needed, approvers):
        refuse("group")
    return approvers, needed, wanted


def _staggered(terms: Terms, one: Mapping[str, JsonValue], groups: Mapping[str, Group]) -> Terms:
    """Return the terms with their bands, their escalation, and when what was approved is gone."""
    currency, bands = ("", ()) if one["bands"] is None else _bands(one["bands"], groups)
    after, to = (0, ()) if one["escalation"] is None else _escalation(one["escalation"], terms.valid_s)
    return replace(
        terms,
        currency=currency,
        bands=bands,
        escalates_s=after,
        escalates_to=to,
        carry_out_s=_or_none(one["carry_out_s"], MINUTE_S, terms.valid_s),
        outage_s=_or_none(one["outage_s"], HOUR_S, MAX_VALID_H * HOUR_S),
    )


def _bands(value: JsonValue, groups: Mapping[str, Group]) -> tuple[str, tuple[Band, ...]]:
    one = reading.fields(value, ("currency", "steps"))
    steps = tuple(_band(step, groups) for step in reading.items(one["steps"]))
    if not 1 < len(steps) <= MAX_BANDS or steps[-1].to or not all(band.to for band in steps[:-1]):
        refuse("bands")
    if not all(_is_above(high, low) for low, high in pairwise(steps)):
        refuse("bands")
    return reading.matching(one["currency"], re.compile(r"[A-Z]{3}")), steps


def _band(value: JsonValue, groups: Mapping[str, Group]) -> Band:
    one = reading.fields(value, ("to", "needed", "approvers", "groups"))
    approvers, needed, wanted = _asked(one, groups)
    if not needed:
        refuse("nobody")
    to = "" if one["to"] is None else reading.matching(one["to"], _AMOUNT)
    if to and not Decimal(to):
        refuse("bands")
    return Band(to=to, needed=needed, approvers=approvers, groups=wanted)


def _is_above(high: Band, low: Band) -> bool:
    """Whether a band is for more than another one and asks for no less, so that the last is the strictest."""
    more = not high.to or Decimal(high.to) > Decimal(low.to)
    return more and high.needed >= low.needed and {one.name for one in low.groups} <= {one.name for one in high.groups}


def _escalation(value: JsonValue, valid_s: int) -> tuple[int, tuple[str, ...]]:
    one = reading.fields(value, ("after_s", "to"))
    return reading.within(one["after_s"], MINUTE_S, valid_s - 1), reading.distinct(one["to"])


def _break_glass(value: JsonValue) -> BreakGlass:
    one = reading.fields(value, ("people", "review_by", "review_s"))
    found = BreakGlass(
        people=reading.distinct(one["people"]),
        review_by=reading.distinct(one["review_by"]),
        review_s=reading.within(one["review_s"], HOUR_S, MAX_REVIEW_H * HOUR_S),
    )
    if len(found.people) < BREAK_GLASS_NEEDED or set(found.review_by) <= set(found.people):
        refuse("break_glass")
    return found


def _deputy(value: JsonValue) -> Deputy:
    one = reading.fields(value, ("absent", "deputy", "first", "last"))
    found = Deputy(
        absent=reading.text(one["absent"]),
        deputy=reading.text(one["deputy"]),
        first=_day(one["first"]),
        last=_day(one["last"]),
    )
    if found.absent == found.deputy or found.first > found.last:
        refuse("deputy")
    return found


def _separation(value: JsonValue) -> Separation:
    one = reading.fields(value, ("id", "tools", "key", "window_s"))
    return Separation(
        rule=reading.text(one["id"]),
        tools=_at_least_two(reading.distinct(one["tools"])),
        key=cast("SeparationKey", reading.one_of(one["key"], SEPARATION_KEYS)),
        window_s=reading.within(one["window_s"], DAY_S, MAX_SEPARATION_DAYS * DAY_S),
    )


def _at_least_two(tools: tuple[str, ...]) -> tuple[str, ...]:
    if len(tools) < 2:  # duties are separated from one another
        refuse("separation")
    return tools


def _names(value: JsonValue) -> Sequence[str]:
    found = reading.texts(value)
    if len(set(found)) != len(found):
        refuse("list")
    return found


def _day(value: JsonValue) -> str:
    text = reading.matching(value, re.compile(r"\d{4}-\d{2}-\d{2}"))
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        refuse("day")


def _or_none(value: JsonValue, low: int, high: int) -> int:
    return 0 if value is None else reading.within(value, low, high)
