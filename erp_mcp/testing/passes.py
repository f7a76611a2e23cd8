"""What a test does with the pages of an adapter."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from erp_mcp.domain.entities import ENTITIES, Kind, Record, field_specs
from erp_mcp.ports import Adapter, ChangePage

Held = dict[str, Record]


async def read_pages(adapter: Adapter, entity: str, watermark: str = "") -> list[ChangePage]:
    """Return all pages of one pass; the last one and no other says so, and all say alike whether it is a snapshot.

    Synchronisation stops at the page that says it is the last, and believes the first one about the snapshot.
    """
    pages = [page async for page in adapter.changes(entity, watermark)]
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True], (
        "the last page, and no other, is `last`"
    )
    assert len({page.snapshot for page in pages}) == 1, "a pass is a snapshot or not, on all of its pages"
    return pages


async def fold(adapter: Adapter, entity: str, watermark: str = "", held: Held | None = None) -> Held:
    """Return what is held after one pass on top of `held`."""
    return apply(held or {}, await read_pages(adapter, entity, watermark))


def apply(held: Held, pages: Iterable[ChangePage]) -> Held:
    """Return what a read model would hold after these pages: deletions of a page first, then its records."""
    named: set[str] = set()
    for page in pages:
        for key in page.deleted:
            held.pop(key, None)
        held.update((record.source_key, record) for record in page.records)
        named = (named - set(page.deleted)) | {record.source_key for record in page.records} | set(page.present)
        assert named <= set(held), "`present` names only records that were given before"
        if page.last and page.snapshot:
            held = {key: held[key] for key in named}
    return held


def content(held: Mapping[str, Record]) -> dict[str, Record]:
    """Return records without what differs from reading to reading."""
    return {key: dataclasses.replace(record, as_of="", version_token="") for key, record in sorted(held.items())}


def tokens(held: Mapping[str, Record]) -> dict[str, str]:
    """Return the version token of each record."""
    return {key: record.version_token for key, record in held.items()}


def told(error: BaseException | None) -> str:
    """Return all that an error tells to whom it is shown or who finds it in a log, with what caused it."""
    if error is None:
        return ""
    beneath = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    notes = getattr(error, "__notes__", ())
    return f"{error} {error!r} {getattr(error, 'facts', '')} {notes} {told(beneath)}"


async def values(adapter: Adapter) -> list[tuple[str, Kind, object]]:
    """Return (entity.field, kind, value) of every value of every record."""
    return [
        (f"{entity}.{spec.name}", spec.kind, value)
        for entity in sorted(adapter.entities)
        for record in (await fold(adapter, entity)).values()
        for spec in field_specs(ENTITIES[entity])
        if (value := getattr(record, spec.name)) is not None
    ]
