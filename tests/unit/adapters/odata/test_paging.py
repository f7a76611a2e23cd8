"""Listings end, lose no row to what others write meanwhile, and stay with the host that was configured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Final

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.entities.inventory import Stock
from erp_mcp.errors import BadAnswerError, DestinationNotAllowedError
from erp_mcp.testing.passes import apply, content, fold, read_pages
from tests.guarantees import guarantees
from tests.unit.adapters.odata.conftest import Open
from tests.unit.adapters.odata.fake import PATH, FakeOData, Reply, Request
from tests.unit.adapters.odata.plant import Plant, profile

_LINKED: Final[dict[str, dict[str, JsonValue]]] = {"stock": {"paging": "links"}}


def _between(fake: FakeOData, what: Callable[[], object]) -> None:
    """Let something happen before the second page is asked for, once."""
    lists: list[Request] = []

    def before(request: Request) -> None:
        if request.path == "A_Stock":
            lists.append(request)
            if len(lists) == 2:
                what()

    fake.before = before


@guarantees("P9.odata_paging", "P7.sync_exact")
@pytest.mark.parametrize("paging", ["keys", "links"])
@pytest.mark.parametrize("change", ["add", "drop"])
async def test_no_row_is_lost_when_others_write_between_two_pages(
    plant: Plant, open_adapter: Open, paging: str, change: str
) -> None:
    """An offset would shift: a row that went away pulls one from the next page into the last."""
    fake = plant.fake
    fake.cap = 4
    before = set(plant.expected("stock"))
    act: Callable[[], object] = (
        (lambda: plant.stock(0, quantity="5")) if change == "add" else (lambda: fake.drop("A_Stock", "M1", "A/1"))
    )
    _between(fake, act)
    adapter = open_adapter(mapping=profile(fake.version, stock={"paging": paging}))
    held = await fold(adapter, "stock")
    assert set(held) >= before - {"M1/A%2F1"}
    assert {one.source_key for one in held.values()} == set(held)


@guarantees("P9.odata_paging")
@pytest.mark.parametrize("silent", [False, True])
async def test_a_page_that_the_server_cut_short_is_not_the_end(plant: Plant, open_adapter: Open, silent: bool) -> None:
    """A cap below our page size comes with a next link, or with no word at all."""
    plant.fake.cap, plant.fake.silent = 2, silent
    assert content(await fold(open_adapter(page_rows=5), "stock")) == content(plant.expected("stock"))


@guarantees("P9.odata_paging")
async def test_a_short_page_after_a_full_one_is_the_end(plant: Plant, open_adapter: Open) -> None:
    """Eleven rows in pages of three are four requests, not five."""
    await read_pages(open_adapter(), "stock")
    assert len([one for one in plant.fake.requests if one.path == "A_Stock"]) == 4


@guarantees("P9.odata_paging")
async def test_a_listing_asks_only_for_what_the_profile_maps(plant: Plant, open_adapter: Open) -> None:
    """What is not needed is not fetched: it is the system's work, and may be nobody's business."""
    await read_pages(open_adapter(), "stock")
    asked = plant.fake.requests[-1].query["$select"].split(",")
    assert "Note" not in asked
    assert set(asked) == {"Material", "Bin", "StockType", "Quantity", "Unit", "LastChange"}


@guarantees("P9.odata_paging")
async def test_a_server_that_ignores_the_filter_is_noticed(plant: Plant, open_adapter: Open) -> None:
    """The same page would come again for ever."""
    fake = plant.fake
    fake.cap = 3

    fake.drop("A_Stock", "M1", "K9")  # which the filter leaves out

    def unfiltered(request: Request) -> Reply:
        return fake.get(replace(request, query={**request.query, "$filter": "Bin ne ''"}))

    fake.handlers["GET"] = unfiltered
    with pytest.raises(BadAnswerError) as caught:
        await read_pages(open_adapter(), "stock")
    assert caught.value.facts["field"] == "source_key"


@guarantees("P9.odata_paging")
async def test_a_server_that_sorts_otherwise_than_it_compares_is_noticed(plant: Plant, open_adapter: Open) -> None:
    """Sorted without regard to case and compared with it, keys beyond the last one are skipped."""
    fake = plant.fake
    fake.sets["A_Stock"].rows.clear()
    for name in ("a", "A", "b", "B", "c", "C", "d"):
        fake.put("A_Stock", Material=name, Bin="x", StockType="F", Quantity=Decimal(1), Unit="ST", SpecialStock="")
    fake.collate = lambda one: one.lower() if isinstance(one, str) else one
    with pytest.raises(BadAnswerError) as caught:
        await read_pages(open_adapter(), "stock")
    assert caught.value.facts["field"] == "source_key"
    linked = open_adapter(mapping=profile(fake.version, **_LINKED))
    assert len(await fold(linked, "stock")) == 7


@guarantees("P9.odata_paging")
async def test_a_server_with_an_order_of_its_own_is_taken_at_its_word(plant: Plant, open_adapter: Open) -> None:
    """Numbers sort as numbers; the order of the characters is not the only right one."""
    fake = plant.fake
    for number in (7, 10, 100):
        fake.put("A_Stop", Stop=number, Began=fake.now(), EndDay=None, EndTime=None, Planned=False)
    held = await fold(open_adapter(), "downtime")
    assert sorted(map(int, held)) == [1, 2, 3, 4, 5, 7, 10, 100]


@pytest.mark.parametrize(
    "link",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://evil.example/x",
        "//evil.example/x",
        "http://agent:pass-word-9@127.0.0.1/x",
        "file:///etc/passwd",
        "../../../admin",
        "/sap/opu/odata/sap/API_FAKE/../OTHER/A_Order",
        "/sap/opu/odata/sap/API_FAKE/%2e%2e/OTHER",
        "/sap/opu/odata/sap/API_FAKE2/A_Stock",
        "/",
        "javascript:alert(1)",
        "x" * 9000,
    ],
)
@guarantees("P9.odata_paging")
async def test_a_next_link_to_elsewhere_is_never_followed(plant: Plant, open_adapter: Open, link: str) -> None:
    """It would carry our password to whoever wrote the answer."""
    fake = plant.fake
    fake.cap, fake.link = 4, lambda _: link
    for rewrite in ({}, {"next_links": "rewrite"}):
        adapter = open_adapter(mapping=profile(fake.version, **_LINKED), options=rewrite)
        count = len(fake.requests)
        with pytest.raises((DestinationNotAllowedError, BadAnswerError)):
            await read_pages(adapter, "stock")
        assert all(one.target.startswith(PATH) for one in fake.requests[count:])


@guarantees("P9.odata_paging")
async def test_a_link_with_another_name_of_the_same_host_is_rewritten_only_on_demand(
    plant: Plant, open_adapter: Open
) -> None:
    """Behind a proxy, a system names itself as it knows itself; who connects it knows better."""
    fake = plant.fake
    fake.cap, fake.link = 4, lambda target: f"http://internal.name:8000{target}"
    mapping = profile(fake.version, **_LINKED)
    with pytest.raises(DestinationNotAllowedError):
        await read_pages(open_adapter(mapping=mapping), "stock")
    held = await fold(open_adapter(mapping=mapping, options={"next_links": "rewrite"}), "stock")
    assert content(held) == content(plant.expected("stock"))


@guarantees("P9.odata_paging")
@pytest.mark.parametrize("how", ["absolute", "path", "relative"])
async def test_links_of_each_form_are_followed(plant: Plant, open_adapter: Open, how: str) -> None:
    """V2 gives whole addresses, V4 mostly what stands after the service's."""
    fake = plant.fake
    forms: dict[str, Callable[[str], str]] = {
        "absolute": lambda target: f"{fake.url}{target}",
        "path": lambda target: target,
        "relative": lambda target: target.removeprefix(f"{PATH}/"),
    }
    fake.cap, fake.link = 4, forms[how]
    adapter = open_adapter(mapping=profile(fake.version, **_LINKED))
    assert content(await fold(adapter, "stock")) == content(plant.expected("stock"))


@guarantees("P9.odata_paging")
async def test_links_that_go_round_end(plant: Plant, open_adapter: Open) -> None:
    """A pass that never ends holds a lease for ever."""
    fake = plant.fake
    fake.cap, fake.link = 4, lambda _: f"{PATH}/A_Stock?$skiptoken=4"
    with pytest.raises(BadAnswerError):
        await read_pages(open_adapter(mapping=profile(fake.version, **_LINKED)), "stock")


@guarantees("P9.odata_paging")
async def test_a_key_that_is_not_unique_is_refused(plant: Plant, open_adapter: Open) -> None:
    """Two records under one key would be one in the read model."""
    adapter = open_adapter(mapping=profile(plant.fake.version, stock={"key": ["Bin"]}))
    with pytest.raises(BadAnswerError) as caught:
        await read_pages(adapter, "stock")
    assert caught.value.facts["field"] == "source_key"


@guarantees("P9.odata_paging", "P9.odata_literals")
async def test_keys_of_any_characters_are_paged_and_read(plant: Plant, open_adapter: Open) -> None:
    """People put quotes, signs and blanks of all kinds into numbers of materials."""
    fake = plant.fake
    fake.sets["A_Stock"].rows.clear()
    odd = [
        "O'Neil",
        "a b",
        "a\u00a0b",
        "50%",
        "a%2fb",
        "x&y=z",
        "c+d",
        "e#f",
        "g?h",
        "ü/ß",
        "\u2019",
        "\U0001f600",
        "(1)",
        ";",
    ]
    for name in odd:
        fake.put("A_Stock", Material=name, Bin="x", StockType="F", Quantity=Decimal(1), Unit="ST", SpecialStock="")
    adapter = open_adapter(page_rows=2)
    held = await fold(adapter, "stock")
    assert {one.material_id for one in held.values() if isinstance(one, Stock)} == set(odd)
    assert {one.source_key for one in await adapter.read("stock", sorted(held))} == set(held)


@guarantees("P9.odata_paging")
async def test_changes_ask_from_the_last_one_less_the_overlap(plant: Plant, open_adapter: Open) -> None:
    """What was committed late is older than what was seen."""
    adapter = open_adapter(options={"overlap_s": "2"})
    pages = await read_pages(adapter, "stock")
    plant.fake.requests.clear()
    later = await read_pages(adapter, "stock", pages[-1].watermark)
    assert any("LastChange ge" in one.query["$filter"] for one in plant.fake.requests)
    assert 0 < sum(len(page.records) for page in later) < 11
    assert content(apply(apply({}, pages), later)) == content(plant.expected("stock"))
