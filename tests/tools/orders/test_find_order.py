"""Which order is meant, where several or none fit."""

from __future__ import annotations

from tests.guarantees import guarantees
from tests.tools.conftest import Plant, rows_of


@guarantees("P7.no_false_empty")
def test_an_order_of_another_site_and_one_that_does_not_exist_look_alike(plant: Plant) -> None:
    """A reader of one site learns nothing of the other."""
    (elsewhere,) = plant.look_up("read_model", "SELECT MIN(sales_order_id) FROM sales_order WHERE site = '2000'")[0]

    answers = [plant.answer("find_order", role="local", reference=one) for one in (elsewhere, "0019999999")]

    assert rows_of(plant.answer("find_order", reference=elsewhere), "orders")
    assert answers[0].tables == answers[1].tables
    assert not rows_of(answers[0], "orders")
