"""What is told of a tool that was found."""

from __future__ import annotations

from erp_mcp.discovery import advice, described, found
from tests.guarantees import guarantees
from tests.unit.discovery.small_catalogue import NAMES, TOOLS

STOCK, _, _, _, PROPOSE, _ = TOOLS


@guarantees("discovery.lists")
def test_a_found_tool_says_what_it_takes_and_how_it_is_called() -> None:
    """Enough to call it at once; what a list shows is called by its name."""
    (unlisted,) = found([STOCK], ())["tools"]
    (listed,) = found([STOCK], {"get_stock"})["tools"]

    signature = "material_id, state?, horizon_days?, reason?, min_qty?, limit?, cursor?"
    assert unlisted == ("get_stock", "What is on hand.", signature, "call_tool")
    assert listed[-1] == "directly"


@guarantees("P3.called_directly")
def test_a_tool_that_proposes_is_called_directly_listed_or_not() -> None:
    """It is never passed on."""
    assert found([PROPOSE], ())["tools"][0][-1] == "directly"


@guarantees("discovery.lists")
def test_a_description_gives_types_bounds_defaults_results_and_examples() -> None:
    """What a published schema says, and the bounds that it leaves out."""
    told = described(STOCK, ())

    assert told["tool"] == [("get_stock", "Stock of a material", "What is on hand.", "call_tool")]
    assert told["arguments"] == [
        ("material_id", "id", True, None, None, None),
        ("state", "list of code", False, "open, closed", '["open"]', None),
        ("horizon_days", "integer", False, "1 to 90", "14", "Days ahead."),
        ("reason", "text", False, "10 to 500 characters", None, None),
        ("min_qty", "integer", False, "from 3", None, None),
        ("limit", "integer", False, None, None, None),
        ("cursor", "text", False, None, None, None),
    ]
    assert told["results"] == [("rows", "qty")]
    assert told["examples"] == [('{"material_id":"M1"}',)]


@guarantees("discovery.lists")
def test_a_search_that_finds_nothing_or_too_much_says_what_to_do() -> None:
    """The toolsets named are the caller's own."""
    (nothing,) = advice([], [STOCK, PROPOSE], 2)
    (more,) = advice([STOCK] * 5, TOOLS, 2)

    assert nothing.endswith("There are tools about: orders.")
    assert more.startswith("3 more were found")
    assert advice([STOCK], TOOLS, 2) == []
    assert NAMES
