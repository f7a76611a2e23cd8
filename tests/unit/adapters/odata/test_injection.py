"""Hostile ids and watermarks against a parser of what the server received: the filter that was meant, and nothing else.

The judge is a grammar of its own (`fake_query`), given the query as the server decoded it.
"""

from __future__ import annotations

import json
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erp_mcp.adapters.odata.adapter import ODataAdapter
from erp_mcp.errors import BadAnswerError
from tests.guarantees import guarantees
from tests.unit.adapters.odata.conftest import Open
from tests.unit.adapters.odata.fake import FakeOData, Request
from tests.unit.adapters.odata.fake_query import Compare, Expression, Joined, leaves, parse_filter

_HOSTILE: Final = [
    "x' or 1 eq 1 or 'x' eq 'x",
    "x') or (Material ne '",
    "''",
    "'",
    "O\u2019Neil\u2018 or true",
    "\uff07 or 1 eq 1",
    "\u02bc or 1 eq 1",
    "%27 or 1 eq 1",
    "%2527",
    "a%2fb",
    "a/b",
    "..%2f..%2fA_Order",
    "../A_Order",
    "x'&$expand=to_Secret&$filter=1 eq 1",
    "x&$top=100000",
    "x#fragment",
    "x?$format=xml",
    "--batch_boundary\r\nContent-Type: application/http\r\n\r\nDELETE /A_Stock HTTP/1.1",
    "--changeset_1",
    "substringof('M',Material)",
    "startswith(Material,'M')",
    "Material",
    "now()",
    "null",
    "true",
    "guid'00000000-0000-0000-0000-000000000001'",
    "datetime'2026-01-01T00:00:00'",
    "1 add 1",
    "$it/Material",
    "A_Item/any(i: i/Quantity gt 0)",
    "x\x00y",
    "x\u202ey",
    "+",
    "a b",
    ";",
    "\\",
    "{{7*7}}",
]
_ALLOWED: Final = {"$select", "$expand", "$filter", "$orderby", "$top"}


def _asked(fake: FakeOData) -> list[Request]:
    return [one for one in fake.requests if one.path != "$metadata"]


def _keys_asked(request: Request) -> list[tuple[str, str]]:
    """Return the keys that a filter asks for; everything else of its tree must be as the profile has it."""
    tree = parse_filter(request.query["$filter"])
    assert isinstance(tree, Joined)
    fixed, asked = tree.parts[0], tree.parts[1:]
    assert tree.how == "and"
    assert fixed == Compare("SpecialStock", "eq", "")
    alternatives = _alternatives(asked)
    assert all([part.path for part in leaves(one)] == ["Material", "Bin"] for one in alternatives)
    assert all(part.operator == "eq" for one in alternatives for part in leaves(one))
    return [(first.value, second.value) for first, second in ([*leaves(one)] for one in alternatives)]


def _alternatives(asked: tuple[Expression, ...]) -> list[Expression]:
    """Return the keys' trees: several stand under `or`, a single one is the two comparisons themselves."""
    if len(asked) == 1 and isinstance(asked[0], Joined) and asked[0].how == "or":
        return list(asked[0].parts)
    return [asked[0] if len(asked) == 1 else Joined("and", asked)]


@guarantees("P9.odata_literals")
@pytest.mark.parametrize("text", _HOSTILE)
async def test_a_hostile_key_asks_for_itself_alone(fake: FakeOData, open_adapter: Open, text: str) -> None:
    """It stands in a filter as one text literal, or nothing is asked."""
    hostile = text.replace("%", "%25").replace("/", "%2F")
    records = await open_adapter().read("stock", [f"{hostile}/A%2F1", "M3/A%2F1"])
    assert [one.source_key for one in records] == ["M3/A%2F1"]
    for request in _asked(fake):
        assert request.method == "GET"
        assert request.path == "A_Stock"
        assert set(request.query) <= _ALLOWED
        assert set(_keys_asked(request)) <= {(text, "A/1"), ("M3", "A/1")}


@guarantees("P9.odata_literals")
@pytest.mark.parametrize("text", _HOSTILE)
async def test_a_hostile_number_or_guid_is_not_even_asked_for(fake: FakeOData, open_adapter: Open, text: str) -> None:
    """What has no quotes around it has a closed form instead."""
    adapter = open_adapter()
    assert await adapter.read("downtime", [text, "1e3", "0x10", "１"]) == ()
    assert await adapter.read("customer", [text]) == ()
    assert _asked(fake) == []


@guarantees("P9.odata_literals")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4))
async def test_no_text_widens_a_filter(fake: FakeOData, open_adapter: Open, keys: list[str]) -> None:
    """Generated texts: whatever is asked is one of them, and what comes back is one of them."""
    fake.requests.clear()
    sent = [f"{one.replace('%', '%25').replace('/', '%2F')}/A%2F1" for one in keys]
    records = await open_adapter().read("stock", sent)
    assert {one.source_key for one in records} <= set(sent)
    for request in _asked(fake):
        assert {material for material, _ in _keys_asked(request)} <= set(keys)


@guarantees("P9.odata_literals")
@pytest.mark.parametrize("text", _HOSTILE)
async def test_a_hostile_watermark_is_refused_or_asks_within_the_filter(
    fake: FakeOData, open_adapter: Open, text: str
) -> None:
    """It comes from our own store, which someone may have written to."""
    marks = [
        text,
        json.dumps(["documents-1", text, "", "", "", "", False]),
        json.dumps(["documents-1", "", json.dumps([text, "A/1"]), "2026-03-16T05:00:00Z", "", "", True]),
        json.dumps(["documents-1", "", json.dumps(text), "", "", "", True]),
    ]
    assert [await _field_refused(open_adapter(), mark) for mark in marks[:2]] == ["watermark", "watermark"]
    assert [await _field_refused(open_adapter(), mark) for mark in marks[2:]] == ["", ""]
    for request in _asked(fake):
        assert set(request.query) <= _ALLOWED
        values = [one.value for one in leaves(parse_filter(request.query["$filter"])) if one.path == "Material"]
        assert all(one == text or str(one).startswith("M") for one in values)


async def _field_refused(adapter: ODataAdapter, mark: str) -> str:
    """Return the field that a pass was refused for, empty where it came to its end."""
    try:
        pages = [page async for page in adapter.changes("stock", mark)]
    except BadAnswerError as refusal:
        return str(refusal.facts.get("field"))
    return "" if pages[-1].last else "no end"


@guarantees("P9.bounded")
async def test_two_hundred_long_keys_are_asked_for_in_short_addresses(fake: FakeOData, open_adapter: Open) -> None:
    """Some servers refuse an address of more than 2,048 characters."""
    keys = [f"M{number}-{'ü' * 25}/A%2F1" for number in range(199)]
    assert len(await open_adapter().read("stock", [*keys, "M4/A%2F1"])) == 1
    assert max(len(one.target) for one in fake.requests) < 2048
