"""Stored JSON becomes an object of the core only where it is exactly of its form."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Written
from erp_mcp.domain.forms import LATER, FormError, from_json, to_json
from erp_mcp.domain.lifecycle import State
from erp_mcp.domain.proposal import Change, LimitUse, Receipt
from tests.guarantees import guarantees

CHANGE = Change(field="promised_date", before="2026-03-20", after="2026-04-02")
RECEIPT = Receipt(
    written=Written(document="4500000017/00010", key="4500000017/00010", version_token="v2", fields={"a": "1"}),
    committed_at="2026-03-16T05:00:00Z",
    found="answered",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Each kind of field there is."""

    name: str
    count: int
    sure: bool
    kind: Literal["a", "b"]
    state: State
    parts: tuple[Change, ...]
    receipt: Receipt | None = None


SAMPLE = Sample(name="n", count=1, sure=True, kind="a", state=State.APPROVED, parts=(CHANGE,), receipt=RECEIPT)


@guarantees("P3.binding")
def test_what_is_written_reads_back_equal() -> None:
    """The digest that people sign is of the stored form, so the stored form is the object."""
    for one in (SAMPLE, Sample(name="", count=0, sure=False, kind="b", state=State.DENIED, parts=())):
        assert from_json(Sample, json.loads(json.dumps(to_json(one)))) == one


@guarantees("P3.binding")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", 1),
        ("name", None),
        ("count", "1"),
        ("count", True),
        ("count", 1.0),
        ("sure", 1),
        ("kind", "c"),
        ("kind", ["a"]),
        ("state", "APPROVED_BY_ME"),
        ("state", 3),
        ("parts", {}),
        ("parts", [{"field": "x"}]),
        ("parts", ["x"]),
        ("receipt", {"written": None}),
        ("receipt", "none"),
        ("receipt", {}),
        ("receipt", ""),
        ("receipt", False),
    ],
)
def test_a_value_of_another_type_is_refused(key: str, value: JsonValue) -> None:
    """A row that somebody changed must not become an object that means something else."""
    raw = to_json(SAMPLE)
    assert isinstance(raw, dict)
    with pytest.raises(FormError):
        from_json(Sample, {**raw, key: value})


@guarantees("P3.binding")
def test_a_missing_or_unknown_key_is_refused() -> None:
    """What is not known to the class is not looked past."""
    raw = to_json(LimitUse(limit="l", key="k", amount=1, maximum=2, window_s=3))
    assert isinstance(raw, dict)
    with pytest.raises(FormError):
        from_json(LimitUse, {**raw, "more": 1})
    with pytest.raises(FormError):
        from_json(LimitUse, {key: value for key, value in raw.items() if key != "maximum"})
    with pytest.raises(FormError):
        from_json(LimitUse, [raw])


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@guarantees("P3.binding")
@given(_json)
def test_any_json_at_all_is_an_object_or_a_form_error(value: JsonValue) -> None:
    """Nothing else may escape from what was stored: whoever reads a row catches one error."""
    try:
        from_json(Sample, value)
    except FormError:
        return
    raise AssertionError("only a whole sample is a sample")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """A class as `Older` was, with a field that it got later."""

    name: str
    more: Change | None = field(default=None, metadata=LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Older:
    """As it was first."""

    name: str


@guarantees("P3.binding", "P10.survives")
def test_what_a_class_got_later_leaves_what_was_stored_before_as_it_was() -> None:
    """The digest under a signature stays that of the stored text."""
    before = to_json(Older(name="n"))

    assert to_json(Grown(name="n")) == before
    assert from_json(Grown, before) == Grown(name="n")
    assert from_json(Grown, to_json(Grown(name="n", more=CHANGE))) == Grown(name="n", more=CHANGE)


@guarantees("P3.binding")
@pytest.mark.parametrize("value", [{"name": "n", "more": None}, {"more": None}, {"name": "n", "other": 1}, {}])
def test_a_text_that_says_what_is_left_out_or_lacks_what_is_not_is_no_form(value: JsonValue) -> None:
    """One object has one text, so two texts are never one digest's."""
    with pytest.raises(FormError):
        from_json(Grown, value)
