"""What a REST system answers, good or hostile, and what becomes of it."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from erp_mcp.adapters._documents.refusals import MAX_NATIVE_CODE
from erp_mcp.adapters.rest.adapter import RestAdapter
from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import (
    BadAnswerError,
    DestinationNotAllowedError,
    GatewayError,
    SystemBusyError,
    SystemRefusedError,
    SystemUnreachableError,
    TooLargeError,
)
from erp_mcp.testing import FixedClock, connection_to
from erp_mcp.testing.passes import apply, fold, read_pages, told
from tests.guarantees import guarantees
from tests.unit.adapters.rest.fake import PREFIX, SYSTEM_TEXT, FakeRest, Reply, fake_rest
from tests.unit.adapters.rest.source import profile, requisition

JSON: Final = {"content-type": "application/json"}
ENTITY: Final = "purchase_requisition"
LONGEST: Final = "x" * MAX_NATIVE_CODE


@pytest.fixture
async def fake() -> AsyncIterator[FakeRest]:
    async with fake_rest() as served:
        for number in range(1, 12):
            served.put("requisitions", requisition(number))
        yield served


async def pages_of(fake: FakeRest, paging: str = "offset", **head: JsonValue) -> list[Any]:
    options = {"max_mb": "1"}
    adapter = RestAdapter.open(connection_to(fake.url, options=options), profile(paging, **head), FixedClock())
    try:
        return await read_pages(adapter, ENTITY)
    finally:
        await adapter.close()


async def failure_of(fake: FakeRest, paging: str = "offset") -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await pages_of(fake, paging)
    assert SYSTEM_TEXT not in told(caught.value)
    assert "tabBin" not in told(caught.value)
    return caught.value


def error(code: object = "X-17") -> bytes:
    return json.dumps({"error": {"code": code, "text": SYSTEM_TEXT}}).encode()


HOSTILE: Final[dict[str, tuple[Reply, type[GatewayError]]]] = {
    "error inside 200": (Reply(body=error()), SystemRefusedError),
    "refused": (Reply(status=403, body=error()), SystemRefusedError),
    "sign-in": (Reply(status=401, body=error()), SystemRefusedError),
    "a rule": (Reply(status=417, body=error()), SystemRefusedError),
    "not there": (Reply(status=404, body=error()), SystemRefusedError),
    "a defect of theirs": (Reply(status=500, body=SYSTEM_TEXT.encode()), BadAnswerError),
    "too much": (Reply(status=429, body=error(), headers={**JSON, "retry-after": "7"}), SystemBusyError),
    "later": (Reply(status=503, body=SYSTEM_TEXT.encode()), SystemUnreachableError),
    "gateway": (Reply(status=502, body=b"<html>"), SystemUnreachableError),
    "elsewhere": (Reply(status=302, headers={"location": "http://169.254.169.254/latest"}), BadAnswerError),
    "created": (Reply(status=201, body=b'{"data": []}'), BadAnswerError),
    "no content": (Reply(status=204, body=b""), BadAnswerError),
    "a page": (Reply(body=b"<html>Sign in</html>", headers={"content-type": "text/html"}), BadAnswerError),
    "a page that says JSON": (Reply(body=b"<html>Sign in</html>"), BadAnswerError),
    "another encoding": (
        Reply(body='{"data": []}'.encode("utf-16"), headers={"content-type": "application/json; charset=utf-16"}),
        BadAnswerError,
    ),
    "Latin-1": (Reply(body='{"data": [{"id": "\xe4"}]}'.encode("latin-1")), BadAnswerError),
    "an encoding nobody asked for": (Reply(body=b"x", headers={**JSON, "content-encoding": "br"}), BadAnswerError),
    "empty": (Reply(body=b""), BadAnswerError),
    "cut off": (Reply(body=b'{"data": [{"id": "1"'), BadAnswerError),
    "a bare list": (Reply(body=b"[]"), BadAnswerError),
    "a list that is an object": (Reply(body=b'{"data": {"0": {}}}'), BadAnswerError),
    "a list of texts": (Reply(body=b'{"data": ["secret"]}'), BadAnswerError),
    "null": (Reply(body=b'{"data": null}'), BadAnswerError),
    "duplicate keys": (Reply(body=b'{"data": [], "data": [{}]}'), BadAnswerError),
    "a number too long": (Reply(body=b'{"data": [{"id": 1' + b"0" * 100 + b"}]}"), BadAnswerError),
    "deep": (Reply(body=b'{"data": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"), BadAnswerError),
    "large": (Reply(body=b'{"data": "' + b"a" * 1_100_000 + b'"}'), TooLargeError),
    "a bomb": (
        Reply(
            body=gzip.compress(b'{"data": "' + b"a" * 50_000_000 + b'"}'), headers={**JSON, "content-encoding": "gzip"}
        ),
        TooLargeError,
    ),
    "a record without its key": (Reply(body=b'{"data": [{"line": 1}]}'), BadAnswerError),
    "a float that is none": (
        Reply(body=json.dumps({"data": [requisition(1, "12,5") | {"modified": "2026-03-01"}]}).encode()),
        BadAnswerError,
    ),
}


@guarantees("P9.rest_verdicts", "P9.bombs")
@pytest.mark.parametrize("name", sorted(HOSTILE))
async def test_a_hostile_answer_becomes_a_code_of_ours(fake: FakeRest, name: str) -> None:
    """A status alone is no verdict, and no text of the system comes out."""
    fake.mode = "replace"
    fake.replace, expected = HOSTILE[name]
    assert type(await failure_of(fake)) is expected


@guarantees("P9.rest_verdicts")
async def test_the_native_code_is_a_fact_as_far_as_it_is_a_code(fake: FakeRest) -> None:
    """People look it up; a text in its place is left where it is."""
    fake.mode = "replace"
    codes = (("V1/304", "V1/304"), (4711, "4711"), (LONGEST, LONGEST))
    for code, fact in (*codes, (f"{LONGEST}x", None), (SYSTEM_TEXT, None), ({"a": 1}, None)):
        for status in (200, 400):
            fake.replace = Reply(status=status, body=error(code))
            assert (await failure_of(fake)).facts.get("native_code") == fact


@guarantees("P9.told")
async def test_says_when_to_come_back(fake: FakeRest) -> None:
    """A rate limit is no refusal."""
    fake.mode = "replace"
    fake.replace = HOSTILE["too much"][0]
    assert (await failure_of(fake)).facts["retry_after_s"] == 7


LINKS: Final = {
    "another host": "http://example.com/api/v1/requisitions?cursor=c3",
    "another port": "http://127.0.0.1:1/api/v1/requisitions",
    "the metadata address": "http://169.254.169.254/latest/meta-data",
    "another path": "/admin/users",
    "a path that climbs": "/api/v1/../../admin",
    "a path that climbs, encoded": "/api/v1/%2e%2e/admin",
    "a file": "file:///etc/passwd",
    "credentials": "http://a:b@127.0.0.1/api/v1/requisitions",
    "a script": "javascript:alert(1)",
    "a line break": "/api/v1/requisitions\r\nX-Evil: 1",
    "very long": "/api/v1/requisitions?" + "a" * 9000,
}


@guarantees("P9.rest_verdicts")
@pytest.mark.parametrize("name", sorted(LINKS))
async def test_a_next_link_leads_nowhere_else(fake: FakeRest, name: str) -> None:
    """What a system answers never decides whom we ask."""
    fake.spoil = lambda value: value | {"next": LINKS[name]}
    assert type(await failure_of(fake, "next")) is DestinationNotAllowedError
    assert {one.path for one in fake.asked} == {f"{PREFIX}/requisitions"}


@guarantees("P9.rest_verdicts")
@pytest.mark.parametrize(
    ("paging", "spoil"),
    [
        ("next", lambda value: value | {"next": f"{PREFIX}/requisitions?cursor=c0&limit=3"}),
        ("cursor", lambda value: value | {"cursor": "c3"}),
        ("page", lambda value: value | {"data": value["data"][:1] and [first()], "more": True}),
        ("keyset", lambda value: value | {"data": [first()]}),
        ("offset", lambda value: value | {"data": [first()] * 3}),
    ],
)
async def test_pages_without_an_end_are_given_up(
    fake: FakeRest, paging: str, spoil: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """A system that gives the same page for ever must not hold us for ever."""
    fake.spoil = spoil
    try:
        pages = await pages_of(fake, paging)
    except BadAnswerError:
        assert len(fake.asked) < 25
    else:
        assert paging == "keyset"  # the same record again is the end of a keyset
        assert len(pages) < 5


def first() -> dict[str, Any]:
    return requisition(1) | {"modified": "2026-03-16 10:30:01.000000"}


@guarantees("P9.rest_requests", "P9.bounded")
async def test_a_cursor_is_data_and_bounded(fake: FakeRest) -> None:
    """It is encoded as one value of the query, whatever stands in it."""
    fake.spoil = lambda value: value | {"cursor": "c3&limit=9999#" if value["cursor"] == "c3" else None}
    fake.before = lambda asked: fake.__setattr__("mode", "replace" if "cursor" in asked.query else "well")
    fake.replace = Reply(body=b'{"data": [], "cursor": null}')
    await pages_of(fake, "cursor")
    assert fake.asked[-1].query["cursor"] == "c3&limit=9999#"
    fake.before = lambda _: None
    fake.mode = "well"
    fake.spoil = lambda value: value | {"cursor": "c" * 3000}
    assert (await failure_of(fake, "cursor")).facts["field"] == "next"


@guarantees("P9.no_half_pass")
@pytest.mark.parametrize("paging", ["offset", "keyset", "page"])
async def test_a_page_that_the_system_caps_is_not_taken_for_the_last(fake: FakeRest, paging: str) -> None:
    """Only an empty page, or its own word, ends a listing."""
    fake.cap = 2
    pages = await pages_of(fake, paging)
    assert sum(len(page.records) for page in pages) == 11


@guarantees("P9.rest_verdicts")
async def test_a_document_that_is_not_there_is_left_out_and_a_page_of_a_proxy_is_not(fake: FakeRest) -> None:
    """Read one by one, "not there" counts only in the system's own form."""
    fake.put("stores", {"id": "S1", "site": "1", "lots": [{"no": "L1", "material": "M"}]})
    adapter = RestAdapter.open(connection_to(fake.url), profile(), FixedClock())
    found = await adapter.read("lot", ["S1/L1", "S2/L1", "S1/L9", "nonsense"])
    assert [one.source_key for one in found] == ["S1/L1"]
    fake.pages[f"{PREFIX}/stores/S2"] = Reply(status=404, body=b"<html>", headers={"content-type": "text/html"})
    with pytest.raises(SystemRefusedError):
        await adapter.read("lot", ["S2/L1"])
    await adapter.close()


@guarantees("adapter.introspection")
async def test_probe_without_a_page_of_its_own_reads_a_record(fake: FakeRest) -> None:
    """That the account may read is worth knowing too."""
    adapter = RestAdapter.open(replace(connection_to(fake.url), account="reader"), profile(), FixedClock())
    assert await adapter.probe() == {"account": "reader"}
    await adapter.close()


@guarantees("P9.rest_requests")
async def test_a_listing_that_gives_less_than_a_record_needs_is_read_document_by_document(fake: FakeRest) -> None:
    """Items too, which stand in the documents alone; so do the keys of what was deleted."""
    for number in range(1, 6):
        lots = [{"no": f"L{number}-{one}", "material": "M"} for one in range(number)]
        fake.put("stores", {"id": f"S{number}", "site": "1", "lots": lots})
    good = profile()
    entity: dict[str, JsonValue] = {
        **good.entities["lot"],
        "request": {"path": "/stores", "query": {"fields": "id,modified"}},
        "since": {"query": {"since": "{since:site}"}},
        "by_key": {"path": "/stores/{key}", "item": "data"},
        "detail": True,
        "changed": {"instant": "modified", "zone": "site"},
        "deletions": {"every_s": 0},
    }
    adapter = RestAdapter.open(connection_to(fake.url), replace(good, entities={"lot": entity}), FixedClock())
    first = await read_pages(adapter, "lot")
    assert sum(len(page.records) for page in first) == 15
    fake.drop("stores", "S5")
    held = apply({}, first)
    assert len(await fold(adapter, "lot", first[-1].watermark, held)) == 10
    assert [one.source_key for one in await adapter.read("lot", ["S2/L2-1", "S5/L5-0"])] == ["S2/L2-1"]
    await adapter.close()
