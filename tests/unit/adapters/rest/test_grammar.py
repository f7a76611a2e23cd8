"""What a profile of this kind may say, and what it is told when it says something else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from erp_mcp.adapters.rest.adapter import RestAdapter
from erp_mcp.errors import ConfigurationError, ProfileFileError
from erp_mcp.testing import FixedClock, connection_to
from tests.guarantees import guarantees
from tests.unit.adapters.rest.source import profile

URL: Final = "http://127.0.0.1:1"
AT: Final = "entities.purchase_requisition"
WRONG: Final[list[tuple[dict[str, Any], str]]] = [
    ({"request": {"path": "requisitions"}}, f"{AT}.request"),
    ({"request": {"path": "/a", "method": "DELETE"}}, f"{AT}.request.method"),
    ({"request": {"path": "/a", "body": {}}}, f"{AT}.request.method"),
    ({"request": {"path": "/a", "method": "POST"}}, f"{AT}.request.method"),
    ({"request": {"path": "/a", "headers": {"Authorization": "x"}}}, f"{AT}.request.headers.Authorization"),
    ({"request": {"path": "/a", "headers": {"X-A": "a\r\nb"}}}, f"{AT}.request.headers.X-A"),
    ({"request": {"path": "/a", "query": {"q": "{since}"}}}, f"{AT}.request"),
    ({"request": {"path": "/a", "query": {"q": "{option.tenant}"}}}, f"{AT}.request"),
    ({"request": {"path": "/a", "query": {"q": "{sence}"}}}, f"{AT}.request"),
    ({"since": {"query": {"q": "no place"}}}, f"{AT}.since"),
    ({"by_key": {"query": {"q": "no place"}}}, f"{AT}.by_key"),
    ({"by_key": {"query": {"ids": "{keys}"}, "item": "data"}}, f"{AT}.by_key.item"),
    ({"by_key": {"query": {"ids": "{keys}"}, "batch": 9999}}, f"{AT}.by_key.batch"),
    ({"by_key": {"query": {"ids": "{keys}"}, "bach": 1}}, f"{AT}.by_key.bach"),
    ({"items": ".."}, f"{AT}.items"),
    ({"paging": {"kind": "scroll"}}, f"{AT}.paging.kind"),
    ({"paging": {"kind": "offset"}}, f"{AT}.paging.limit"),
    ({"paging": {"kind": "cursor", "cursor": "c"}}, f"{AT}.paging.next"),
    ({"paging": {"kind": "none", "limit": "l"}}, f"{AT}.paging.limit"),
    ({"paging": {"kind": "keyset"}}, f"{AT}.request"),
    ({"paging": {"kind": "offset", "offset": "o", "limit": "l", "rows": 1}}, f"{AT}.paging.rows"),
    ({"detail": "yes"}, f"{AT}.detail"),
    ({"tombstones": "x"}, f"{AT}.tombstones"),
]


@guarantees("input.clear_errors")
@pytest.mark.parametrize(("change", "key"), WRONG)
def test_a_mistake_is_named_by_its_key(change: dict[str, Any], key: str) -> None:
    """Nothing is asked of a system by a profile that is not understood in full."""
    good = profile()
    entity = {**good.entities["purchase_requisition"], **change}
    with pytest.raises(ProfileFileError) as caught:
        RestAdapter.open(
            connection_to(URL), replace(good, entities={**good.entities, "purchase_requisition": entity}), FixedClock()
        )
    assert caught.value.facts["key"] == key


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("head", "key"),
    [
        ({"bse": "/x"}, "rest.bse"),
        ({"base": "x"}, "rest.base"),
        ({"base": "/x/{key}"}, "rest.base"),
        ({"headers": {"cookie": "a"}}, "rest.headers.cookie"),
        ({"headers": {"X-HTTP-Method-Override": "DELETE"}}, "rest.headers.X-HTTP-Method-Override"),
        ({"options": ["Company"]}, "rest.options"),
        ({"errors": {"fond": "a"}}, "rest.errors.fond"),
        ({"probe": {"path": "/x", "query": {"a": "{key}"}}}, "rest.probe"),
        ({"probe": {"path": "/x", "prodct": "a"}}, "rest.probe.prodct"),
    ],
)
def test_a_mistake_in_the_head_is_named_too(head: dict[str, Any], key: str) -> None:
    """It holds for all entities."""
    with pytest.raises(ProfileFileError) as caught:
        RestAdapter.open(connection_to(URL), profile(**head), FixedClock())
    assert caught.value.facts["key"] == key


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("url", "options", "key"),
    [
        ("ftp://127.0.0.1", {}, "url"),
        ("http://erp.example.com", {}, "url"),
        ("https://erp.example.com/?a=b", {}, "url"),
        (URL, {"overlap_s": "soon", "company": "1"}, "options.overlap_s"),
        (URL, {"company": "1", "colour": "red"}, "options.colour"),
        (URL, {}, "options.company"),
        (URL, {"company": "1/../2"}, "options.company"),
    ],
)
def test_a_wrong_setting_is_named(url: str, options: dict[str, str], key: str) -> None:
    """The integrator sees the key of the configuration."""
    with pytest.raises(ConfigurationError) as caught:
        RestAdapter.open(connection_to(url, options=options), profile(options=["company"]), FixedClock())
    assert caught.value.facts["key"] == f"systems.erp.{key}"
