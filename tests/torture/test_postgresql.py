"""The same deaths and faults with the state on PostgreSQL."""

from __future__ import annotations

import pytest

from tests.guarantees import guarantees
from tests.torture.stage import Asked, Set, crash, wire
from tests.torture.test_deaths import SEED, THREE, some, summed

pytestmark = pytest.mark.live


@guarantees("P4.one_effect", "P4.two_stores", "P10.survives")
def test_killed_at_any_point_one_effect_is_left_and_the_truth_on_the_other_store_too(played_on_postgresql: Set) -> None:
    """Every single death with three tools, and some of two and three; `make torture` plays all of both stores."""
    asked = Asked(own=True, ways=("plain",), pairs=4, triples=2, seed=SEED)
    total = summed(crash(some(played_on_postgresql, THREE), asked))
    assert total.schedules >= 3 * (16 + 6)


@guarantees("P4.unknown", "P4.two_stores")
def test_what_the_wire_does_is_found_out_on_the_other_store_too(played_on_postgresql: Set) -> None:
    """A seeded sample of all faults."""
    total = summed(wire(some(played_on_postgresql, THREE), Asked(own=True, sample=10, seed=SEED)))
    assert total.played == 20
