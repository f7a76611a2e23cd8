"""REST adapters that are wrong in one way each: the contract must say so, or it decides nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

import pytest

from erp_mcp.adapters._documents.changes import Batch, DocumentChanges
from erp_mcp.adapters._documents.paging import OffsetWalk
from erp_mcp.adapters.rest.pages import RestPages
from erp_mcp.testing import AdapterContract, ContractSource
from tests.guarantees import guarantees
from tests.unit.adapters.rest.fake import fake_rest
from tests.unit.adapters.rest.source import RestSource

Test = Callable[[AdapterContract, ContractSource], Awaitable[None]]
Break = Callable[[pytest.MonkeyPatch], None]


def _naive_offsets(patch: pytest.MonkeyPatch) -> None:
    """Each page begins where the last one ended, whatever was deleted before it."""

    async def batches(self: OffsetWalk, at: str) -> AsyncIterator[Batch]:
        offset = 0
        while True:
            page = await self.fetch(offset, self.size)
            offset += len(page.documents)
            yield Batch(documents=page.documents, server_time=page.server_time)
            if not page.documents:
                return

    patch.setattr(OffsetWalk, "batches", batches)


def _claims_to_be_stable(patch: pytest.MonkeyPatch) -> None:
    """A page number means another page once a row is deleted; what was missed is not looked for."""
    patch.setattr(RestPages, "stable", property(lambda _: True))


def _never_sweeps(patch: pytest.MonkeyPatch) -> None:
    """What is gone is never found out."""
    patch.setattr(DocumentChanges, "_due", lambda *_: False)


def _sweeps_one_page(patch: pytest.MonkeyPatch) -> None:
    """A sweep that ends early takes what it has not seen for gone."""
    found = RestPages.keys

    async def keys(self: RestPages, *, since: str) -> AsyncIterator[Sequence[str]]:
        async for some in found(self, since=since):
            yield some
            return

    patch.setattr(RestPages, "keys", keys)


def _goes_on_from_the_newest(patch: pytest.MonkeyPatch) -> None:
    """The next pass begins at the time it was finished, so what changed behind the listing is lost."""

    async def listed(self: DocumentChanges, *arguments: object, **named: object) -> AsyncIterator[object]:
        async for records in original(self, *arguments, **named):  # type: ignore[arg-type]
            listing = arguments[0]
            listing.mark = replace(listing.mark, newest="2030-01-01T00:00:00Z", started="2030-01-01T00:00:00Z")  # type: ignore[attr-defined]
            yield records

    original = DocumentChanges._listed
    patch.setattr(DocumentChanges, "_listed", listed)


BROKEN: Final[dict[str, tuple[str, Break, Test]]] = {
    "naive offsets": (
        "offset",
        _naive_offsets,
        lambda suite, source: suite.test_loses_no_change_made_between_two_pages(source, "delete"),
    ),
    "page numbers taken for stable": (
        "page",
        _claims_to_be_stable,
        lambda suite, source: suite.test_loses_no_change_made_between_two_pages(source, "delete"),
    ),
    "no sweep": ("keyset", _never_sweeps, lambda suite, source: suite.test_sees_a_deletion(source)),
    "half a sweep": (
        "keyset",
        _sweeps_one_page,
        lambda suite, source: suite.test_a_second_pass_without_changes_changes_nothing(source),
    ),
    "from the end of the pass": (
        "offset",
        _goes_on_from_the_newest,
        lambda suite, source: suite.test_loses_no_change_made_between_two_pages(source, "edit"),
    ),
}


@guarantees("P9.no_change_lost")
@pytest.mark.parametrize("name", sorted(BROKEN))
async def test_the_contract_finds_what_is_broken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these passes every day until somebody deletes a row at the wrong moment."""
    paging, damage, test = BROKEN[name]
    async with fake_rest() as fake:
        source = RestSource(fake, paging)
        await test(AdapterContract(), source)
        damage(monkeypatch)
        other = RestSource(fake, paging)
        with pytest.raises(AssertionError):
            await test(AdapterContract(), other)
        for adapter in (*source.opened, *other.opened):
            await adapter.close()
