"""What holds for every draft: own words, exact numbers, the same facts give the same draft."""

from __future__ import annotations

from dataclasses import asdict, replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.commands import OPERATIONS, rows, sources
from erp_mcp.commands.units import passing, units_of
from erp_mcp.domain.entities import ENTITIES, Kind, Record, field_specs
from erp_mcp.errors import RuleNotEvaluableError, RuleRefusedError
from tests.guarantees import guarantees
from tests.unit.commands.cases import LINE, MATERIAL, MOVE, REQUEST, SOURCE, UNIT, Case, wanted_from

MARK = "PAY NOW"
WORDS = st.text(max_size=40).map(lambda text: MARK + text)
CODES = ("status", "order_state", "release_state", "native_state", "material_type", "country", "company_code")


def _said(case: Case) -> str:
    """Return everything a person or an agent would see of it, refusals included."""
    try:
        draft = case.draft()
    except (RuleRefusedError, RuleNotEvaluableError) as error:
        return repr(error.facts)
    return repr((draft.headline, draft.document, draft.changes, draft.checks, draft.effects, draft.fields))


def _marked(record: Record, words: str) -> Record:
    """Return a record with the words in each free text and each code that a profile maps."""
    names = [spec.name for spec in field_specs(type(record)) if spec.kind is Kind.TEXT or spec.name in CODES]
    return replace(record, **dict.fromkeys(names, words))


@guarantees("rules.own_words", "P8.text_is_data")
@given(words=WORDS, base=st.sampled_from([REQUEST, MOVE, wanted_from("S-1"), MOVE.given(new_date="2026-03-20")]))
def test_no_text_of_a_system_stands_in_a_draft_or_a_refusal(words: str, base: Case) -> None:
    """Names, notes and codes that nobody expects may hold orders to whoever reads them."""
    live = {name: tuple(_marked(one, words) for one in records) for name, records in base.live.items()}
    case = replace(base, live=live)
    assert MARK not in _said(case)
    if "planning" in case.rows:
        planning = (rows.PlanningRow("erp", "1000", words, None),)
        assert MARK not in _said(case.having(planning=planning, sources=()))
        assert MARK not in _said(base.having(planning=planning))


@guarantees("rules.own_words")
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_no_row_that_an_operation_sees_has_a_free_text(name: str) -> None:
    """What is not read can't be shown."""
    texts = {spec.name for entity in ENTITIES.values() for spec in field_specs(entity) if spec.kind is Kind.TEXT}
    needed = {"name"} if name == "supplier.create" else set()  # a second one of the same name is told by its number
    for row in OPERATIONS[name].reads.values():
        assert texts & set(row._fields) <= needed


@guarantees("P3.binding")
@pytest.mark.parametrize("case", [REQUEST, MOVE], ids=["requisition", "delivery date"])
def test_the_same_facts_give_the_same_draft_whatever_the_order_of_the_rows(case: Case) -> None:
    """It is worked out again before it is sent, and compared."""
    turned = case.having(**{name: found[::-1] for name, found in case.rows.items()})
    assert asdict(case.draft()) == asdict(turned.draft())


@guarantees("P7.exact_numbers")
@given(
    qty=st.integers(1, 10**13),
    price=st.integers(0, 10**12),
    price_unit=st.sampled_from([None, 1, 10, 100, 1000]),
    factor=st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)),
)
def test_a_value_is_exact_to_the_last_place(
    qty: int, price: int, price_unit: int | None, factor: tuple[int, int]
) -> None:
    """Compared with fractions, rounded once, a half up."""
    units = units_of("EA", [rows.UnitRow("BX", "EA", *factor)])
    source = SOURCE._replace(price=price, price_unit=price_unit)
    exact = Fraction(qty, UNIT) * Fraction(*factor) * price / (price_unit or 1)
    value = sources.value_of(source, qty, "BX", units)
    assert value is not None
    assert value == int(exact + Fraction(1, 2))


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(
    "source", [None, SOURCE._replace(price=None), SOURCE._replace(currency=None), SOURCE._replace(uom="PF")]
)
def test_a_value_that_is_not_known_is_none(source: rows.SourceRow | None) -> None:
    """A limit on values then can't be evaluated; zero would pass it."""
    assert sources.value_of(source, UNIT, "EA", units_of("EA", [])) is None


@guarantees("P7.exact_numbers")
@given(least=st.fractions(min_value=Fraction(1, 1000), max_value=10**12))
def test_the_quantity_said_to_pass_is_the_smallest_of_three_places(least: Fraction) -> None:
    """An agent that takes it over is not refused again."""
    told = Fraction(Decimal(passing(least))) * UNIT
    assert least <= told < least + UNIT // 1000


@guarantees("P7.exact_numbers")
def test_conversions_that_make_no_sense_are_left_out() -> None:
    """Zero pieces in a box would be a division by nothing."""
    odd = [rows.UnitRow("BX", "EA", 0, 1), rows.UnitRow("PF", "EA", 1, 0), rows.UnitRow("MTK", "KGM", 1, 2)]
    units = units_of("EA", odd)
    assert units.factors == {"EA": Fraction(1)}
    assert units.ratio("BX", "BX") == 1
    assert units.ratio("BX", "EA") is None


@guarantees("rules.not_evaluable")
def test_a_material_without_a_status_can_not_be_judged() -> None:
    """A system that says nothing has not said that it may be bought."""
    with pytest.raises(RuleNotEvaluableError):
        REQUEST.living(materials=(replace(MATERIAL, status=None),)).draft()


@guarantees("rules.delivery_date")
def test_a_line_without_a_promise_gets_its_first_one() -> None:
    """Before is empty, and undoing it is a buyer's work."""
    draft = MOVE.living(line=(replace(LINE, promised_date=None),)).draft()
    assert draft.changes[0].before == ""
    assert any("a buyer takes the promise out" in one for one in draft.effects)
