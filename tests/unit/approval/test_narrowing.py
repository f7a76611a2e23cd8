"""Smaller means: the same thing, some of its lines, amounts nearer to nothing or to what is there; nothing else."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.approval.narrowing import flaw, narrowable, narrowed_arguments
from erp_mcp.domain import saga
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.proposal import Change, Content
from erp_mcp.errors import InvalidArgumentError
from tests.guarantees import guarantees
from tests.unit.approval import people

LINES: list[JsonValue] = [
    {"material_id": "A", "qty": "10", "uom": "EA"},
    {"material_id": "B", "qty": "5", "uom": "EA"},
    {"material_id": "B", "qty": "7", "uom": "EA"},
]
ORDER: dict[str, JsonValue] = {"supplier_id": "V-9", "site": "1000", "lines": LINES, "versions": {"x": "1"}}


def asked(fields: dict[str, JsonValue], key: str = "") -> Content:
    plain = people.content()
    return replace(plain, command=replace(plain.command, key=key, fields=fields))


def draft(fields: dict[str, JsonValue], *changes: Change, key: str = "", system: str = "erp") -> Content:
    plain = people.content()
    command = replace(plain.command, system=system, key=key, fields=fields)
    return replace(plain, command=command, preview=replace(plain.preview, changes=changes))


def several(*steps: Content, names: str = "abcdef") -> Content:
    planned = [saga.planned(one, name, undo_tool="", way_back="") for one, name in zip(steps, names, strict=False)]
    whole = people.content()
    command = replace(whole.command, system=saga.SYSTEM, entity=saga.ENTITY, key="", fields=saga.fields_of(planned))
    return replace(whole, command=command)


def order(*lines: JsonValue, **changed: JsonValue) -> dict[str, JsonValue]:
    return {**ORDER, "lines": list(lines), **changed}


def line(index: int, **changed: JsonValue) -> JsonValue:
    row = LINES[index]
    assert isinstance(row, dict)
    return {**row, **changed}


@guarantees("P3.narrowed")
@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (order(line(0), line(1)), ""),
        (order(line(2)), ""),
        (order(line(0, qty="9.999"), line(1), line(2)), ""),
        (order(line(0), line(2, qty="1")), ""),
        (order(line(0), line(1), line(2), versions={"x": "2", "y": "1"}), "not_smaller_or_versions"),
        (order(*LINES), "not_smaller"),
        (order(), "another_change"),
        (order(line(0, qty="10.001"), line(1)), "another_change"),
        (order(line(0, qty="0"), line(1)), "another_change"),
        (order(line(0, qty="-1"), line(1)), "another_change"),
        (order(line(0, qty=9), line(1)), "another_change"),
        (order(line(0, uom="BOX"), line(1)), "another_change"),
        (order(line(0, material_id="C"), line(1)), "another_change"),
        (order(line(1), line(1), line(2)), "another_change"),
        (order(line(1), line(0)), "another_change"),
        (order(*LINES, line(0, qty="1")), "another_change"),
        (order(line(0), supplier_id="V-8"), "another_change"),
        (order(line(0), site="2000"), "another_change"),
        ({**order(line(0)), "more": "x"}, "another_change"),
        ({name: value for name, value in order(line(0)).items() if name != "site"}, "another_change"),
    ],
)
def test_an_order_is_smaller_with_fewer_lines_or_smaller_amounts_and_nothing_else(
    fields: dict[str, JsonValue], reason: str
) -> None:
    """A line may go or shrink; it may not come, grow, be another one, or come twice."""
    found = flaw(asked(ORDER), draft(fields))

    assert found == ("" if reason == "not_smaller_or_versions" else reason)


@guarantees("P3.narrowed")
@pytest.mark.parametrize(("system", "key"), [("erp", "18"), ("erp", ""), ("mes", "17")])
def test_another_record_or_system_is_never_a_smaller_change(system: str, key: str) -> None:
    """Never another object."""
    fields: dict[str, JsonValue] = {"qty": "5"}

    assert flaw(asked({"qty": "10"}, "17"), draft(fields, key=key, system=system)) == "another_object"
    assert flaw(asked({"qty": "10"}, "17"), draft(fields, key="17")) == ""


@guarantees("P3.narrowed")
@pytest.mark.parametrize(
    ("before", "proposed", "now", "reason"),
    [
        ("100", "200", "150", ""),
        ("100", "200", "50", "larger"),
        ("100", "200", "100", "larger"),
        ("100", "200", "201", "larger"),
        ("100", "40", "70", ""),
        ("100", "40", "39", "larger"),
        ("100", "40", "101", "larger"),
        ("100", "0", "50", ""),
    ],
)
@pytest.mark.parametrize("name", ["qty", "00010/qty", "lines[3].qty"])
def test_a_field_that_changes_may_change_by_less_and_in_the_same_direction(
    before: str, proposed: str, now: str, reason: str, name: str
) -> None:
    """Less than proposed can be more of a change where there was something before; however the preview names it."""
    change = Change(field=name, before=before, after=now)

    assert flaw(asked({"qty": proposed}, "17"), draft({"qty": now}, change, key="17")) == reason


@guarantees("P3.narrowed", "P10.saga")
@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (("9", "5"), ""),
        (("9", "4"), ""),
        (("10", "5"), "not_smaller"),
        (("9", "6"), "larger"),  # what one step gives, another may not take
        (("10", "-5"), "larger"),
    ],
)
def test_several_changes_are_smaller_where_one_is_and_none_is_anything_else(now: tuple[str, str], reason: str) -> None:
    """Each step is compared with itself."""
    before = several(asked({"qty": "10"}, "17"), asked({"amount": "5", "to": "x"}))
    assert flaw(before, several(draft({"qty": now[0]}, key="17"), draft({"amount": now[1], "to": "x"}))) == reason


@guarantees("P3.narrowed", "P10.saga")
def test_several_changes_with_other_steps_are_no_smaller_change() -> None:
    """None goes, comes, is swapped or is about something else."""
    first, second = asked({"qty": "10"}, "17"), asked({"qty": "5"}, "18")
    less, same = draft({"qty": "9"}, key="17"), draft({"qty": "5"}, key="18")
    before = several(first, second)
    assert flaw(before, several(less, same)) == ""
    for after in (several(less), several(less, same, same), several(less, same, names="ba")):
        assert flaw(before, after) == "another_change"
    assert flaw(before, several(less, replace(same, tool="propose_other"))) == "another_change"
    assert flaw(before, several(same, less)) == "another_object"
    assert flaw(before, less) == "another_change"


@guarantees("P3.narrowed")
def test_a_price_may_change_by_less_and_a_new_one_stays_as_it_is() -> None:
    """A revision from 10 to 12 may become one to 11; an order at 12 is no order at 11."""
    revised = Change(field="price", before="10", after="11")

    assert flaw(asked({"price": "12"}, "17"), draft({"price": "11"}, revised, key="17")) == ""
    new = Change(field="price", before="", after="11")
    assert flaw(asked({"price": "12"}), draft({"price": "11"}, new)) == "another_change"
    assert flaw(asked({"price": "12"}), draft({"price": "11"})) == "another_change"


@guarantees("P3.narrowed")
@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 4)), min_size=1, max_size=4), st.data())
def test_against_plain_search_smaller_is_what_some_choice_of_lines_covers(
    rows: list[tuple[str, int]], data: st.DataObject
) -> None:
    """Every small order against every other: smaller where its lines fit, in order, into lines no smaller than they."""
    others = data.draw(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 4)), min_size=1, max_size=4))
    then, now = ([{"material_id": name, "qty": str(qty)} for name, qty in some] for some in (rows, others))

    def fits(left: list[tuple[str, int]], wanted: list[tuple[str, int]]) -> bool:
        if not wanted:
            return True
        return any(
            left[at][0] == wanted[0][0] and left[at][1] >= wanted[0][1] and fits(left[at + 1 :], wanted[1:])
            for at in range(len(left))
        )

    found = flaw(asked({"lines": _json(then)}), draft({"lines": _json(now)}))

    assert (found == "") is (fits(rows, others) and rows != others)


def _json(rows: list[dict[str, str]]) -> JsonValue:
    return [dict(row) for row in rows]


@guarantees("P3.narrowed")
def test_what_can_be_made_smaller_are_amounts_and_lines_of_the_call() -> None:
    """A single line can't go; dates, ids and numbers that are no amounts stay."""
    call: dict[str, JsonValue] = {
        "material_id": "A",
        "qty": "10",
        "line": 10,
        "lines": list(LINES),
        "date": "2026-03-16",
    }

    parts = narrowable(call)

    assert [(one.path, one.kind) for one in parts] == [
        ("qty", "size"),
        ("lines[0]", "row"), ("lines[0].qty", "size"), ("lines[1]", "row"), ("lines[1].qty", "size"),
        ("lines[2]", "row"), ("lines[2].qty", "size"),
    ]  # fmt: skip
    assert [one.path for one in narrowable({"lines": LINES[:1]})] == ["lines[0].qty"]
    changed = narrowed_arguments(call, {"qty": "4", "lines[2].qty": "1"}, {"lines[0]"})
    assert changed == {**call, "qty": "4", "lines": [LINES[1], {"material_id": "B", "qty": "1", "uom": "EA"}]}
    assert call["qty"] == "10"


@guarantees("P3.narrowed", "input.clear_errors")
@pytest.mark.parametrize(
    ("sizes", "leave_out"),
    [
        ({}, ()),
        ({"supplier_id": "X"}, ()),
        ({"lines[9].qty": "1"}, ()),
        ({}, ("lines[3]",)),
        ({}, ("qty",)),
        ({"lines[0]": "1"}, ()),
    ],
)
def test_nothing_else_of_a_call_can_be_changed(sizes: dict[str, str], leave_out: tuple[str, ...]) -> None:
    """The material, the supplier, the date: that would be another change."""
    with pytest.raises(InvalidArgumentError):
        narrowed_arguments({"supplier_id": "V-9", "lines": list(LINES)}, sizes, leave_out)


@guarantees("P3.narrowed")
def test_amounts_are_compared_exactly() -> None:
    """Decimals, not floating point: the last place counts."""
    big = "12345678901234567890.123456"
    less: Any = str(Decimal(big) - Decimal("0.000001"))

    assert flaw(asked({"qty": big}), draft({"qty": less})) == ""
    assert flaw(asked({"qty": less}), draft({"qty": big})) == "larger"
