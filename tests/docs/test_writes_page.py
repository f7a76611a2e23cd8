"""What can be proposed is on one page, as tools, operations and profiles have it."""

from __future__ import annotations

from tests.docs.writes_page import PAGE, page
from tests.guarantees import guarantees


@guarantees("docs.agree")
def test_the_page_of_writes_is_what_tools_operations_and_profiles_say() -> None:
    """An admin who turns one on reads there what it is, and which systems take it."""
    assert PAGE.read_text(encoding="utf-8") == page()
