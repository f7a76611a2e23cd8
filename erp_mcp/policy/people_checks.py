"""What is wrong with what a policy says of those who decide: groups, bands, deputies, escalations, separations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from erp_mcp.domain.decision import Group
from erp_mcp.domain.quorum import BREAK_GLASS_NEEDED, can_be_met
from erp_mcp.domain.tool import Tool
from erp_mcp.policy.files import Files
from erp_mcp.policy.grammar import ApprovalForm, BandForm, BandsForm, BaseFile, DeputyForm
from erp_mcp.policy.people_files import asked_of, named_by
from erp_mcp.policy.problems import Place, Problem, Source
from erp_mcp.policy.rules import MINUTE_S
from erp_mcp.policy.validity import least_s, said_s


def check_approval(
    source: Source, place: Place, form: ApprovalForm, base: BaseFile, tools: Mapping[str, Tool]
) -> Iterator[Problem]:
    """Yield what is wrong with one rule of `approvals:`; `tools` are all there are, by name."""
    bands = form.bands
    if bands is None:
        yield from _asked(source, place, form, None, base)
    else:
        for index, step in enumerate(bands.steps):
            yield from _asked(source, (*place, "bands", "steps", index), form, step, base)
        yield from _rising(source, (*place, "bands", "steps"), form, bands, base)
    yield from _in_time(source, place, form, tools)
    yield from _in_emergency(source, (*place, "break_glass"), form, base)


def check_people(files: Files) -> Iterator[Problem]:
    """Yield what is wrong with deputies."""
    source, base = files.base
    for index, one in enumerate(base.deputies or []):
        yield from _deputy(source, ("deputies", index), one)


def _in_time(source: Source, place: Place, form: ApprovalForm, tools: Mapping[str, Tool]) -> Iterator[Problem]:
    """Yield what would come after a proposal is gone."""
    if form.expires_h is not None and form.expires_min is not None:
        yield source.problem((*place, "expires_min"), "bad_window", "say `expires_h:` or `expires_min:`, not both")
        return
    minutes = least_s(form, tools) // MINUTE_S
    by_itself = "" if said_s(form) is not None else ", where neither `expires_h:` nor `expires_min:` says otherwise"
    if form.escalate is not None and form.escalate.after_min >= minutes:
        reason = f"nobody is left to tell: a proposal expires after {minutes} minutes{by_itself}"
        yield source.problem((*place, "escalate", "after_min"), "bad_escalation", reason)
    if form.carry_out_min is not None and form.carry_out_min > minutes:
        reason = f"a proposal expires after {minutes} minutes, whether or not it was approved{by_itself}"
        yield source.problem((*place, "carry_out_min"), "out_of_range", reason)


def _in_emergency(source: Source, place: Place, form: ApprovalForm, base: BaseFile) -> Iterator[Problem]:
    """Yield why nobody could approve in an emergency, or nobody look at it afterwards."""
    if form.break_glass is None:
        return
    people, reviewers = named_by(form.break_glass.people, base), named_by(form.break_glass.review_by, base)
    if form.needed == 0:
        yield source.problem(place, "bad_break_glass", "where nobody is needed, there is no glass to be broken")
    if len(people) < BREAK_GLASS_NEEDED:
        reason = f"{BREAK_GLASS_NEEDED} different people break the glass together, and {len(people)} is named"
        yield source.problem((*place, "people"), "bad_break_glass", reason)
    if reviewers <= people:
        reason = "somebody must review it who may not break the glass"
        yield source.problem((*place, "review_by"), "bad_break_glass", reason)


def _deputy(source: Source, place: Place, form: DeputyForm) -> Iterator[Problem]:
    if form.absent == form.deputy:
        yield source.problem((*place, "deputy"), "bad_name", "nobody is their own deputy")
    if form.first > form.last:
        yield source.problem((*place, "last"), "bad_day", "the last day is before the first")


def _asked(
    source: Source, place: Place, form: ApprovalForm, band: BandForm | None, base: BaseFile
) -> Iterator[Problem]:
    """Yield why what is asked for in one band could never be met."""
    if (
        form.needed != 0
        and form.approvers is None
        and form.all_of is None
        and (band is None or band.approvers is band.all_of is None)
    ):
        yield source.problem(place, "missing_key", "say who may decide: `approvers:` or `all_of:`")
        return
    approvers, needed, groups = asked_of(form, band, base)
    unknown = [name for name in groups if name not in (base.groups or {})]
    if unknown:
        reason = f"no group is called {unknown[0]}; `groups:` declares them"
        yield source.problem((*place, "all_of"), "unknown_group", reason)
        return
    wanted = [Group(name=name, approvers=tuple((base.groups or {})[name])) for name in groups]
    if not needed:
        yield from _nobody(source, place, form, band)
    elif needed < len(groups):
        reason = f"one of each of {len(groups)} groups must say yes, so at least {len(groups)} are needed"
        yield source.problem((*place, "needed"), "too_few_approvers", reason)
    elif not can_be_met(wanted, needed, tuple(approvers or ())):
        reason = f"{needed} people must say yes, and only {len(approvers or ())} may" if approvers else ""
        if not approvers or needed <= len(approvers):
            reason = "nobody counts for two groups, and their members are too few for that"
        yield source.problem((*place, "needed"), "too_few_approvers", reason)


def _nobody(source: Source, place: Place, form: ApprovalForm, band: BandForm | None) -> Iterator[Problem]:
    """Yield why nobody can't be enough; for which tools it may be is looked at apart."""
    if band is not None or form.approvers not in (None, "any") or form.all_of or form.escalate:
        yield source.problem((*place, "needed"), "too_few_approvers", "where nobody is needed, nobody is named")


def _rising(source: Source, place: Place, form: ApprovalForm, bands: BandsForm, base: BaseFile) -> Iterator[Problem]:
    """Yield where a band is not for more than the one before, or asks for less: the last one is the strictest."""
    last = len(bands.steps) - 1
    for index, step in enumerate(bands.steps):
        if (step.to is None) != (index == last):
            yield source.problem((*place, index), "bad_bands", "each band but the last says `to:`, how much it is for")
            return
    for index in range(1, len(bands.steps)):
        low, high = bands.steps[index - 1], bands.steps[index]
        if high.to is not None and low.to is not None and Decimal(high.to) <= Decimal(low.to):
            yield source.problem((*place, index, "to"), "bad_bands", "bands must rise from one to the next")
        _, fewer, some = asked_of(form, low, base)
        _, more, all_of = asked_of(form, high, base)
        if more < fewer or not set(some) <= set(all_of):
            reason = "a band for more asks for no fewer people and no fewer groups than the one before"
            yield source.problem((*place, index), "bad_bands", reason)
