"""docs/verified.md claims of each profile what its file says, and of each system what tests there are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.systems import SHIPPED, load_profile, profile_names
from tests.guarantees import guarantees
from tests.systems.matrix.covering import PROFILES
from tests.systems.matrix.page import PAGE, collected, table_text, with_table
from tests.systems.matrix.table import Table, wrong

HEADING: Final = re.compile(r"^## `(live|protocol|documentation)`", re.MULTILINE)
ROW: Final = re.compile(r"^\| `([a-z0-9-]+)` \|", re.MULTILINE)


@pytest.fixture(scope="module")
def page() -> str:
    """The page as it is."""
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def table() -> Table:
    """The table as the tests that there are make it."""
    return collected()


def claimed(page: str) -> dict[str, str]:
    """Return profile → the word of the part of the page that it stands in."""
    _, *parts = HEADING.split(page.partition("## The matrix")[0])
    words = zip(parts[::2], parts[1::2], strict=True)
    return {name: word for word, text in words for name in ROW.findall(text)}


@guarantees("docs.agree")
def test_each_profile_stands_under_the_word_that_its_file_says(page: str) -> None:
    """Whoever reads the page believes it; a product that moved up there alone would be trusted too much."""
    said = {name: load_profile(name, [SHIPPED]).verified for name in profile_names([SHIPPED])}
    assert claimed(page) == said


@guarantees("docs.agree")
def test_what_is_verified_against_something_that_runs_has_a_column_and_nothing_else_has() -> None:
    """A claim of more than documentation rests on tests against something."""
    columns = {name for names in PROFILES.values() for name in names}
    runs = {name for name in profile_names([SHIPPED]) if load_profile(name, [SHIPPED]).verified != "documentation"}
    assert columns == runs


@guarantees("docs.agree")
def test_the_table_is_the_one_that_the_tests_make(page: str, table: Table) -> None:
    """`python -m tests.systems.matrix.page` writes it anew."""
    assert with_table(page, table_text(table)) == page


@guarantees("docs.agree")
def test_nothing_that_a_system_should_do_is_untried(table: Table) -> None:
    """A cell without a test has a reason in the profile, or it is a hole."""
    assert wrong(table) == []


@guarantees("docs.agree")
def test_recorded_shapes_are_there_for_what_was_mapped_from_documentation(page: str) -> None:
    """The page says that each was read from such; a profile without them was never run at all."""
    recorded = {one.name.partition(".")[0] for one in (Path(PAGE).parents[1] / "fixtures" / "recorded").iterdir()}
    assert {name for name, word in claimed(page).items() if word == "documentation"} <= recorded
