"""Why a role may or may not call a tool: the decision, and what each rule had to say about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from erp_mcp.domain.call import ArgumentValue, JsonValue
from erp_mcp.domain.decision import Band, BreakGlass, Decision, Limit, Mask, Obligations, Terms
from erp_mcp.domain.left_to_people import left_to_nobody
from erp_mcp.domain.tool import Tool
from erp_mcp.policy import writing
from erp_mcp.policy.bundle import Bundle
from erp_mcp.policy.decide import decide_role
from erp_mcp.policy.rules import Evidence, Rule

_REASONS = {
    "default_deny": "no rule permits it",
    "forbid": "a rule forbids it, and a forbid wins",
    "site": "no site is left: rules and the role's own sites have none in common",
    "mask": "a mask of the role can't hold: the tool chooses or sorts its rows by that field",
    "level": "the tool's ISA-95 level is outside the boundary",
    "write": "the tool is not what was granted: a write needs a rule with evidence, given for the tool as it is now",
    "error": "deciding failed, and a failure is a denial",
    "shadow": "a forbid that is tried out in shadow would have applied",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleNote:
    """A rule that names the role or the tool, and why it applied or did not."""

    rule: str
    effect: str
    applied: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A decision with its grounds. `masks` are those on fields that the tool reads or filters by.

    Of a call that is denied because masks can't hold, they are these masks. `evidence` is what earned a write, by rule.
    `status` says why a tool that the gateway answers of itself is there, or is not. `redefined` says of a
    write whose definition is not the granted one which they are, and what to do. `refuses` are the business rules that
    nothing here has the facts of and that are left to nobody.
    """

    role: str
    tool: str
    decision: Decision
    notes: tuple[RuleNote, ...]
    masks: tuple[Mask, ...]
    evidence: tuple[tuple[str, Evidence], ...] = ()
    status: str = ""
    redefined: str = ""
    refuses: tuple[str, ...] = ()

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for programs."""
        terms = self.decision.obligations
        return {
            "role": self.role,
            "tool": self.tool,
            "allowed": self.decision.allowed,
            "reasons": list(self.decision.reasons),
            "bundle": self.decision.bundle,
            "rules": [
                {"rule": note.rule, "effect": note.effect, "applied": note.applied, "why": note.why}
                for note in self.notes
            ],
            "obligations": None if terms is None else _terms_json(terms, self.masks),
            "evidence": [{"rule": rule, **evidence.as_json()} for rule, evidence in self.evidence],
            "status": self.status or None,
            "redefined": self.redefined or None,
            "left_to_nobody": [*self.refuses],
            "broken_masks": [] if terms is not None else [_mask_json(mask) for mask in self.masks],
        }

    def lines(self) -> Iterator[str]:
        """Yield it for people."""
        yield f"{self.role} {'may' if self.decision.allowed else 'may not'} call {self.tool}"
        if self.status:
            yield f"  {self.status}"
        for reason in () if self.status else self.decision.reasons:
            yield f"  because {_REASONS.get(reason, reason)} [{reason}]"
        if self.redefined:
            yield f"  {self.redefined}"
        if self.decision.obligations is None:
            yield from (f"    {mask.field} ({mask.rule})" for mask in self.masks)
        for note in self.notes:
            yield f"  {'✓' if note.applied else '·'} {note.rule} ({note.effect}): {note.why}"
        yield from (f"  evidence of {rule}: {evidence}" for rule, evidence in self.evidence)
        if self.decision.obligations is not None:
            yield from _terms_lines(self.decision.obligations, self.masks)
        if self.refuses:
            yield f"  left to nobody, so what they come into is refused: {', '.join(self.refuses)}"


def explain(bundle: Bundle, role: str, tool: Tool, arguments: Mapping[str, ArgumentValue]) -> Explanation:
    """Return the decision for a call and what every rule that names the role or the tool contributed."""
    decision = decide_role(bundle, role, tool, arguments)
    notes = [
        _note(rule, role, tool, decision) for rule in bundle.rules if role in rule.roles or tool.name in rule.tools
    ]
    notes.sort(key=lambda note: not note.applied)
    fields = _fields(tool)
    held = bundle.roles[role].masks
    if decision.obligations is not None:
        masks = tuple(mask for mask in held if mask.field in fields)
    else:
        masks = tuple(mask for mask in held if "mask" in decision.reasons and mask.rule in decision.rules)
    writes = tool.effect == "write" and decision.allowed
    return Explanation(
        role=role,
        tool=tool.name,
        decision=decision,
        notes=tuple(notes),
        masks=masks,
        evidence=bundle.evidence(decision) if writes else (),
        status=_of_itself(bundle, role, tool),
        redefined=_redefined(bundle, tool) if "write" in decision.reasons else "",
        refuses=_left_to_nobody(tool, decision.obligations) if writes else (),
    )


def _left_to_nobody(tool: Tool, terms: Obligations | None) -> tuple[str, ...]:
    return left_to_nobody(tool.command, terms.left_to_people) if terms else ()


def _redefined(bundle: Bundle, tool: Tool) -> str:
    """Return what an administrator does about a tool that was granted as something else."""
    if not writing.is_redefined(bundle, tool):
        return ""
    then, now = writing.short(bundle.grants[tool.name].hash), writing.short(tool.hash)
    changed = f"definition of {tool.name} changed since it was granted ({then} → {now})"
    return f"{changed}: look at what changed, then run `erp-mcp policy apply` again as an approver"


def _of_itself(bundle: Bundle, role: str, tool: Tool) -> str:
    """Return why a tool that no rule names is there, or is not; empty for all others."""
    if tool.effect == "discovery" and role in bundle.discovery:
        return "it finds tools among those that this role may call"
    if tool.effect == "discovery":
        return "it finds tools, and no rule lets this role call any"
    return _status(bundle, role) if tool.effect == "status" else ""


def _status(bundle: Bundle, role: str) -> str:
    """Return why the tools for a role's own proposals are there, or are not."""
    tools = sorted({tool for (name, tool, _), cell in bundle.cells.items() if name == role and cell.allowed})
    writes = [tool for tool in tools if tool in bundle.writes]
    if not writes:
        return "it looks after the caller's own proposals, and no rule lets this role propose anything"
    return f"it looks after the caller's own proposals, and this role may propose with {', '.join(writes)}"


def _fields(tool: Tool) -> set[str]:
    shown = [column.fields for table in tool.tables for column in table.columns]
    read = [column.fields for query in tool.reads for column in query.columns]
    return {field for fields in (*shown, *read, *(argument.fields for argument in tool.arguments)) for field in fields}


def _note(rule: Rule, role: str, tool: Tool, decision: Decision) -> RuleNote:
    applied = rule.id in decision.rules
    effect = f"shadow {rule.effect}" if rule.shadow else rule.effect
    return RuleNote(rule=rule.id, effect=effect, applied=applied, why=_why(rule, role, tool, applied=applied))


def _why(rule: Rule, role: str, tool: Tool, *, applied: bool) -> str:
    where = f"at {', '.join(rule.sites)}" if rule.sites else "at every site"
    if tool.effect == "status" and applied:
        return f"lets the role use {', '.join(rule.tools)}"
    if role not in rule.roles:
        return f"is about {', '.join(rule.roles)}"
    if tool.name not in rule.tools:
        return f"is about other tools: {', '.join(rule.tools[:4])}{' …' if len(rule.tools) > 4 else ''}"
    if rule.levels is not None and tool.level not in rule.levels:
        return f"is about other levels than {tool.level}"
    return f"applies {where}" if applied else "would apply, but another ground decided first"


def _terms_json(terms: Obligations, masks: tuple[Mask, ...]) -> dict[str, JsonValue]:
    return {
        "sites": None if terms.sites is None else list(terms.sites),
        "masks": [_mask_json(mask) for mask in masks],
        "max_rows": terms.max_rows,
        "max_window_days": terms.max_window_days,
        "max_age_factor": terms.max_age_factor,
        "budgets_s": dict(terms.budgets_s),
        "approval": None if terms.approval is None else _approval_json(terms.approval),
        "limits": [_limit_json(limit) for limit in terms.limits],
        "parameters": {one.name: one.value for one in terms.settings},
        "left_to_people": [*terms.left_to_people],
    }


def _approval_json(terms: Terms) -> JsonValue:
    return {
        "id": terms.rule,
        "approvers": [*terms.approvers] or "any",
        "needed": terms.needed,
        "self_approval": "owner" if terms.self_approval else "none",
        "valid_s": terms.valid_s,
        "all_of": [group.name for group in terms.groups],
        "bands": [_band_json(terms, band) for band in terms.bands],
        "escalation": {"after_s": terms.escalates_s, "to": [*terms.escalates_to]} if terms.escalates_s else None,
        "carry_out_s": terms.carry_out_s or None,
        "outage_s": terms.outage_s or None,
        "quota_per_hour": terms.quota or None,
        "taint_s": terms.taint_s or None,
        "deputies": [{"absent": one.absent, "deputy": one.deputy} for one in terms.deputies],
        "separations": [one.rule for one in terms.separations],
        "break_glass": None if terms.break_glass is None else _break_glass_json(terms.break_glass),
    }


def _break_glass_json(one: BreakGlass) -> JsonValue:
    return {"people": [*one.people], "review_by": [*one.review_by], "review_s": one.review_s}


def _band_json(terms: Terms, band: Band) -> JsonValue:
    return {
        "to": f"{band.to} {terms.currency}" if band.to else None,
        "approvers": [*band.approvers] or "any",
        "needed": band.needed,
        "all_of": [group.name for group in band.groups],
    }


def _limit_json(limit: Limit) -> JsonValue:
    return {
        "id": limit.id,
        "measure": limit.measure,
        "key": limit.key,
        "window_s": limit.window_s,
        "max": limit.maximum,
        "currency": limit.currency or None,
        "field": limit.field or None,
    }


def _mask_json(mask: Mask) -> JsonValue:
    return {"field": mask.field, "way": mask.way, "id": mask.rule}


def _terms_lines(terms: Obligations, masks: tuple[Mask, ...]) -> Iterator[str]:
    sites = "all" if terms.sites is None else ", ".join(terms.sites) or "none of those asked for"
    yield f"  sites: {sites}"
    yield f"  at most {terms.max_rows} rows and {terms.max_window_days} days in one answer"
    yield f"  data older than {terms.max_age_factor} times its budget is refused"
    for entity, seconds in terms.budgets_s:
        yield f"  {entity} is stale after {seconds} s"
    yield from (f"  {line}" for line in writing.terms(terms))
    for mask in masks:
        yield f"  {mask.field} is hidden: {mask.way} ({mask.rule})"
