"""docs/errors.md lists every code there is, with what the code says, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from erp_mcp.errors import GatewayError
from tests.docs.errors_page import PAGE, leaves, page
from tests.guarantees import guarantees

ROOT = Path(__file__).parents[2]
STAGE = re.compile(
    "adapter|answer|approval|audit|call|catalog|credentials|demo|freshness|gateway|limit|notices|page|policy|proposal|read_model|rule"
    "|settings|state|sync|systems|task|writes"
)


@guarantees("input.clear_errors", "docs.agree")
def test_every_error_is_on_the_page_as_it_is() -> None:
    """Who gets a code must find it; who reads the page must get what it says."""
    assert PAGE.read_text(encoding="utf-8") == page()


@guarantees("input.clear_errors")
def test_codes_are_unique_and_name_a_stage_of_the_path() -> None:
    """Programs branch on codes, so one code means one thing, for good."""
    codes = [error.code for error in leaves(GatewayError)]
    assert len(codes) == len(set(codes))
    assert [code for code in codes if not re.fullmatch(rf"({STAGE.pattern})\.[a-z_]+", code)] == []


@guarantees("input.clear_errors", "docs.agree")
def test_every_error_is_one_that_something_raises() -> None:
    """A code on the page that never comes is a promise to whoever handles it."""
    others = (path for path in (ROOT / "erp_mcp").rglob("*.py") if path.parent.name != "errors")
    words = {word for path in others for word in re.findall(r"\w+Error", path.read_text(encoding="utf-8"))}
    assert [error.__name__ for error in leaves(GatewayError) if error.__name__ not in words] == []


@guarantees("input.clear_errors", "P8.no_leaks")
def test_every_error_says_what_to_do_and_shows_facts_only() -> None:
    """A summary and an advice are whole sentences, fixed for good; what varies is data."""
    for error in leaves(GatewayError):
        assert error.summary.endswith(".")
        assert error.advice.endswith(".")
        assert str(error()) == f"{error.code}: {error.summary} {error.advice}"
        assert error(field="x").facts == {"field": "x"}
