"""What applying a bundle changes, worked out by deciding: for every role and tool, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.decision import Mask, Obligations
from erp_mcp.domain.tool import Tool
from erp_mcp.policy import writing
from erp_mcp.policy.bundle import Bundle
from erp_mcp.policy.decide import decide_role
from erp_mcp.policy.rules import Sites

_NONE: Final = "none"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Change:
    """One thing that becomes different for a role. `subject` is a tool, a field or the name of a limit."""

    role: str
    subject: str
    before: str
    after: str

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for programs."""
        return {"role": self.role, "subject": self.subject, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Everything that applying would change.

    `newly_writable` are the tools that a role may newly propose with: `after` says who must approve, what it counts
    against, by which agents, and by what it was earned. `redefined` are the tools that a role could propose with and
    whose definition is another one by now: until it is applied they are denied. `writes` are the tools for which
    anything else of it becomes different. None of them stands under `newly_allowed`. `wider` and `narrower` are sites
    of tools allowed before and after. `masks` and `limits` are those of roles that were there before; what a new role
    starts with is no change; nor is it for `lists`, which of its tools a role's list shows.
    """

    newly_writable: tuple[Change, ...]
    redefined: tuple[Change, ...]
    writes: tuple[Change, ...]
    newly_allowed: tuple[Change, ...]
    newly_denied: tuple[Change, ...]
    wider: tuple[Change, ...]
    narrower: tuple[Change, ...]
    masks: tuple[Change, ...]
    limits: tuple[Change, ...]
    agents: tuple[Change, ...]
    rules: tuple[Change, ...]
    lists: tuple[Change, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        return not any(changes for _, changes in self._groups())

    def as_json(self) -> dict[str, JsonValue]:
        """Return it for programs: one list per kind of change."""
        return {name: [change.as_json() for change in changes] for name, changes in self._groups()}

    def lines(self) -> Iterator[str]:
        """Yield it for people; what is newly allowed comes first, writes before all, and starts with a plus sign."""
        for change in self.newly_writable:
            yield f"+ {change.role} may now PROPOSE {change.subject}; {change.after}"
        for change in self.redefined:
            words = f"definition of {change.subject} changed since it was granted"
            yield f"+ {change.role} may PROPOSE {change.subject} again; {words}: {change.before} → {change.after}"
        for change in self.writes:
            yield f"~ {change.role} may PROPOSE {change.subject} otherwise: {change.before} → {change.after}"
        yield from _by_role("+", "may now call", self.newly_allowed)
        yield from _by_role("-", "may no longer call", self.newly_denied)
        titles = {
            "wider": ("+", "sees more sites in"),
            "narrower": ("-", "sees fewer sites in"),
            "masks": ("~", "mask on"),
            "limits": ("~", "limit"),
            "agents": ("~", "agent"),
            "rules": ("~", "rule"),
            "lists": ("~", "list of tools"),
        }
        for name, changes in self._groups():
            sign, words = titles.get(name, ("", ""))
            for change in changes if words else ():
                step = _in_a_list(change) if name in ("rules", "lists") else ""
                step = f"{change.subject}: {step or f'{change.before} → {change.after}'}"
                yield " ".join(part for part in (sign, change.role, words, step) if part)

    def _groups(self) -> Iterator[tuple[str, tuple[Change, ...]]]:
        for name in self.__slots__:
            yield name, getattr(self, name)


def _in_a_list(change: Change) -> str:
    """Return what came into a long list and what went from it; empty where more than that is different."""
    (head, _, old), (new_head, _, new) = (text.rpartition(": ") for text in (change.before, change.after))
    before, after = old.split(", "), new.split(", ")
    steps = [f"+ {one}" for one in after if one not in before] + [f"- {one}" for one in before if one not in after]
    if head != new_head or _NONE in (old, new) or not steps:
        return ""
    return f"{head}: {', '.join(steps)}" if head else ", ".join(steps)


def diff(old: Bundle | None, new: Bundle, tools: Mapping[str, Tool]) -> Difference:
    """Return what becomes different when `new` is applied in place of `old`.

    Args:
        old: The applied bundle, `None` when there is none yet.
        new: The bundle to be applied.
        tools: The catalogue by name; a tool that is not in it can't be called under either bundle.
    """
    roles = sorted({*(old.roles if old else ()), *new.roles})
    stay = [role for role in roles if old is not None and role in old.roles and role in new.roles]
    tool_changes = _Sorted()
    for role in roles:
        for tool in tools.values():
            if tool.effect == "write":
                tool_changes.add_write(role, tool.name, _write(old, role, tool), _write(new, role, tool))
                tool_changes.add_definition(role, tool, old, new)
            else:
                tool_changes.add(role, tool.name, _terms(old, role, tool), _terms(new, role, tool))
    return Difference(
        newly_writable=tuple(tool_changes.writable),
        redefined=tuple(tool_changes.redefined),
        writes=tuple(tool_changes.writes),
        newly_allowed=tuple(tool_changes.allowed),
        newly_denied=tuple(tool_changes.denied),
        wider=tuple(tool_changes.wider),
        narrower=tuple(tool_changes.narrower),
        masks=tuple(_changes({role: _masks(old, role) for role in stay}, {role: _masks(new, role) for role in stay})),
        limits=tuple(
            _changes({role: _limits(old, role) for role in stay}, {role: _limits(new, role) for role in stay})
        ),
        agents=tuple(_changes({"": _agents(old)}, {"": _agents(new)})),
        rules=tuple(_changes({"": _rules(old)}, {"": _rules(new)})) if old is not None else (),
        lists=tuple(_changes({role: _list(old, role) for role in stay}, {role: _list(new, role) for role in stay})),
    )


def _by_role(sign: str, words: str, changes: tuple[Change, ...]) -> Iterator[str]:
    tools: dict[str, list[str]] = {}
    for change in changes:
        tools.setdefault(change.role, []).append(change.subject)
    for role, names in tools.items():
        yield f"{sign} {role} {words} {', '.join(names)}"


class _Sorted:
    """Sorts tools by what happens to them."""

    def __init__(self) -> None:
        self.writable: list[Change] = []
        self.redefined: list[Change] = []
        self.writes: list[Change] = []
        self.allowed: list[Change] = []
        self.denied: list[Change] = []
        self.wider: list[Change] = []
        self.narrower: list[Change] = []

    def add_write(self, role: str, tool: str, before: str, after: str) -> None:
        """Add one tool of one role that writes; an empty text means denied."""
        change = Change(role=role, subject=tool, before=before or "denied", after=after or "denied")
        if before == after:
            return
        if not before:
            self.writable.append(change)
        elif not after:
            self.denied.append(change)
        else:
            self.writes.append(change)

    def add_definition(self, role: str, tool: Tool, old: Bundle | None, new: Bundle) -> None:
        """Add one tool that a role may propose with before and after, if it is granted as another one."""
        terms = _write(new, role, tool)
        if old is None or not terms or not _write(old, role, tool):
            return
        then, now = old.grants[tool.name].hash, new.grants[tool.name].hash
        if then != now:
            after = f"{writing.short(now)}; {terms}"
            self.redefined.append(Change(role=role, subject=tool.name, before=writing.short(then), after=after))

    def add(self, role: str, tool: str, before: Obligations | None, after: Obligations | None) -> None:
        """Add one tool of one role; `None` means denied."""
        if before is None and after is None:
            return
        change = Change(role=role, subject=tool, before=_shown(before), after=_shown(after))
        if before is None:
            self.allowed.append(change)
        elif after is None:
            self.denied.append(change)
        else:
            if not _within(after.sites, before.sites):
                self.wider.append(change)
            if not _within(before.sites, after.sites):
                self.narrower.append(change)


def _terms(bundle: Bundle | None, role: str, tool: Tool) -> Obligations | None:
    decision = decide_role(bundle, role, tool, {}) if bundle is not None else None
    return decision.obligations if decision is not None and decision.allowed else None


def _write(bundle: Bundle | None, role: str, tool: Tool) -> str:
    """Return on which terms a role may propose with a tool as it was granted, empty where it may not."""
    decision = decide_role(bundle, role, _as_granted(bundle, tool), {}) if bundle is not None else None
    if bundle is None or decision is None or not decision.allowed or decision.obligations is None:
        return ""
    agents = sorted(f"{one.agent} (for {one.owner})" for one in bundle.agents.values() if one.role == role)
    parts = (
        *writing.terms(decision.obligations),
        f"at {_shown(decision.obligations)}",
        f"by {', '.join(agents) or 'no agent yet'}",
        *(f"evidence of {rule}: {evidence}" for rule, evidence in bundle.evidence(decision)),
    )
    return "; ".join(parts)


def _as_granted(bundle: Bundle, tool: Tool) -> Tool:
    """Return a tool as the bundle knows it; that it is defined otherwise by now is told apart."""
    grant = bundle.grants.get(tool.name)
    return replace(tool, risk=grant.risk, hash=grant.hash) if grant is not None else tool


def _within(part: Sites, whole: Sites) -> bool:
    if whole is None:
        return True
    return part is not None and set(part) <= set(whole)


def _shown(terms: Obligations | None) -> str:
    if terms is None:
        return "denied"
    return "all sites" if terms.sites is None else f"sites {', '.join(terms.sites)}"


def _masks(bundle: Bundle | None, role: str) -> dict[str, str]:
    terms = bundle.roles.get(role) if bundle else None
    return {mask.field: _mask_text(mask) for mask in terms.masks} if terms else {}


def _mask_text(mask: Mask) -> str:
    return f"band {' '.join(mask.edges)}" if mask.edges else mask.way


def _limits(bundle: Bundle | None, role: str) -> dict[str, str]:
    terms = bundle.roles.get(role) if bundle else None
    if terms is None:
        return {}
    return {
        "rows": str(terms.max_rows),
        "window_days": str(terms.max_window_days),
        "max_age_factor": str(terms.max_age_factor),
        **{f"budget of {entity}": f"{seconds} s" for entity, seconds in terms.budgets_s},
    }


def _list(bundle: Bundle | None, role: str) -> dict[str, str]:
    shown = bundle.shows.get(role) if bundle else None
    return {"shows": ", ".join(shown)} if shown is not None else {}


def _agents(bundle: Bundle | None) -> dict[str, str]:
    agents = bundle.agents.values() if bundle else ()
    return {one.agent: f"role {one.role}, owner {one.owner}" for one in agents}


def _rules(bundle: Bundle | None) -> dict[str, str]:
    rules = bundle.rules if bundle else ()
    return {rule.id: _rule_text(rule.effect, rule.roles, rule.tools, shadow=rule.shadow) for rule in rules}


def _rule_text(effect: str, roles: Iterable[str], tools: Iterable[str], *, shadow: bool) -> str:
    return f"{'shadow ' if shadow else ''}{effect} {', '.join(roles)}: {', '.join(tools)}"


def _changes(before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]) -> Iterator[Change]:
    for role in sorted({*before, *after}):
        old, new = before.get(role, {}), after.get(role, {})
        for subject in sorted({*old, *new}):
            one, other = old.get(subject, _NONE), new.get(subject, _NONE)
            if one != other:
                yield Change(role=role, subject=subject, before=one, after=other)
