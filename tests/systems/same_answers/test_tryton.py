"""The demo plant in a Tryton: every question has the demo plant's own answer, as far as Tryton knows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guarantees import guarantees
from tests.systems.same_answers.run import unexplained
from tests.systems.same_answers.tryton import Compared, compare_firm
from tests.systems.tryton.conftest import firm as firm  # noqa: PLC0414 - the rig's fixture, for this folder as well
from tests.systems.tryton.export_plant import Plant
from tests.systems.tryton.firm import Firm
from tests.systems.tryton.known import CHANGES, CREATED

pytestmark = pytest.mark.live

_EXPORTED = {
    "sale.sale": "so_head", "sale.line": "so_item", "purchase.purchase": "po_head", "purchase.line": "po_item",
    "production": "prod_head", "purchase.requisition": "pr_item", "quality.alert": "qual_notif",
    "product.template": "mat_gen", "purchase.product_supplier": "source_list",
}  # fmt: skip


@pytest.fixture(scope="module")
def compared(firm: Firm, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """Everything asked once of both."""
    return compare_firm(firm, tmp_path_factory.mktemp("same-tryton"))


@guarantees("P7.same_answers")
def test_everything_that_is_open_was_exported(firm: Firm) -> None:
    """A smaller firm would have fewer differences."""
    plant = Plant(Path(firm.plant))
    assert {model: firm.records[model] for model in _EXPORTED} == {
        model: len(plant.rows(table)) for model, table in _EXPORTED.items()
    }
    open_lines = [row for row in plant.rows("so_item") if row["stat"] == "OPEN"]
    assert (len(open_lines), len([row for row in plant.rows("po_item") if row["stat"] == "OPEN"])) == (260, 120)


@guarantees("P7.same_answers")
def test_every_answer_of_tryton_is_that_of_the_demo_plant(compared: Compared) -> None:
    """Cell by cell; what differs has its reason in the documentation."""
    assert compared.tryton.unlike == {}
    assert len(compared.tryton.asked.calls) > 200


@guarantees("P7.same_answers")
def test_every_canonical_record_of_tryton_is_that_of_the_demo_plant(compared: Compared) -> None:
    """Field by field; what differs has its reason in the documentation."""
    found = {one.entity: unexplained(one, compared.tryton.why) for one in compared.tryton.records}
    assert {entity: fields for entity, fields in found.items() if fields} == {}


@guarantees("P7.same_answers")
def test_the_documentation_names_what_tryton_does_not_know_and_nothing_else(compared: Compared) -> None:
    """A field that is mapped one day, or no longer, changes the page."""
    changed = [*CREATED, *(place for places in CHANGES for place in places.split(", "))]
    assert [place for place in (*compared.left_out, *changed) if not compared.page.reason(place)] == []
    for name, right in compared.tryton.asked.right.items():
        assert right or compared.page.reason(f"question {name}"), f"question {name} is answered wrongly"
    assert compared.page.unused == set(), "the page names differences that are none"


@guarantees("P7.same_answers")
def test_what_tryton_does_not_know_is_told_as_a_gap(compared: Compared) -> None:
    """An answer that is not right for want of data says that it is incomplete, or leaves the cells empty."""
    asked = compared.tryton.asked
    for name in (name for name, right in asked.right.items() if not right):
        answers = [call.answer for call in asked.calls[f"question {name}"]]
        told = any(answer["complete"] is False and answer["warnings"] for answer in answers)
        assert told or name == "21", f"question {name}"
    lines = [call.answer["tables"]["lines"] for call in asked.calls["question 21"]]
    assert {row[table["columns"].index("confirmed")] for table in lines for row in table["rows"]} == {None}
