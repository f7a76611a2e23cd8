"""Which lines of a long change stand first, why, and that nothing is left out by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.domain.outliers import FEWEST, Part, arranged, arranged_preview
from erp_mcp.domain.proposal import Change, Check, Preview
from tests.guarantees import guarantees
from tests.unit.approval.people import content


def bought(place: int, qty: str, price: str = "10.00", *, step: str = "") -> tuple[Change, ...]:
    """Return one line of a new order, as its operation shows it."""
    name = f"{step}lines[{place}]"
    return (
        Change(field=f"{name}.material_id", before="", after=f"RM-{place}"),
        Change(field=f"{name}.qty", before="", after=qty, unit="PCE"),
        Change(field=f"{name}.price", before="", after=price, unit="EUR per 1 PCE"),
    )


def shown(changes: Sequence[Change], checks: Sequence[Check] = (), effects: Sequence[str] = ()) -> Preview:
    return Preview(
        headline="Order", system="erp", document="4500000001", changes=tuple(changes), checks=tuple(checks),
        effects=tuple(effects),
    )  # fmt: skip


def flag(rule: str, message: str, **facts: str | int) -> Check:
    return Check(rule=rule, verdict="flag", message=message, facts=facts)


def lines(preview: Preview, steps: Sequence[str] = ()) -> list[tuple[str, tuple[str, ...]]]:
    """Return what the lines are called, in the order in which they are shown, and why each stands there."""
    return [(one.place, one.why) for one in arranged_preview(preview, steps).parts if one.is_line]


ORDER = [one for place in range(4) for one in bought(place, "5")]


@guarantees("P3.outliers_first")
def test_flagged_lines_come_first_then_the_largest_then_those_with_orders_behind_them() -> None:
    """Each with its reasons in words; the rest in the order of the document."""
    changes = [Change(field="supplier_id", before="", after="S1")]
    changes += [one for place in range(6) for one in bought(place, "90" if place == 4 else "5")]
    preview = shown(
        changes,
        [
            flag("R-PRICE", "Line 6 (RM-5): the price is far below."),
            Check(rule="R-QTY", verdict="ok", message="Line 1 ("),
        ],
        ["Line 3 (RM-2) is what Production order 1000042/0010 waits for."],
    )

    assert lines(preview) == [
        ("Line 6", ("flagged by R-PRICE",)),
        ("Line 5", ("largest change in value: 900 EUR",)),
        ("Line 3", ("an order behind it is named under what follows",)),
        ("Line 1", ()),
        ("Line 2", ()),
        ("Line 4", ()),
    ]
    assert arranged_preview(preview).parts[0].changes == (changes[0],)
    assert arranged_preview(preview).told == (
        (
            "6 lines. 3 are out of the ordinary and shown first, each with why."
            " The other 3 follow in the order of the document."
        ),
    )


@guarantees("P3.outliers_first")
def test_what_holds_of_all_lines_alike_puts_none_of_them_first() -> None:
    """Else one that is out of the ordinary would stand behind those that are as all others; it is told of all."""
    checks = [flag("R-LEAD-TIME", f"Line {number} (RM): no lead time is known.") for number in range(1, 5)]

    told = arranged_preview(shown(ORDER, checks))
    with_one = arranged_preview(shown(ORDER, [*checks, flag("R-PRICE", "Line 4 (RM-3): far below.")]))

    assert [one.why for one in told.parts] == [()] * 4
    assert told.told == (
        (
            "4 lines, none of which stands out; they are in the order of the document. All of them are flagged by"
            " R-LEAD-TIME."
        ),
    )
    assert next((one.place, one.why) for one in with_one.parts) == ("Line 4", ("flagged by R-PRICE",))
    assert "1 is out of the ordinary and shown first" in with_one.told[0]
    assert lines(shown(ORDER, effects=[f"Line {one}: 5 PCE of RM." for one in range(1, 5)]))[0] == ("Line 1", ())


@guarantees("P3.outliers_first")
@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (("qty", "100", "140", "PCE"), ("largest change in quantity: 40 PCE", "largest change in percent: 40 %")),
        (("qty", "100", "0", "PCE"), ("largest change in quantity: 100 PCE", "largest change in percent: 100 %")),
        (("price", "10.00", "13.335", "EUR per 1 PCE"), ("largest change in percent: 33.4 %",)),
        (("qty", "0", "7", "PCE"), ()),
        (("qty", "", "1001", "PCE"), ("largest change in quantity: 1001 PCE",)),
        (("delivery_date", "2026-03-20", "2027-03-20", ""), ()),
        (("delivery_date", "20260320", "90270320", ""), ()),
        (("qty", "100", "NaN", "PCE"), ()),
        (("qty", "1", "1e40", "PCE"), ()),
    ],
)  # fmt: skip
def test_the_largest_change_is_found_by_number_and_unit(changed: tuple[str, ...], why: tuple[str, ...]) -> None:
    """By how much it goes up or down; what is no amount, or is compared with nothing, is the largest of nothing."""
    name, before, after, unit = changed
    others = [
        Change(
            field=f"{number}/{'qty' if name == 'delivery_date' else name}",
            before="100",
            after="110",
            unit=unit or "PCE",
        )
        for number in ("00010", "00020", "00030")
    ]

    found = lines(shown([*others, Change(field=f"00040/{name}", before=before, after=after, unit=unit)]))

    assert dict(found)["00040"] == why
    assert found[0][0] == ("00040" if why else "00010")


@guarantees("P3.outliers_first")
def test_the_worth_of_a_line_counts_before_its_quantity() -> None:
    """Ten dear ones are more than a thousand cheap ones, for as many units as the price is for."""
    changes = [*bought(0, "1000", "0.10"), *bought(1, "10", "99.00"), *bought(2, "5", "10.00")]
    per_hundred = [replace(one, unit="EUR per 100 PCE") if "[1]" in one.field and one.unit.startswith("EUR") else one
                   for one in changes]  # fmt: skip

    assert lines(shown(changes))[0] == ("Line 2", ("largest change in value: 990 EUR",))
    assert lines(shown(per_hundred))[0] == ("Line 1", ("largest change in value: 100 EUR",))
    dollars = [replace(one, unit="USD per 1 PCE") if "[0]" in one.field and one.unit.startswith("EUR") else one
               for one in changes]  # fmt: skip
    assert dict(lines(shown(dollars)))["Line 1"] == ()  # compared with no other dollars


@guarantees("P3.outliers_first")
@pytest.mark.parametrize("unit", ["EUR per 1 KGM", "EUR per 0 PCE", "EUR", ""])
def test_where_the_worth_of_a_line_is_not_known_quantities_are_compared(unit: str) -> None:
    """Of all lines: half of them by worth and half by number would compare nothing with nothing."""
    changes = [*bought(0, "1000", "0.10"), *bought(1, "10", "99.00"), *bought(2, "5", "10.00"), *bought(3, "1", "9")]
    odd = [replace(one, unit=unit) if one.field == "lines[1].price" else one for one in changes]

    assert lines(shown(odd))[0] == ("Line 1", ("largest change in quantity: 1000 PCE",))


@guarantees("P3.outliers_first")
def test_lines_are_named_by_their_numbers_their_orders_and_the_facts_of_a_rule() -> None:
    """As operations on standing orders and on reservations name them; a number is not one that begins alike."""
    cancelled = [
        Change(field=f"{number}/qty_open", before="5", after="0", unit="PCE") for number in ("10", "20", "100", "200")
    ]
    checks = [flag("R-CONFIRMED", "The supplier has confirmed it.", lines="20, 200")]
    effects = ["Without line 4500000001/100, demands that lose cover or get it later: 2."]
    assert lines(shown(cancelled, checks, effects)) == [
        ("20", ("flagged by R-CONFIRMED",)),
        ("200", ("flagged by R-CONFIRMED",)),
        ("100", ("an order behind it is named under what follows",)),
        ("10", ()),
    ]
    part = flag("R-OPEN-QTY", "Of line 20 5 PCE stay open.", line="20")
    assert lines(shown(cancelled, [part]))[0] == ("20", ("flagged by R-OPEN-QTY",))
    held = [
        Change(field=field, before="5", after="1", unit="PCE")
        for field in ("SO-1/R1/qty", "SO-10/R2/qty", "SO-2/R3/qty")
    ]
    late = "Sales order SO-10/10 needs 5 PCE by 2026-03-20: 4 PCE late instead of 0; all of it by 2026-04-01."
    assert lines(shown(held, effects=[late]))[0] == ("SO-10/R2", ("an order behind it is named under what follows",))


@guarantees("P3.outliers_first")
def test_lines_of_a_goods_movement_are_lines() -> None:
    """Their fields name a material and a place behind the number of the line."""
    changes = [
        Change(field=f"lines[{place}] RM-{place} stock at A 1", before="50", after=after, unit="PCE")
        for place, after in enumerate(("45", "45", "4"))
    ]

    (first, *_) = arranged_preview(shown(changes)).parts

    assert (first.place, first.fields, first.changes) == ("Line 3", ("RM-2 stock at A 1",), (changes[2],))
    assert first.why == ("largest change in quantity: 46 PCE", "largest change in percent: 92 %")


@guarantees("P3.outliers_first", "P10.saga")
def test_of_several_changes_as_one_each_step_keeps_its_place() -> None:
    """Steps are carried out in their order; within one, its lines are arranged by what is said of that step."""
    changes = [
        Change(field="reserve.qty", before="", after="5", unit="PCE"),
        Change(field="order.supplier_id", before="", after="S1"),
        *[one for place in range(3) for one in bought(place, "5", step="order.")],
        Change(field="tell.title", before="", after="done"),
    ]
    checks = [
        flag("R-PRICE", "order: Line 3 (RM-2): the price is far below."),
        flag("R-OTHER", "reserve: Line 1 (RM-0) is of another step."),
    ]

    found = arranged_preview(shown(changes, checks), ("reserve", "order", "tell"))

    assert [(one.name, one.why) for one in found.parts] == [
        ("reserve", ()), ("order", ()), ("order.lines[2]", ("flagged by R-PRICE",)), ("order.lines[0]", ()),
        ("order.lines[1]", ()), ("tell", ()),
    ]  # fmt: skip
    assert found.told[0].startswith("order: 3 lines. 1 is out of the ordinary")


@guarantees("P3.outliers_first")
def test_two_lines_stand_as_they_are() -> None:
    """Both are seen at a glance, so nothing is said of their order."""
    preview = shown(ORDER[:6], [flag("R-PRICE", "Line 2 (RM-1): far below.")])

    assert (arranged_preview(preview).changes, arranged_preview(preview).told) == (preview.changes, ())


_FIELDS = st.one_of(
    st.builds(lambda place, name: f"lines[{place}].{name}", st.integers(0, 12), st.sampled_from(["qty", "price", "x"])),
    st.builds(lambda number, name: f"{number}/{name}", st.integers(1, 12), st.sampled_from(["qty", "qty_open"])),
    st.builds(lambda place: f"lines[{place}] RM-1 stock at A", st.integers(0, 12)),
    st.text(max_size=30),
    st.sampled_from(["order.lines[0].qty", "order.lines[1].qty", "order.lines[2].qty", "order.site", "supplier_id"]),
)
_NUMBERS = st.one_of(
    st.sampled_from(["", "0", "1.50", "-3", "NaN", "1e999999", "2026-01-01", "9" * 60]),
    st.decimals(Decimal("-1e17"), Decimal("1e17"), places=3).map(str),
    st.text(max_size=8),
)
_UNITS = st.sampled_from(["", "PCE", "KGM", "EUR per 1 PCE", "EUR per 0 PCE", "EUR per 100 KGM", "%"])
_CHANGES = st.lists(st.builds(Change, field=_FIELDS, before=_NUMBERS, after=_NUMBERS, unit=_UNITS), max_size=40)
_SENTENCES = st.one_of(
    st.builds(lambda number: f"Line {number} (RM): something.", st.integers(1, 13)),
    st.builds(lambda place: f"lines[{place}] is of order SO-1.", st.integers(0, 12)),
    st.text(max_size=40),
)
_CHECKS = st.lists(
    st.builds(
        Check,
        rule=st.sampled_from(["R-A", "R-B", "R-C"]),
        verdict=st.sampled_from(["ok", "flag"]),
        message=_SENTENCES,
        facts=st.dictionaries(st.sampled_from(["line", "lines"]), st.one_of(st.integers(), st.text(max_size=9))),
    ),
    max_size=6,
)


@guarantees("P3.outliers_first", "P3.binding")
@given(changes=_CHANGES, checks=_CHECKS, effects=st.lists(_SENTENCES, max_size=6), is_saga=st.booleans())
def test_whatever_a_change_holds_all_of_it_is_shown_once(
    changes: list[Change], checks: list[Check], effects: list[str], is_saga: bool
) -> None:
    """The very same changes, those of a line together and in their order; lines with a why before those without."""
    preview = shown(changes, checks, effects)
    before = repr(preview)

    found = arranged_preview(preview, ("order",) if is_saga else ())

    assert Counter(found.changes) == Counter(changes)
    assert [one for part in found.parts for one in part.changes] == list(found.changes)
    assert repr(preview) == before
    assert found == arranged_preview(preview, ("order",) if is_saga else ())
    for part in found.parts:
        assert _in_order(part.changes, changes)
        assert len(part.fields) == len(part.changes)
        assert all(
            one.field == part.name or one.field.endswith(own)
            for one, own in zip(part.changes, part.fields, strict=True)
        )
        assert part.is_line or not part.why
    for run in _runs(found.parts):
        reasons = [bool(one.why) for one in run]
        assert reasons == sorted(reasons, reverse=True)
        assert len(run) >= FEWEST or not any(reasons)
        assert _in_order([one.changes[0] for one in run if not one.why], changes)


def _in_order(some: Sequence[Change], of_all: Sequence[Change]) -> bool:
    """Whether they stand there one after the other, equal ones too."""
    left = iter(of_all)
    return all(one in left for one in some)


def _runs(parts: Sequence[Part]) -> list[list[Part]]:
    """Return the tables of lines: what follows one on another without anything between."""
    runs: list[list[Part]] = []
    for before, one in zip((None, *parts), parts, strict=False):
        if not one.is_line:
            continue
        if before is None or not before.is_line or before.step != one.step:
            runs.append([])
        runs[-1].append(one)
    return runs


@guarantees("P3.outliers_first", "P3.binding")
def test_what_is_sealed_is_not_touched() -> None:
    """The content of a proposal is the same before and after it was shown."""
    made = content()
    made = replace(made, preview=shown(ORDER, [flag("R-PRICE", "Line 4 (RM-3): far below.")]))
    before = repr(made)

    found = arranged(made)

    assert found.parts[0].place == "Line 4"
    assert repr(made) == before
