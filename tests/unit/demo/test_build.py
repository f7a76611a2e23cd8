"""What stops a build: an invariant that does not hold is found before a plant is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from erp_mcp.demo import answers, generate
from erp_mcp.demo.draw import Draw
from erp_mcp.demo.erp_rows import ERP_TABLES
from erp_mcp.demo.ledger import Ledger
from erp_mcp.demo.making import Numbers
from erp_mcp.demo.plan import Batch, Product
from erp_mcp.demo.plant_calendar import PlantCalendar
from erp_mcp.demo.tables import Tables
from erp_mcp.errors import DemoPlantError
from tests.guarantees import guarantees

UNIT = 1_000
PRODUCT = Product(number="RM-1", kind="ROH", site="1000", uom="EA", description="Rod")
LOT = Batch(number="L1", product=PRODUCT, site="1000", qty=5 * UNIT, day=-9)


@guarantees("P7.demo_plant")
def test_stock_that_would_be_negative_for_a_moment_stops_the_build(tmp_path: Path) -> None:
    """The sum at the end is not enough: what is used before it came was never there."""
    ledger, erp = Ledger(), Tables(tmp_path / "erp.sqlite", ERP_TABLES)
    ledger.post(200, "101", LOT, (("F", 5 * UNIT),), ("PO", "1", "1"))
    ledger.post(100, "261", LOT, (("F", -5 * UNIT),), ("PRD", "1", "1"))

    with pytest.raises(DemoPlantError) as stopped:
        ledger.write(erp, PlantCalendar(), Numbers())
    erp.close()

    assert stopped.value.facts["lot"] == "L1"


@guarantees("P7.demo_plant")
@pytest.mark.parametrize(
    ("name", "value", "question"),
    [("tenths", lambda _numerator, _denominator: "50.0", "20"), ("REACHED_CUSTOMERS", (9_000, 9_000), "32")],
)
def test_a_question_without_one_right_answer_stops_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object, question: str
) -> None:
    """A tie at the cut of a ranking, or nothing to ask about, would make a right answer look wrong."""
    monkeypatch.setattr(answers, name, value)

    with pytest.raises(DemoPlantError) as stopped:
        generate(tmp_path / "plant")

    assert stopped.value.facts["question"] == question
    assert list((tmp_path / "plant").iterdir()) == []


@guarantees("P7.demo_plant")
def test_a_value_depends_on_its_own_name_and_on_no_draw_before_it() -> None:
    """A table or a row that is added later must leave all other values as they are."""
    alone = Draw(1).below(10**9, "order", "A", "day")
    busy = Draw(1)
    for number in range(100):
        busy.below(7, "order", number, "day")

    assert busy.below(10**9, "order", "A", "day") == alone
    assert len({Draw(seed).below(10**9, "order", "A", "day") for seed in range(9)}) == 9
    assert [item for item in busy.shuffled("ABCDX", "order", "x") if item != "X"] == busy.shuffled("ABCD", "order", "x")
