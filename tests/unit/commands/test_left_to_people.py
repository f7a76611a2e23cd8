"""Which rules of which operation only a person can look at: what is declared is what the code asks for."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from erp_mcp.commands import OPERATIONS
from erp_mcp.domain import left_to_people
from erp_mcp.domain.left_to_people import Unseen, left_to_nobody, unseen
from tests.guarantees import guarantees
from tests.unit.commands import cases

_PACKAGE = "erp_mcp.commands."


def _parts(module: ModuleType, seen: set[str] | None = None) -> Iterator[ModuleType]:
    """Yield a module of an operation and those of the package that it takes anything from, but other operations."""
    seen = {module.__name__} if seen is None else seen
    yield module
    for value in vars(module).values():
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "") or ""
        if name.startswith(_PACKAGE) and name not in seen and not hasattr(sys.modules[name], "OPERATION"):
            seen.add(name)
            yield from _parts(sys.modules[name], seen)


def _asked(module: ModuleType) -> set[Unseen]:
    """Return what a module gives to `person(...)`, by reading its code."""
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and getattr(one.func, "id", "") == "person"]
    names = {ast.unparse(one.args[0]) for one in calls}
    return {getattr(left_to_people, name) for name in names}


@guarantees("rules.left_to_people")
@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_what_an_operation_asks_people_is_what_is_declared_for_it(operation: str) -> None:
    """Else a policy could not name it, or a page would tell of a rule that never comes."""
    module = sys.modules[OPERATIONS[operation].function.__module__]
    found = {one for part in _parts(module) for one in _asked(part)}

    assert found == set(unseen(operation).values())


@guarantees("rules.left_to_people")
def test_no_operation_makes_the_verdict_in_another_way() -> None:
    """`person()` alone does, with something that is declared."""
    folder = Path(left_to_people.__file__).parents[1] / "commands"
    for path in folder.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert ('"person"' in text) == (path.name == "verdicts.py"), path.name
    assert unseen("nothing.at_all") == {}


@guarantees("rules.left_to_people", "rules.own_words")
@pytest.mark.parametrize(
    "case", [one for one in vars(cases).values() if isinstance(one, cases.Case)], ids=lambda one: one.operation
)
def test_a_sound_draft_asks_people_at_least_what_it_always_has_to(case: cases.Case) -> None:
    """Each of them in our own words, and nothing that is not declared."""
    declared = unseen(case.operation)
    asked = {one.rule: one for one in case.draft().checks if one.verdict == "person"}

    assert {rule for rule, one in declared.items() if not one.when} <= set(asked) <= set(declared)
    assert all(one.message.endswith(".") for one in asked.values())
    assert left_to_nobody(case.operation, asked) == tuple(sorted(set(declared) - set(asked)))
