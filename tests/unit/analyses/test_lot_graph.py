"""Walking over lots: levels, shortest ways, cycles and what lies beyond."""

from __future__ import annotations

from erp_mcp.analyses.lot_graph import EdgeRow, walk
from tests.guarantees import guarantees


def _edge(source: str, output: str, order: str = "P-1") -> EdgeRow:
    return EdgeRow(output_lot_id=output, input_lot_id=source, production_order_id=order, qty=1_000_000, uom="C62")


CHAIN = (_edge("A", "B"), _edge("B", "C"), _edge("C", "D"))


@guarantees("P7.lots_traced")
def test_lots_stand_at_their_distance_in_both_directions() -> None:
    """Down from the first, up from the last."""
    assert walk(CHAIN, "A", "down", 10).depths == {"B": 1, "C": 2, "D": 3}
    assert walk(CHAIN, "D", "up", 10).depths == {"C": 1, "B": 2, "A": 3}
    assert walk(CHAIN, "A", "up", 10).depths == {}


@guarantees("P7.lots_traced")
def test_a_cycle_ends_the_walk_and_the_start_is_not_reached_again() -> None:
    """Rework puts a lot into itself or into what it came from; nothing goes round for ever."""
    found = walk((*CHAIN, _edge("D", "A"), _edge("B", "B")), "A", "down", 10)

    assert found.depths == {"B": 1, "C": 2, "D": 3}
    assert not found.beyond
    assert [(link.edge.input_lot_id, link.edge.output_lot_id) for link in found.links] == [
        ("A", "B"),
        ("B", "B"),
        ("B", "C"),
        ("C", "D"),
        ("D", "A"),
    ]


@guarantees("P7.lots_traced")
def test_a_lot_that_is_reached_by_two_ways_stands_at_the_shorter_one() -> None:
    """Both edges are kept, the lot comes once."""
    found = walk((*CHAIN, _edge("A", "C")), "A", "down", 10)

    assert found.depths == {"B": 1, "C": 1, "D": 2}
    assert len(found.links) == 4


@guarantees("P7.lots_traced")
def test_what_lies_beyond_the_depth_is_told() -> None:
    """Only where there really is more."""
    assert walk(CHAIN, "A", "down", 2).depths == {"B": 1, "C": 2}
    assert walk(CHAIN, "A", "down", 2).beyond
    assert not walk(CHAIN, "A", "down", 3).beyond
    assert not walk((*CHAIN, _edge("D", "B")), "A", "down", 3).beyond


@guarantees("P7.lots_traced")
def test_the_same_edge_from_two_systems_counts_once_and_two_orders_count_twice() -> None:
    """The key of an edge is both lots and the order."""
    assert len(walk((*CHAIN, *CHAIN), "A", "down", 10).links) == 3
    assert len(walk((*CHAIN, _edge("A", "B", "P-2")), "A", "down", 10).links) == 4
