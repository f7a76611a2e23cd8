"""What changed in documents: how far back, when deletions are looked for, what a killed pass costs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import pytest

from erp_mcp.adapters._documents import Document, compile_fields
from erp_mcp.adapters._documents.changes import PRESENT_PER_PAGE, Batch, DocumentChanges
from erp_mcp.adapters._documents.watermark import MAX_POSITION_CHARS, Watermark
from erp_mcp.adapters._mapping import RecordMapper
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import BadAnswerError, InvalidArgumentError
from erp_mcp.ports import ChangePage
from tests.guarantees import guarantees

PROFILE: Final = Profile(name="works", version=1, kind="rest", level=4, zone="UTC", identity={}, states={})


def at(second: int) -> str:
    return f"2026-03-16T{5 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"


class Store:
    """Documents by number with the second of their change; each call of `now` is ours, `server` is the system's."""

    def __init__(self, *, stable: bool = True) -> None:
        self.rows: dict[str, int] = {}
        self.steady = stable
        self.server = 0
        self.ours = 0
        self.asked: list[tuple[str, str, str]] = []
        self.between: Callable[[int], None] = lambda _: None
        self.size = 3

    @property
    def stable(self) -> bool:
        return self.steady

    async def listing(self, *, since: str, at: str) -> AsyncIterator[Batch]:
        self.asked.append(("listing", since, at))
        names = [name for name in sorted(self.rows) if self._changed(name) >= since and name > at]
        for number, start in enumerate(range(0, max(1, len(names)), self.size)):
            some = names[start : start + self.size]
            documents = [self.document(one) for one in some if one in self.rows]
            yield Batch(documents=documents, resume=some[-1] if some else "", server_time=self._told())
            self.between(number)

    async def keys(self, *, since: str) -> AsyncIterator[Sequence[str]]:
        self.asked.append(("keys", since, ""))
        yield [name for name in sorted(self.rows) if self._changed(name) >= since]

    async def read(self, keys: Sequence[str]) -> Sequence[Document]:
        self.asked.append(("read", ",".join(keys), ""))
        return [self.document(key) for key in keys if key in self.rows]

    def document(self, name: str) -> dict[str, Any]:
        return {"no": name, "changed": self._changed(name)}

    def _changed(self, name: str) -> str:
        return at(self.rows[name])

    def _told(self) -> str:
        return at(self.server) if self.server >= 0 else ""


def changes(store: Store, *, page_rows: int = 3, overlap_s: int = 0, **mapping: JsonValue) -> DocumentChanges:
    fields = compile_fields(
        "lot",
        {
            "key": "no", "version": "changed", "changed": "changed", "deletions": {"every_s": 60},
            "fields": {"lot_id": "no", "material_id": {"const": "M"}, "site": {"const": "1"}}, **mapping,
        },
        profile=PROFILE, system="erp",
    )  # fmt: skip
    return DocumentChanges(
        fields=fields, mapper=RecordMapper("lot", system="erp", states={}), pages=store,
        as_of=lambda: at(0), now=lambda: at(store.ours), overlap_s=overlap_s, page_rows=page_rows,
    )  # fmt: skip


async def passed(found: DocumentChanges, watermark: str = "") -> list[ChangePage]:
    return [page async for page in found.since(watermark)]


def told(pages: Sequence[ChangePage]) -> list[str]:
    return [record.source_key for page in pages for record in page.records]


def present(pages: Sequence[ChangePage]) -> list[str]:
    return [key for page in pages for key in page.present]


@guarantees("P9.no_change_lost")
async def test_deletions_are_looked_for_when_they_are_due() -> None:
    """Between two looks a pass is what changed and nothing else."""
    store = Store()
    store.rows = {"a": 1, "b": 2, "c": 3}
    store.server = 10
    found = changes(store)
    mark = (await passed(found))[-1].watermark
    store.ours = 59
    quiet = await passed(found, mark)
    assert store.asked[-1:] != [("keys", "", "")]
    assert not any(page.snapshot for page in quiet)
    store.ours = 60
    del store.rows["a"]
    swept = await passed(found, quiet[-1].watermark)
    assert all(page.snapshot for page in swept)
    assert (present(swept), told(swept)) == (["b"], ["c"])
    store.ours = 119
    assert not (await passed(found, swept[-1].watermark))[0].snapshot


@guarantees("P9.no_change_lost")
async def test_deletions_are_never_looked_for_where_there_are_none() -> None:
    """A ledger only grows."""
    store = Store()
    store.rows = {"a": 1}
    found = changes(store, deletions="never")
    mark = (await passed(found))[-1].watermark
    store.ours = 1_000_000 % 3000
    await passed(found, mark)
    assert {one[0] for one in store.asked} == {"listing"}


@guarantees("P9.no_change_lost")
async def test_the_next_pass_goes_back_to_the_beginning_of_this_one_where_that_is_earlier() -> None:
    """What was changed behind the listing is older than the newest change that it met."""
    store = Store()
    store.rows = dict.fromkeys("abcdefg", 5)
    store.server = 10
    found = changes(store)

    def others(number: int) -> None:
        if number == 0:
            store.rows |= {"a": 20, "g": 30}

    store.between = others
    mark = (await passed(found))[-1].watermark
    store.between = lambda _: None
    assert Watermark.parse(mark).since == at(10)
    assert "a" in told(await passed(found, mark))


@guarantees("P9.no_change_lost")
async def test_the_next_pass_goes_back_to_the_newest_change_where_the_systems_clock_is_ahead_of_its_data() -> None:
    """A system whose records are dated otherwise than its answers is read by its records."""
    store = Store()
    store.rows = {"a": 1, "b": 2}
    store.server = 3000
    found = changes(store)
    mark = (await passed(found))[-1].watermark
    assert Watermark.parse(mark).since == at(2)
    again = (await passed(found, mark))[-1].watermark
    assert Watermark.parse(again).since == at(2)
    store.rows["c"] = 3
    assert "c" in told(await passed(found, again))


@guarantees("P9.no_change_lost")
async def test_a_system_that_tells_no_time_is_read_by_ours() -> None:
    """Less the overlap, as always."""
    store = Store()
    store.rows = {"a": 100}
    store.server = -1
    store.ours = 50
    assert Watermark.parse((await passed(changes(store)))[-1].watermark).since == at(50)


@guarantees("P9.no_change_lost")
async def test_an_overlap_is_read_again() -> None:
    """A transaction that ended late bears an earlier time than one that was read."""
    store = Store()
    store.rows = {"a": 100}
    store.server = 200
    found = changes(store, overlap_s=30)
    mark = (await passed(found))[-1].watermark
    store.rows["late"] = 75
    assert told(await passed(found, mark)) == ["a", "late"]
    assert store.asked[-1] == ("listing", at(70), "")


@guarantees("P9.no_change_lost")
async def test_an_empty_system_is_read_from_the_beginning_until_it_holds_something() -> None:
    """Nothing says how its clock goes."""
    store = Store()
    store.server = 500
    found = changes(store)
    mark = (await passed(found))[-1].watermark
    store.rows["old"] = 1
    assert told(await passed(found, mark)) == ["old"]


@guarantees("P9.no_change_lost")
async def test_what_an_unstable_listing_missed_is_looked_up_by_its_keys() -> None:
    """Pages of a link that only the server understands may shift."""
    store = Store(stable=False)
    store.rows = dict.fromkeys("abcdefgh", 1)

    def shift(number: int) -> None:
        if number == 0:
            del store.rows["e"]
        if number == 1:
            store.rows["e"] = 1

    store.between = shift
    pages = await passed(changes(store))
    assert sorted(told(pages)) == list("abcdefgh")
    assert ("read", "e", "") in store.asked


@guarantees("P9.no_half_pass")
async def test_an_unstable_listing_is_not_gone_on_with() -> None:
    """Its position may mean something else by now; one page alone can't have shifted."""
    store = Store(stable=False)
    store.rows = dict.fromkeys("abcdefgh", 1)
    found = changes(store)
    first = (await passed(found))[0]
    again = await passed(found, first.watermark)
    assert sorted(told(again)) == list("abcdefgh")
    assert again[0].snapshot
    store.rows = {"a": 1}
    store.asked.clear()
    await passed(found)
    assert [one[0] for one in store.asked] == ["listing"]


@guarantees("P9.no_change_lost")
async def test_a_document_of_many_records_is_given_in_pages_and_resumed_before_it() -> None:
    """A page is bounded, and a position lies between documents."""
    store = Store()
    store.rows = {"a": 1, "b": 1}
    store.size = 1
    store.document = lambda name: {"no": name, "changed": at(1), "lots": [{"n": n} for n in range(7)]}  # type: ignore[method-assign]
    fields: JsonValue = {"lot_id": "n", "material_id": {"const": "M"}, "site": {"const": "1"}}
    found = changes(store, each="lots", key=["^.no", "n"], version="hash", fields=fields)
    pages = await passed(found)
    assert [len(page.records) for page in pages] == [3, 3, 1, 3, 3, 1, 0]
    assert len(set(told(pages))) == 14
    rest = await passed(found, pages[3].watermark)
    assert {record.source_key.partition("/")[0] for page in rest for record in page.records} == {"b"}


@guarantees("P9.bounded", "P9.no_half_pass")
async def test_keys_that_are_there_are_named_in_bounded_pages() -> None:
    """However many there are."""
    store = Store()
    store.rows = {f"{number:06}": 1 for number in range(PRESENT_PER_PAGE + 5)}
    store.size = 1000
    store.server = 3000
    found = changes(store, page_rows=1000)
    mark = (await passed(found))[-1].watermark
    store.rows = {name: (1 if name > "000004" else 900) for name in store.rows}
    mark = Watermark(since=at(500), swept=Watermark.parse(mark).swept, under_way=False).text
    store.ours = 3000
    pages = await passed(found, mark)
    assert max(len(page.present) for page in pages) <= PRESENT_PER_PAGE
    assert len(present(pages)) == PRESENT_PER_PAGE


FOREIGN: Final = [
    "x", "[]", "{}", "null", '["documents-1"]', '["documents-2","","","","","",true]',
    '["documents-1","yesterday","","","","",true]', '["documents-1","","","","","",false]',
    '["documents-1",1,"","","","",true]', '["documents-1","2026-03-16T05:00:00+01:00","","","","",false]',
    '["documents-1","","","","","","yes"]', "[[", '"documents-1"',
]  # fmt: skip


@guarantees("input.clear_errors", "P9.no_half_pass")
@pytest.mark.parametrize("watermark", FOREIGN)
async def test_a_foreign_watermark_is_refused_naming_the_field(watermark: str) -> None:
    """That is what makes synchronisation begin again."""
    with pytest.raises(BadAnswerError) as caught:
        await passed(changes(Store()), watermark)
    assert caught.value.facts["field"] == "watermark"


@guarantees("P9.bounded")
def test_a_position_too_long_to_keep_is_left_out() -> None:
    """The listing starts over then; a watermark stays small."""
    text = Watermark(at="x" * (MAX_POSITION_CHARS + 1)).text
    assert json.loads(text)[2] == ""
    assert Watermark.parse(text) == Watermark()


@guarantees("P9.bounded")
async def test_reads_no_more_keys_than_may_be_asked_for() -> None:
    """One request to a system of record stays small."""
    with pytest.raises(InvalidArgumentError):
        await changes(Store()).read([str(number) for number in range(201)])
