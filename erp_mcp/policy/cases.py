"""The cases beside the policies: each says what one call must get, and which rules and masks must have applied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from erp_mcp.domain.call import ArgumentValue
from erp_mcp.domain.decision import Decision
from erp_mcp.domain.parameters import declared
from erp_mcp.domain.tool import Tool
from erp_mcp.policy import bands
from erp_mcp.policy.bundle import Bundle
from erp_mcp.policy.decide import decide_role
from erp_mcp.policy.grammar import CaseForm
from erp_mcp.policy.problems import Place, Problem, Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case and where it stands."""

    source: Source
    place: Place
    form: CaseForm


def failures(bundle: Bundle, cases: Sequence[Case], tools: Mapping[str, Tool]) -> list[Problem]:
    """Run every case and return one problem (`failed_case`) per case that does not hold."""
    problems: list[Problem] = []
    for case in cases:
        wrong = _wrong(bundle, case.form, tools[case.form.tool])
        if wrong:
            problems.append(case.source.problem(case.place, "failed_case", f"case {case.form.name!r}: {wrong}"))
    return problems


def applied_ids(decision: Decision) -> set[str]:
    """Return the ids of the rules that decided and of the masks that hold."""
    masks = decision.obligations.masks if decision.obligations else ()
    return {*decision.rules, *(mask.rule for mask in masks)}


def _wrong(bundle: Bundle, form: CaseForm, tool: Tool) -> str:
    """Return what differs from what the case expects, or nothing."""
    decision = decide_role(bundle, form.role, tool, _arguments(form))
    found = "allowed" if decision.allowed else "denied"
    by = f" by {', '.join(decision.rules)}" if decision.rules and not decision.allowed else ""
    reasons = ", ".join(decision.reasons) + by
    if found != form.expect:
        return f"expected {form.expect}, got {found}" + (f" ({reasons})" if reasons else "")
    if form.reason and form.reason not in decision.reasons:
        return f"expected reason {form.reason}, got {reasons or 'none'}"
    return (
        _wrong_ids(form, applied_ids(decision))
        or _wrong_sites(form, decision)
        or _wrong_approval(form, decision)
        or _wrong_parameters(form, tool, decision)
        or _wrong_left(form, decision)
    )


def _wrong_ids(form: CaseForm, applied: set[str]) -> str:
    absent = sorted(set(form.by or ()) - applied)
    if absent:
        return f"did not apply: {', '.join(absent)}"
    extra = sorted(set(form.not_by or ()) & applied)
    return f"applied, but should not: {', '.join(extra)}" if extra else ""


def _wrong_sites(form: CaseForm, decision: Decision) -> str:
    if form.sites is None:
        return ""
    terms = decision.obligations
    found = None if terms is None else terms.sites
    expected = None if form.sites == "all" else tuple(sorted(form.sites))
    if terms is None or found != expected:
        return f"expected sites {_shown(expected)}, got {_shown(found) if terms else 'no obligations'}"
    return ""


def _wrong_approval(form: CaseForm, decision: Decision) -> str:
    if form.approval is None:
        return ""
    terms = decision.obligations.approval if decision.obligations else None
    if terms is None:
        return "expected approval terms, got none: nobody approves this"
    if form.approval.value is not None:
        amounts = {"value": form.approval.value, "currency": form.approval.currency or terms.currency}
        terms = bands.terms_for(terms, amounts)
    elif terms.bands:  # no value known: the strictest
        terms = bands.terms_for(terms, {})
    wanted, owner = form.approval.needed, "owner" if terms.self_approval else "none"
    if wanted is not None and wanted != terms.needed:
        return f"expected {wanted} to be needed, got {terms.needed}"
    if form.approval.self_approval not in (None, owner):
        return f"expected self_approval {form.approval.self_approval}, got {owner}"
    groups = [group.name for group in terms.groups]
    if form.approval.groups is not None and set(form.approval.groups) != set(groups):
        return f"expected one of each of the groups {form.approval.groups}, got {groups}"
    glass = [*terms.break_glass.people] if terms.break_glass else []
    if form.approval.break_glass is not None and set(form.approval.break_glass) != set(glass):
        return f"expected {form.approval.break_glass} to break the glass, got {glass}"
    return ""


def _wrong_parameters(form: CaseForm, tool: Tool, decision: Decision) -> str:
    """Compare what business rules go by, defaults included."""
    said = decision.obligations.settings if decision.obligations else ()
    found = {one.name: one.default for one in declared(tool.command).values()} | {one.name: one.value for one in said}
    for name, value in (form.parameters or {}).items():
        if found.get(name) != value:
            return f"expected {name} {value}, got {found.get(name, 'no such parameter')}"
    return ""


def _wrong_left(form: CaseForm, decision: Decision) -> str:
    """Compare which business rules people look at; all others of the tool that nothing here can look at refuse."""
    if form.left_to_people is None:
        return ""
    wanted = sorted(set(form.left_to_people))
    found = sorted(decision.obligations.left_to_people) if decision.obligations else []
    if wanted == found:
        return ""
    return f"expected {', '.join(wanted) or 'nothing'} to be left to people, got {', '.join(found) or 'nothing'}"


def _shown(sites: Iterable[str] | None) -> str:
    return "all" if sites is None else ", ".join(sites) or "none"


def _arguments(form: CaseForm) -> dict[str, ArgumentValue]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in form.arguments.items()}
