"""The demo plant in a Tryton: every question has the demo plant's own answer, as far as Tryton knows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guarantees import guarantees
from tests.systems.matrix.covering import EXPLAINED, NOTES, QUESTIONS, SYNC, TRIED, TRYTON, Of, covers
from tests.systems.same_answers.asking import NOT_KEPT
from tests.systems.same_answers.by_tool import OF_THE_ERP, of_tool
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


@covers(Of("tool"), TRYTON)
@guarantees("P7.same_answers")
@pytest.mark.parametrize("tool", OF_THE_ERP)
def test_each_tool_answers_as_it_does_over_the_demo_plant(
    compared: Compared, tool: str, record_property: Callable[[str, object], None]
) -> None:
    """Each call of it, those of the questions too; what differs has its reason in the documentation."""
    told = of_tool(tool, compared.reference.asked, compared.tryton.asked, compared.tryton.why)
    record_property(TRIED, (told.alike, told.asked))
    record_property(EXPLAINED, told.explained)
    refused = f"{told.not_kept} calls of {tool} are refused by name: it keeps no field that could decide them"
    record_property(NOTES, [refused] if told.not_kept else [])
    assert told.alike == told.asked > 1


@covers(QUESTIONS, TRYTON)
@guarantees("P7.same_answers")
def test_each_question_is_answered_rightly_or_the_documentation_says_what_tryton_does_not_know(
    compared: Compared, record_property: Callable[[str, object], None]
) -> None:
    """Every one of them, by what the plant's truth says."""
    right = compared.tryton.asked.right
    wrong = {name: compared.page.reason(f"question {name}") for name, one in right.items() if not one}
    record_property(TRIED, (len(right) - len(wrong), len(right)))
    record_property(NOTES, [f"question {name} can't be answered: {why}" for name, why in wrong.items()])
    assert all(wrong.values())
    assert len(wrong) < len(right) / 2


@covers(SYNC, TRYTON)
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
    """What is not right for want of data is incomplete and names what is missing, or is refused by name."""
    asked = compared.tryton.asked
    for name in (name for name, right in asked.right.items() if not right):
        answers = [call.answer for call in asked.calls[f"question {name}"]]
        told = any(answer.get("complete") is False and answer["gaps"] for answer in answers)
        assert told or answers[-1] == {"refused": NOT_KEPT}, f"question {name}"


@guarantees("P7.names_what_a_source_lacks")
def test_what_no_field_of_tryton_could_decide_is_refused_and_nothing_else(compared: Compared) -> None:
    """Blocks and confirmations: neither all lines nor none."""
    calls = [call for made in compared.tryton.asked.calls.values() for call in made if "refused" in call.answer]
    assert {(call.tool, *(call.arguments.keys() - {"limit"})) for call in calls} == {
        ("list_sales_orders", "blocked_only"),
        ("list_purchase_orders", "unconfirmed_only"),
    }
    assert {call.answer["refused"] for call in calls} == {NOT_KEPT}
