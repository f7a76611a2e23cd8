"""Compiles rules to a table: the decision of each role, tool and level is worked out once, and a call looks it up."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import product

from erp_mcp.domain.decision import Decision, Obligations
from erp_mcp.policy.rules import Grant, Rule, Sites

Key = tuple[str, str, int]  # role, tool, level


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiling:
    """What rules are compiled against."""

    roles: Mapping[str, Obligations]
    grants: Mapping[str, Grant]
    sites: tuple[str, ...]
    levels: tuple[int, ...]
    digest: str


def compile_cells(rules: Iterable[Rule], given: Compiling) -> dict[Key, Decision]:
    """Return the decision of every cell that some rule names; all others are denied."""
    by_cell: dict[Key, list[Rule]] = {}
    for rule in rules:
        for cell in product(rule.roles, rule.tools, rule.levels or given.levels):
            by_cell.setdefault(cell, []).append(rule)
    return {
        (role, tool, level): _cell(found, given.roles[role], given.grants.get(tool), given)
        for (role, tool, level), found in by_cell.items()
        if level in given.levels and _granted_at(given.grants.get(tool), level)
    }


def compile_status(
    cells: Mapping[Key, Decision], roles: Mapping[str, Obligations], granted: Iterable[str], digest: str
) -> dict[str, Decision]:
    """Return, for each role that may write with some tool, the decision about what asks after its own proposals."""
    tools = set(granted)
    by_role: dict[str, dict[str, None]] = {}
    for (role, tool, _), cell in cells.items():
        if cell.allowed and tool in tools:
            by_role.setdefault(role, {}).update(dict.fromkeys(cell.rules))
    return {
        role: Decision(allowed=True, rules=tuple(rules), obligations=roles[role], bundle=digest)
        for role, rules in by_role.items()
    }


def compile_discovery(
    cells: Mapping[Key, Decision], roles: Mapping[str, Obligations], digest: str
) -> dict[str, Decision]:
    """Return, for each role that may call some tool, the decision about what finds tools among those it may call."""
    able = dict.fromkeys(role for (role, _, _), cell in cells.items() if cell.allowed)
    return {role: Decision(allowed=True, obligations=roles[role], bundle=digest) for role in able}


def with_sites(terms: Obligations, sites: Sites) -> Obligations:
    """Return the same obligations with another row filter.

    Written out, since this runs in every call that names a site and `dataclasses.replace` takes a microsecond longer.
    """
    return Obligations(
        sites=sites,
        masks=terms.masks,
        max_rows=terms.max_rows,
        max_window_days=terms.max_window_days,
        max_age_factor=terms.max_age_factor,
        budgets_s=terms.budgets_s,
        approval=terms.approval,
        limits=terms.limits,
        settings=terms.settings,
        left_to_people=terms.left_to_people,
    )


def _granted_at(grant: Grant | None, level: int) -> bool:
    return grant is None or grant.level == level


def _cell(rules: list[Rule], terms: Obligations, grant: Grant | None, given: Compiling) -> Decision:
    """Return the decision of one cell: forbid wins, then a permit is needed, then a site must be left.

    A write needs permits that carry evidence; any other permit of the tool counts for nothing.
    """
    permits = [rule for rule in rules if rule.effect == "permit" and (grant is None or rule.evidence is not None)]
    forbids = [rule for rule in rules if rule.effect == "forbid" and not rule.shadow]
    shadows = tuple(rule.id for rule in rules if rule.shadow)
    everywhere = tuple(rule.id for rule in forbids if rule.sites is None)
    if everywhere:
        return Decision(allowed=False, rules=everywhere, reasons=("forbid",), bundle=given.digest)
    if not permits:
        return Decision(allowed=False, rules=shadows, reasons=("default_deny",), bundle=given.digest)
    scope = _scope(permits, forbids, terms.sites, given.sites)
    matched = tuple(rule.id for rule in (*permits, *forbids)) + shadows
    if scope == ():
        return Decision(allowed=False, rules=matched, reasons=("site",), bundle=given.digest)
    obligations = with_sites(terms, scope)
    if grant is not None:
        obligations = dataclasses.replace(
            obligations,
            approval=grant.approval,
            limits=grant.limits,
            settings=grant.settings,
            left_to_people=_left_to_people(permits),
        )
    reasons = ("shadow",) if shadows else ()
    return Decision(allowed=True, rules=matched, reasons=reasons, obligations=obligations, bundle=given.digest)


def _left_to_people(permits: list[Rule]) -> tuple[str, ...]:
    """Return what every permit leaves to people: one that says less, perhaps for another site, holds for all."""
    left = set.intersection(*({*rule.left_to_people} for rule in permits))
    return tuple(sorted(left))


def _scope(permits: list[Rule], forbids: list[Rule], role: Sites, declared: tuple[str, ...]) -> Sites:
    """Return role's sites ∩ union of the permits' sites ∖ union of the forbids' sites; `None` means no limit at all."""
    granted = (
        None if any(rule.sites is None for rule in permits) else {site for rule in permits for site in rule.sites or ()}
    )
    taken = {site for rule in forbids for site in rule.sites or ()}
    if granted is None and role is None and not taken:
        return None
    left = set(declared) if granted is None else granted
    if role is not None:
        left &= set(role)
    return tuple(sorted(left - taken))
