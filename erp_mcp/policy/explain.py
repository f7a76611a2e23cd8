"""Why a role may or may not call a tool: the decision, and what each rule had to say about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from erp_mcp.domain.call import ArgumentValue, JsonValue
from erp_mcp.domain.decision import Decision, Mask, Obligations
from erp_mcp.domain.tool import Tool
from erp_mcp.policy.bundle import Bundle, Rule
from erp_mcp.policy.decide import decide_role

_REASONS = {
    "default_deny": "no rule permits it",
    "forbid": "a rule forbids it, and a forbid wins",
    "site": "no site is left: rules and the role's own sites have none in common",
    "mask": "a mask of the role can't hold: the tool chooses or sorts its rows by that field",
    "level": "the tool's ISA-95 level is outside the boundary",
    "write": "it writes, and writes are off",
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

    Of a call that is denied because masks can't hold, they are these masks.
    """

    role: str
    tool: str
    decision: Decision
    notes: tuple[RuleNote, ...]
    masks: tuple[Mask, ...]

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
            "broken_masks": [] if terms is not None else [_mask_json(mask) for mask in self.masks],
        }

    def lines(self) -> Iterator[str]:
        """Yield it for people."""
        yield f"{self.role} {'may' if self.decision.allowed else 'may not'} call {self.tool}"
        for reason in self.decision.reasons:
            yield f"  because {_REASONS.get(reason, reason)} [{reason}]"
        if self.decision.obligations is None:
            yield from (f"    {mask.field} ({mask.rule})" for mask in self.masks)
        for note in self.notes:
            yield f"  {'✓' if note.applied else '·'} {note.rule} ({note.effect}): {note.why}"
        if self.decision.obligations is not None:
            yield from _terms_lines(self.decision.obligations, self.masks)


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
    return Explanation(role=role, tool=tool.name, decision=decision, notes=tuple(notes), masks=masks)


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
    for mask in masks:
        yield f"  {mask.field} is hidden: {mask.way} ({mask.rule})"
