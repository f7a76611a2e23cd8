"""What is wrong with the part of a policy that turns writes on: grants, their evidence, approvals and limits."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from erp_mcp.domain.human_task import CREATE
from erp_mcp.domain.parameters import declared
from erp_mcp.domain.tool import Tool
from erp_mcp.policy import people_checks
from erp_mcp.policy.bundle import Bundle
from erp_mcp.policy.decide import decide_role
from erp_mcp.policy.files import Files
from erp_mcp.policy.grammar import ApprovalForm, BaseFile, LimitForm, ParameterForm, RuleForm, SeparationForm
from erp_mcp.policy.left_to_people import check_left
from erp_mcp.policy.names import WILDCARD, KnownNames
from erp_mcp.policy.problems import Place, Problem, Source
from erp_mcp.policy.rules import WRITE_LEVEL


def check_writes(files: Files, known: KnownNames) -> Iterator[Problem]:
    """Yield what is wrong with rules that name tools that are no reads, and with approvals and limits."""
    for source, place, rule in files.rules():
        yield from _rule(source, place, rule, known)
        yield from check_left(source, place, rule, known)
    source, base = files.base
    named: set[str] = set()
    granted = {tool for _, _, rule in files.rules() if rule.evidence is not None for tool in rule.tools}
    for place, form in files.terms():
        yield from _tools(source, place, form, granted, known)
    for index, one in enumerate(base.approvals or []):
        yield from _approval(source, ("approvals", index), one, known, base)
        for position, tool in enumerate(one.tools):
            if tool in named:
                reason = f"another rule of `approvals:` names {tool} already"
                yield source.problem(("approvals", index, "tools", position), "duplicate_approval", reason)
        named |= {*one.tools}
    for index, limit in enumerate(base.limits or []):
        yield from _limit(source, ("limits", index), limit)
    yield from _parameters(source, base.parameters or [], known)
    yield from people_checks.check_people(files)


def check_write_reach(files: Files, known: KnownNames, bundle: Bundle) -> Iterator[Problem]:
    """Yield the grants that a mask makes void, and the approvals and limits of tools whose grants a forbid takes."""
    for source, place, rule in files.rules():
        for name in rule.tools if rule.evidence is not None else ():
            masks = _masks_in_the_way(bundle, rule.roles[0], known.tools[name])
            if masks:
                reason = f"the tool looks at fields that are masked for the role: {', '.join(masks)}"
                yield source.problem(place, "unreachable_rule", reason)
            missing = _steps_not_granted(bundle, rule.roles[0], known.tools[name], known)
            if missing:
                reason = f"the role may not propose what its steps and their ways back need: {', '.join(missing)}"
                yield source.problem(place, "unreachable_rule", reason)
    source = files.base[0]
    for place, one in files.terms():
        for index, tool in enumerate(one.tools):
            if tool not in bundle.writes:
                yield _unreachable(source, (*place, "tools", index), tool)


def _steps_not_granted(bundle: Bundle, role: str, tool: Tool, known: KnownNames) -> list[str]:
    """Return the tools that a saga calls, forward or back, and the role may not: it could never be proposed."""
    called = [known.tools[step.tool] for step in tool.steps if step.tool in known.tools]
    names = {one for tool_of_step in called for one in (tool_of_step.name, tool_of_step.undone_by) if one}
    return sorted(
        one for one in names if one not in known.tools or not decide_role(bundle, role, known.tools[one], {}).allowed
    )


def _masks_in_the_way(bundle: Bundle, role: str, tool: Tool) -> tuple[str, ...]:
    decision = decide_role(bundle, role, tool, {})
    return decision.rules if "mask" in decision.reasons else ()


def _rule(source: Source, place: Place, rule: RuleForm, known: KnownNames) -> Iterator[Problem]:
    writes = False
    for index, name in enumerate(rule.tools):
        tool = None if name.endswith(WILDCARD) else known.tools.get(name)
        spot = (*place, "tools", index)
        if tool is not None and tool.effect == "status":
            reason = "it comes by itself to each role that may propose something, and to no other"
            yield source.problem(spot, "status_tool", reason)
        elif tool is not None and tool.effect == "discovery":
            reason = "it comes by itself to each role that may call something, and finds nothing else"
            yield source.problem(spot, "status_tool", reason)
        elif tool is not None and tool.effect == "write" and rule.effect == "permit":
            writes = True
            yield from _grant(source, place, spot, rule, tool)
    if rule.evidence is not None and not writes:
        reason = "`evidence:` belongs to a permit of one write tool, and only there"
        yield source.problem((*place, "evidence"), "bad_evidence", reason)


def _grant(source: Source, place: Place, spot: Place, rule: RuleForm, tool: Tool) -> Iterator[Problem]:
    """A write is granted one tool and one role at a time, and the grant names its evidence."""
    if rule.evidence is None:
        yield source.problem(spot, "write_without_evidence", "a write needs `evidence:`: who or what earned it")
    if len(rule.tools) > 1 or len(rule.roles) > 1:
        yield source.problem(place, "write_not_alone", "a rule grants one write tool to one role and nothing else")
    if tool.level != WRITE_LEVEL:
        yield source.problem(spot, "bad_level", f"{tool.name} is of level {tool.level}; writes are of level 4 alone")


def _unreachable(source: Source, place: Place, tool: str) -> Problem:
    reason = f"no rule lets any role propose with {tool}: leave it out until one does"
    return source.problem(place, "unreachable_rule", reason)


def _tools(
    source: Source,
    place: Place,
    form: ApprovalForm | LimitForm | SeparationForm | ParameterForm,
    granted: set[str],
    known: KnownNames,
) -> Iterator[Problem]:
    for index, name in enumerate(form.tools):
        tool = known.tools.get(name)
        if tool is None:
            yield source.problem((*place, "tools", index), "unknown_tool", f"no tool is called {name}")
        elif tool.effect != "write":
            reason = f"{name} writes nothing, so nobody needs to approve it and nothing is counted"
            yield source.problem((*place, "tools", index), "not_a_write", reason)
        elif name not in granted:
            yield _unreachable(source, (*place, "tools", index), name)


def _approval(source: Source, place: Place, form: ApprovalForm, known: KnownNames, base: BaseFile) -> Iterator[Problem]:
    yield from people_checks.check_approval(source, place, form, base, known.tools)
    if form.needed == 0:
        for index, name in enumerate(form.tools):
            if name in known.tools and known.tools[name].command != CREATE:
                reason = f"a person must say yes to {name}: only a task for a person is made without one"
                yield source.problem((*place, "tools", index), "too_few_approvers", reason)
    grave = [name for name in form.tools if name in known.tools and known.tools[name].risk in ("W3", "W4")]
    if form.self_approval == "owner" and grave:
        reason = f"the agent's owner never decides about changes of class W3 or W4: {', '.join(grave)}"
        yield source.problem((*place, "self_approval"), "self_approval", reason)


def _parameters(source: Source, forms: list[ParameterForm], known: KnownNames) -> Iterator[Problem]:
    """Yield what no operation declares, what is outside its bounds, and what two rules say of one tool."""
    said: set[tuple[str, str]] = set()
    for index, form in enumerate(forms):
        tools = sorted({one for one in form.tools if one in known.tools})
        for tool, (name, value) in product(tools, form.values.items()):
            place = ("parameters", index, "values", name)
            one = declared(known.tools[tool].command).get(name)
            if one is None:
                reason = f"{tool} has no parameter {name}: docs/writes.md names those there are"
                yield source.problem(place, "unknown_parameter", reason)
            elif not one.least <= value <= one.most:
                yield source.problem(place, "out_of_range", f"{name} is from {one.least} to {one.most}")
            if (tool, name) in said:
                reason = f"another rule of `parameters:` says {name} of {tool} already"
                yield source.problem(place, "duplicate_parameter", reason)
            said.add((tool, name))


def _limit(source: Source, place: Place, form: LimitForm) -> Iterator[Problem]:
    if (form.measure == "value") != (form.currency is not None):
        reason = "`currency:` belongs to `measure: value`, and only there"
        yield source.problem(place, "bad_currency", reason)
    if form.measure == "count" and (not form.max.isdigit() or len(form.max) > 9):
        yield source.problem((*place, "max"), "bad_decimal", "proposals are counted in whole numbers, up to 9 digits")
    if (form.measure == "change_pct") != (form.field is not None):
        reason = "`field:` belongs to `measure: change_pct`, which counts how much it changes, and only there"
        yield source.problem(place, "bad_measure", reason)
    if (form.window_h is None) == (form.window_min is None):
        yield source.problem(place, "bad_window", "say either `window_h:` or `window_min:`")
