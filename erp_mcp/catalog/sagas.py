"""Sagas among all tools: what each step is called with, and whether its steps fit together.

A saga takes nothing for granted that its steps alone would not be: each is a tool of its own, with its own contract.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

from erp_mcp.catalog.arguments import check
from erp_mcp.catalog.problems import Problem
from erp_mcp.catalog.steps import SHARED, arguments_of
from erp_mcp.domain import saga
from erp_mcp.domain.tool import Argument, SagaStep, Tool
from erp_mcp.errors import InvalidArgumentError, UnknownArgumentError

_WORDS: Final = {
    "too_few_steps": "a saga has two steps at least; one alone is a command",
    "too_many_steps": f"a saga has {saga.MAX_STEPS} steps at most",
    "step_named_twice": "two steps have one name",
    "irreversible_not_last": "a step that can't be taken back comes last, when nothing after it can fail",
}


def problems_of(tool: Tool, tools: Mapping[str, Tool]) -> list[Problem]:
    """Return what is wrong with the steps of a saga, none for any other tool.

    Args:
        tool: The saga.
        tools: All tools by name.
    """
    if not tool.steps:
        return []
    problems = [one for step in tool.steps for one in _of_step(tool, step, tools)]
    if problems:  # the rest can be said of steps that are there alone
        return problems
    return [*_of_plan(tool, tools), *_of_examples(tool, tools)]


def _of_step(tool: Tool, step: SagaStep, tools: Mapping[str, Tool]) -> Iterator[Problem]:
    place = ("binding", "saga", step.name)
    called = tools.get(step.tool)
    if called is None:
        yield Problem(rule="saga.unknown_tool", place=(*place, "tool"), detail=f"there is no tool {step.tool}")
        return
    if not called.command:
        detail = f"{step.tool} proposes no change of one record; a step is a tool that does"
        yield Problem(rule="saga.no_command", place=(*place, "tool"), detail=detail)
        return
    own = {one.name: one for one in tool.arguments}
    theirs = {one.name: one for one in called.arguments}
    for name, source in step.arguments:
        detail = _misfit(theirs.get(name), own[source], name)
        if detail:
            yield Problem(rule="saga.arguments", place=(*place, "arguments", name), detail=detail)
    given = {name for name, _ in (*step.arguments, *step.values)} | {*SHARED}
    for name in sorted(given - {*theirs}):
        yield Problem(rule="saga.arguments", place=place, detail=f"{step.tool} has no argument {name}")
    for name in sorted(one.name for one in called.arguments if one.required and one.name not in given):
        yield Problem(rule="saga.arguments", place=place, detail=f"{step.tool} needs {name}")


def _misfit(theirs: Argument | None, own: Argument, name: str) -> str:
    if theirs is None:
        return ""  # named among all that are not there
    if (theirs.type, theirs.many, theirs.is_site) != (own.type, own.many, own.is_site):
        return f"{name} is {theirs.kind}{' (site)' if theirs.is_site else ''}, {own.name} is {own.kind}"
    if [(one.name, one.type, one.required) for one in theirs.columns] != [
        (one.name, one.type, one.required) for one in own.columns
    ]:
        return f"{name} and {own.name} have other columns"
    if theirs.required and not own.required:
        return f"{name} is required, {own.name} may be absent"
    return ""


def _of_plan(tool: Tool, tools: Mapping[str, Tool]) -> Iterator[Problem]:
    place = ("binding", "saga")
    called = [tools[step.tool] for step in tool.steps]
    steps = tuple(zip(tool.steps, called, strict=True))
    stands = [saga.StepStand(name=step.name, can_be_undone=bool(one.undone_by)) for step, one in steps]
    problem = saga.problem_of(stands)
    if problem:
        yield Problem(rule=f"saga.{problem}", place=place, detail=_WORDS[problem])
    for step, one in steps:
        if one.undone_by and one.undone_by not in tools:
            detail = f"it is taken back by {one.undone_by}, which is not there"
            yield Problem(rule="saga.unknown_tool", place=(*place, step.name), detail=detail)
    gravest = max((one.risk for one in called), default="")
    if tool.risk < gravest:
        yield Problem(rule="saga.risk", place=("risk",), detail=f"one of its steps is of class {gravest}")


def _of_examples(tool: Tool, tools: Mapping[str, Tool]) -> Iterator[Problem]:
    for number, example in enumerate(tool.examples):
        for step in tool.steps:
            try:
                check(tools[step.tool], arguments_of(step, json.loads(example)))
            except (InvalidArgumentError, UnknownArgumentError) as error:
                detail = f"step {step.name}: {error.facts.get('argument')} breaks the contract of {step.tool}"
                yield Problem(rule="examples.invalid", place=("examples", number), detail=detail)
