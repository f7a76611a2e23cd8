"""From policy files to what a bundle says of approvals, limits and those who decide: everything is written out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.policy.grammar import (
    ApprovalForm,
    BandForm,
    BaseFile,
    BreakGlassForm,
    LimitForm,
    ParameterForm,
    SeparationForm,
)
from erp_mcp.policy.rules import DEFAULT_TERMS, HOUR_S
from erp_mcp.policy.validity import said_s

_MINUTE_S: Final = 60
_DAY_S: Final = 24 * HOUR_S


def approval(form: ApprovalForm, base: BaseFile) -> JsonValue:
    """Return an approval as a bundle holds it: who may decide by name, and each band with all that holds in it."""
    bands = form.bands
    return {
        "id": form.id,
        "tools": _texts(sorted(set(form.tools))),
        **_asked(form, None, base),
        "self_approval": form.self_approval == "owner",
        "valid_s": said_s(form) or DEFAULT_TERMS.valid_s,
        "bands": None
        if bands is None
        else {"currency": bands.currency, "steps": [{"to": one.to, **_asked(form, one, base)} for one in bands.steps]},
        "escalation": None
        if form.escalate is None
        else {"after_s": form.escalate.after_min * _MINUTE_S, "to": _texts(sorted(set(form.escalate.to)))},
        "carry_out_s": None if form.carry_out_min is None else form.carry_out_min * _MINUTE_S,
        "outage_s": None if form.outage_pause_h is None else form.outage_pause_h * HOUR_S,
        **_in_emergency(form.break_glass, base),
    }


def limit(form: LimitForm) -> JsonValue:
    """Return a limit as a bundle holds it."""
    window_s = (form.window_h or 0) * HOUR_S + (form.window_min or 0) * _MINUTE_S
    return {
        "id": form.id,
        "tools": _texts(sorted(set(form.tools))),
        "measure": form.measure,
        "key": form.key,
        "window_s": window_s,
        "maximum": form.max,
        "currency": form.currency,
        "field": form.field,
    }


def parameters(form: ParameterForm) -> JsonValue:
    """Return what business rules go by, as a bundle holds it."""
    return {"id": form.id, "tools": _texts(sorted(set(form.tools))), "values": dict(form.values)}


def people(base: BaseFile) -> JsonValue:
    """Return what a bundle says of those who decide."""
    of_all = base.people
    taint_h = of_all.taint_h if of_all else None
    return {
        "groups": {name: _texts(sorted(set(who))) for name, who in (base.groups or {}).items()},
        "deputies": [
            {"absent": one.absent, "deputy": one.deputy, "first": one.first, "last": one.last}
            for one in base.deputies or []
        ],
        "separations": [_separation(one) for one in base.separations or []],
        "quota": of_all.quota_per_hour if of_all else None,
        "taint_s": None if taint_h is None else taint_h * HOUR_S,
    }


def asked_of(form: ApprovalForm, band: BandForm | None, base: BaseFile) -> tuple[set[str] | None, int, list[str]]:
    """Return who may decide (`None`: anybody enrolled), how many must say yes, and the groups that must be among them.

    What a band leaves out is as in its rule. People of the groups may decide, whether or not they are named apart.
    """
    approvers = form.approvers if band is None or band.approvers is None else band.approvers
    groups = list(dict.fromkeys((form.all_of if band is None or band.all_of is None else band.all_of) or []))
    needed = form.needed if band is None or band.needed is None else band.needed
    members = {one for name in groups for one in (base.groups or {}).get(name, [])}
    named = None if approvers == "any" or not (approvers or members) else {*(approvers or ()), *members}
    return named, max(1, len(groups)) if needed is None else needed, groups


def named_by(names: Iterable[str], base: BaseFile) -> set[str]:
    """Return the people that some names stand for: the members of a group, else the person of that name."""
    return {one for name in names for one in (base.groups or {}).get(name, [name])}


def _in_emergency(form: BreakGlassForm | None, base: BaseFile) -> dict[str, JsonValue]:
    """Return who may break the glass, nothing where nobody may: then a bundle is as it was before this was there."""
    if form is None:
        return {}
    told: dict[str, JsonValue] = {
        "people": _texts(sorted(named_by(form.people, base))),
        "review_by": _texts(sorted(named_by(form.review_by, base))),
        "review_s": form.review_within_h * HOUR_S,
    }
    return {"break_glass": told}


def _asked(form: ApprovalForm, band: BandForm | None, base: BaseFile) -> dict[str, JsonValue]:
    approvers, needed, groups = asked_of(form, band, base)
    return {
        "approvers": None if approvers is None else _texts(sorted(approvers)),
        "needed": needed,
        "groups": _texts(groups),
    }


def _separation(form: SeparationForm) -> JsonValue:
    return {
        "id": form.id,
        "tools": _texts(sorted(set(form.tools))),
        "key": form.key,
        "window_s": form.window_days * _DAY_S,
    }


def _texts(values: Iterable[str]) -> list[JsonValue]:
    return list(values)
