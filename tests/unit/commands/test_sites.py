"""What a change is about, for limits per site and for the kill switch of a site."""

from __future__ import annotations

import pkgutil
from dataclasses import replace
from importlib import import_module
from typing import Final

import pytest

from erp_mcp.commands import OPERATIONS
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.operation import Draft
from erp_mcp.policy.limit_use import concerns
from tests.guarantees import guarantees
from tests.unit import commands
from tests.unit.commands import buying
from tests.unit.commands.cases import Case


def _cases() -> dict[str, Case]:
    """Return a case of each operation, of those that its tests start from."""
    found: dict[str, Case] = {}
    here = __name__.rpartition(".")[2]
    names = [one.name for one in pkgutil.iter_modules(commands.__path__) if one.name != here]
    everything = [one for name in names for one in vars(import_module(f"{commands.__name__}.{name}")).values()]
    for case in (one for one in everything if isinstance(one, Case)):
        found.setdefault(case.operation, case)
    return found


CASES: Final = _cases()
# Of the whole company: where such a change bites, nobody can say.
OF_NO_SITE: Final = {"supplier.create", "budget.transfer"}
# Tasks of our own, whose payload names the site.
TASKS: Final = {"human_task.create", "human_task.request_release"}


def of_lines(*sites: str | None) -> Draft:
    """Return a draft whose lines say these sites."""
    lines: list[JsonValue] = [{"line": "10", "site": one} if one else {"line": "10"} for one in sites]
    versions: list[JsonValue] = [{"line": "10", "version": "v1"}]
    return Draft(
        system="erp", key="", version_token="", fields={"lines": lines, "versions": versions}, document="",
        headline="A change", changes=(), checks=(),
    )  # fmt: skip


@guarantees("P4.stopped_sites")
@pytest.mark.parametrize("operation", sorted(set(OPERATIONS) - TASKS))
def test_each_change_says_which_site_it_is_about(operation: str) -> None:
    """One that says none is stopped with every site, so only what has none may say none."""
    expected = () if operation in OF_NO_SITE else ("1000",)
    assert concerns(CASES[operation].draft(), "site") == expected


@guarantees("P4.stopped_sites")
def test_lines_of_one_order_at_two_sites_are_about_neither_alone() -> None:
    """A cancelled order takes from both; which of them is stopped must not matter."""
    first, other = buying.UNTOUCHED, replace(buying.SECOND, site="2000")
    assert concerns(buying.WHOLE.draft(), "site") == ("1000",)
    assert concerns(buying.WHOLE.living(line=(first, other)).draft(), "site") == ()


@guarantees("P4.stopped_sites", "P4.limits")
@pytest.mark.parametrize(
    ("sites", "known"),
    [(("2000", "1000"), ("1000", "2000")), (("1000", None), ()), ((None, None), ()), ((), ())],
    ids=["all say one", "one says none", "none says one", "no lines"],
)
def test_a_change_of_several_lines_is_about_known_sites_only_where_each_line_says_one(
    sites: tuple[str | None, ...], known: tuple[str, ...]
) -> None:
    """A line that says none may be anywhere: known in part is not known."""
    assert concerns(of_lines(*sites), "site") == known
