"""The profile's part for this kind: what is unknown, missing or of the wrong type is named by its key."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from erp_mcp.adapters.jsonrpc.grammar import sources
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import ProfileFileError
from erp_mcp.systems.load import load_profile
from tests.guarantees import guarantees

SHIPPED: Final = Path(__file__).resolve().parents[4] / "erp_mcp" / "systems"
GOOD: Final[dict[str, JsonValue]] = {"model": "party.party", "domain": [], "fields": {"customer_id": {"ref": "code"}}}


def profile(entity: str, body: JsonValue) -> Profile:
    assert isinstance(body, dict)
    return Profile(
        name="p", version=1, kind="jsonrpc", level=4, zone="UTC", identity={}, states={}, entities={entity: body}
    )


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"model": None}, "model"),
        ({"domain": "x"}, "domain"),
        ({"watch": [1]}, "watch[0]"),
        ({"watch": [{"path": "shipment"}]}, "watch[0].model"),
        ({"watch": [{"path": "shipment", "model": "m", "x": 1}]}, "watch[0].x"),
        ({"watched": []}, "watched"),
        ({"fields": []}, "fields"),
        ({"fields": {}}, "fields.customer_id"),
        ({"fields": {"customer_id": "code", "colour": "x"}}, "fields.colour"),
        ({"fields": {"customer_id": 5}}, "fields.customer_id"),
        ({"fields": {"customer_id": {"sql": "SELECT 1"}}}, "fields.customer_id"),
        ({"fields": {"customer_id": {"ref": 5}}}, "fields.customer_id.ref"),
        ({"fields": {"customer_id": {"ref": "code", "sql": {}}}}, "fields.customer_id.sql"),
        ({"fields": {"customer_id": {"const": True}}}, "fields.customer_id.const"),
        ({"fields": {"customer_id": {"first": [{"ref": 1}]}}}, "fields.customer_id.first[0].ref"),
        ({"fields": {"customer_id": {"latest": [{"path": "a", "x": 1}]}}}, "fields.customer_id.latest[0].x"),
        ({"fields": {"customer_id": {"const": "x", "when": {"a": "b"}}}}, "fields.customer_id.when.a"),
        ({"fields": {"customer_id": {"open": {"quantity": "q"}, "minus": {}}}}, "fields.customer_id.open.in"),
        ({"fields": {"customer_id": {"pad": "a"}}}, "fields.customer_id.width"),
        ({"fields": {"customer_id": {"pad": "a", "width": True}}}, "fields.customer_id.width"),
        ({"fields": {"customer_id": {"pad": "a", "width": 21}}}, "fields.customer_id.width"),
        ({"snapshot": "yes"}, "snapshot"),
        ({"each": [{"name": "a", "model": "m", "domain": [], "fields": []}]}, "each"),
        ({"each": [{"name": "a"}], "snapshot": True}, "each.model"),
        ({"parts": {"model": "m"}, "snapshot": True}, "parts.owner"),
    ],
)
def test_names_the_key_that_is_wrong(change: dict[str, JsonValue], key: str) -> None:
    """Whoever writes a profile finds the place without reading our code."""
    with pytest.raises(ProfileFileError) as caught:
        sources(profile("customer", {**GOOD, **change}))
    assert caught.value.facts["key"] == f"entities.customer.{key}"


@guarantees("input.clear_errors")
def test_refuses_an_entity_that_is_not_canonical() -> None:
    """Nobody downstream knows it."""
    with pytest.raises(ProfileFileError):
        sources(profile("spaceship", GOOD))


@guarantees("docs.agree")
def test_the_shipped_profile_loads_and_its_document_names_each_entity() -> None:
    """The page says for each entity which field answers what."""
    shipped = load_profile("tryton", [SHIPPED])
    page = (SHIPPED.parents[1] / "docs" / "tryton.md").read_text(encoding="utf-8")
    assert set(sources(shipped)) == set(shipped.entities)
    assert not [entity for entity in shipped.entities if f"`{entity}`" not in page]


@guarantees("P8.no_leaks")
def test_reads_only_the_field_paths_that_a_form_needs() -> None:
    """What is not asked for can't leak: no bank account, no note of a party."""
    paths = set(sources(load_profile("tryton", [SHIPPED]))["supplier"].paths())
    assert paths == {"code", "name", "addresses.country.code", "active", "supplier_payment_term.name"}
