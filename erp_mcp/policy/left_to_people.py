"""What a policy leaves to people, of the business rules whose facts nothing here has: what is wrong or missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from erp_mcp.domain.left_to_people import left_to_nobody, unseen
from erp_mcp.domain.tool import Tool
from erp_mcp.policy.bundle import Bundle
from erp_mcp.policy.files import Files
from erp_mcp.policy.grammar import CaseForm, RuleForm
from erp_mcp.policy.names import KnownNames
from erp_mcp.policy.problems import Advice, Place, Problem, Source

KEY: Final = "left_to_people"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Refusing:
    """A write that a role may propose and that refuses by itself: always, or where one of its rules comes into it."""

    role: str
    tool: str
    rules: tuple[str, ...]  # of the policy, that grant it
    missing: tuple[str, ...]  # business rules, R-…
    line: str  # what to write into each of `rules`
    always: bool

    def __str__(self) -> str:
        """Return it for people, with the line that would change it."""
        when = "refuses each proposal" if self.always else "refuses some proposals"
        what = f"{self.tool} {when} of {self.role}: nothing here knows what {', '.join(self.missing)} ask for"
        return f"{what}, and no person is to look; `{self.line}` in {', '.join(self.rules)} leaves it to people"


def check_left(source: Source, place: Place, rule: RuleForm, known: KnownNames) -> Iterator[Problem]:
    """Yield what one rule leaves to people that its tool has not, or says beside a grant."""
    if rule.left_to_people is None:
        return
    if rule.evidence is None or len(rule.tools) != 1:
        reason = f"`{KEY}:` belongs to a permit of one write tool, and only there"
        yield source.problem((*place, KEY), "bad_left_to_people", reason)
        return
    tool = known.tools.get(rule.tools[0])
    if tool is None:
        return  # told already
    there = unseen(tool.command)
    for index, code in enumerate(rule.left_to_people):
        if code not in there:
            yield source.problem((*place, KEY, index), "bad_left_to_people", _why_not(tool, code, there))


def check_case(source: Source, place: Place, case: CaseForm, tool: Tool) -> Iterator[Problem]:
    """Yield what a case expects to be left to people that its tool has not."""
    there = unseen(tool.command)
    for index, code in enumerate(case.left_to_people or ()):
        if code not in there:
            yield source.problem((*place, KEY, index), "bad_left_to_people", _why_not(tool, code, there))


def left_out(files: Files, known: KnownNames) -> Iterator[Advice]:
    """Yield the grants whose tool has rules that nothing here can look at and that they leave to nobody."""
    for source, place, rule in files.rules():
        for name in rule.tools if rule.evidence is not None else ():
            tool, left = known.tools[name], rule.left_to_people or ()
            missing = left_to_nobody(tool.command, left)
            if missing:
                when = "each proposal" if _always(tool, missing) else "some proposals"
                reason = (
                    f"{name} refuses {when}, since nothing here knows what {', '.join(missing)} ask for; where people"
                    f" are to look, write `{_line(tool, left, missing)}`"
                )
                yield source.advice(place, reason)


def refusing(bundle: Bundle, tools: Iterable[Tool]) -> list[Refusing]:
    """Return the writes that the bundle allows and that refuse by themselves, by role and tool."""
    by_name = {tool.name: tool for tool in tools}
    found = []
    for (role, name, _), cell in bundle.cells.items():
        if not cell.allowed or cell.obligations is None or name not in bundle.grants or name not in by_name:
            continue
        tool, left = by_name[name], cell.obligations.left_to_people
        missing = left_to_nobody(tool.command, left)
        if missing:
            one = Refusing(
                role=role,
                tool=name,
                rules=tuple(rule for rule, _ in bundle.evidence(cell)),
                missing=missing,
                line=_line(tool, left, missing),
                always=_always(tool, missing),
            )
            found.append(one)
    return sorted(found)


def _always(tool: Tool, missing: Iterable[str]) -> bool:
    there = unseen(tool.command)
    return any(not there[rule].when for rule in missing)


def _line(tool: Tool, left: Iterable[str], missing: Iterable[str]) -> str:
    there = unseen(tool.command)
    return f"{KEY}: [{', '.join(sorted({*missing, *(one for one in left if one in there)}))}]"


def _why_not(tool: Tool, code: str, there: Iterable[str]) -> str:
    rules = sorted(there)
    if tool.steps:
        return f"{tool.name} has no rules of its own: say it in the rules that grant the tools of its steps"
    if not rules:
        return f"{tool.name} has no rule that only people can look at: leave `{KEY}:` out"
    near = get_close_matches(code, rules, n=1, cutoff=0.6)
    meant = f": did you mean {near[0]}?" if near else ""
    return f"{code} of {tool.name} is not left to people{meant}; those there are: {', '.join(rules)}"
