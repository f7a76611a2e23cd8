"""`AdapterContract`: the tests that every read adapter passes, whatever it speaks to.

A subclass gives one fixture, `source`, and is done:

    class TestMyAdapter(AdapterContract):
        @pytest.fixture
        def source(self, tmp_path: Path) -> ContractSource:
            return MySource(tmp_path)

Tests are coroutines: set `asyncio_mode = auto` for pytest-asyncio.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from erp_mcp.domain.entities import ENTITIES, Kind
from erp_mcp.domain.instants import instant_text, parse_instant, seconds_between
from erp_mcp.errors import (
    BadAnswerError,
    EntityNotOfferedError,
    GatewayError,
    InexactNumberError,
    InvalidArgumentError,
    SystemTimeoutError,
    SystemUnreachableError,
)
from erp_mcp.ports import ChangePage
from erp_mcp.testing.contract_source import ContractSource, Fault
from erp_mcp.testing.passes import apply, content, fold, read_pages, tokens, told, values

MAX_WATERMARK_CHARS: Final = 4000
SOON_S: Final = 15.0
_INT64: Final = 2**63


class AdapterContract:
    """What `ports.Adapter` means, as tests; see the module."""

    # --- What is given ------------------------------------------------------------------------------------------------

    async def test_offers_only_canonical_entities(self, source: ContractSource) -> None:
        """Nobody downstream knows any other; an adapter that offers nothing is a mistake in its profile."""
        assert source.adapter.entities
        assert source.adapter.entities <= set(ENTITIES)

    async def test_gives_exactly_what_the_system_holds(self, source: ContractSource) -> None:
        """The first pass is the whole truth, for each entity."""
        for entity in sorted(source.adapter.entities):
            assert content(await fold(source.adapter, entity)) == content(source.expected(entity)), entity

    async def test_gives_canonical_records_of_its_own_system(self, source: ContractSource) -> None:
        """A record says what it is and where it comes from."""
        for entity in sorted(source.adapter.entities):
            for record in (await fold(source.adapter, entity)).values():
                assert type(record) is ENTITIES[entity]
                assert record.system == source.adapter.system
                assert record.version_token

    async def test_gives_each_source_key_once(self, source: ContractSource) -> None:
        """(system, source key) is the primary key of the read model."""
        keys = [
            record.source_key for page in await read_pages(source.adapter, source.entity) for record in page.records
        ]
        assert len(keys) == len(set(keys))
        assert all(keys)

    async def test_gives_numbers_as_exact_integers(self, source: ContractSource) -> None:
        """A float has lost digits before anyone looked."""
        for name, kind, value in await values(source.adapter):
            if kind in {Kind.QUANTITY, Kind.MONEY, Kind.INTEGER}:
                assert type(value) is int, name
                assert abs(value) < _INT64, name

    async def test_gives_dates_and_instants_in_canonical_form(self, source: ContractSource) -> None:
        """Only then is text order time order."""
        for name, kind, value in await values(source.adapter):
            if kind is Kind.INSTANT:
                assert instant_text(parse_instant(str(value))) == value, name
            if kind is Kind.DATE:
                assert instant_text(parse_instant(f"{value}T00:00:00Z"))[:10] == value, name

    async def test_says_as_of_when_a_record_is(self, source: ContractSource) -> None:
        """It is the time of reading, or how far the source is where it says so; in UTC, so local time shows."""
        for entity in sorted(source.adapter.entities):
            for page in await read_pages(source.adapter, entity):
                now = instant_text(source.clock.plant())
                as_of = min(now, page.high_water or now)
                assert all(abs(seconds_between(record.as_of, as_of)) < 60 for record in page.records), entity
                assert instant_text(parse_instant(page.high_water or now)) == (page.high_water or now), entity

    async def test_a_version_token_changes_with_its_record_alone(self, source: ContractSource) -> None:
        """A write names the token it has seen; one that differs by itself would refuse every write."""
        held = await fold(source.adapter, source.entity)
        again = await fold(source.adapter, source.entity)
        read = await source.adapter.read(source.entity, sorted(held)[:3])
        assert tokens(again) == tokens(held)
        assert tokens({record.source_key: record for record in read}).items() <= tokens(held).items()

    # --- Paging and resuming ------------------------------------------------------------------------------------------

    async def test_gives_pages_of_bounded_size(self, source: ContractSource) -> None:
        """Memory stays bounded however large the system is."""
        pages = await read_pages(source.adapter, source.entity)
        assert len(pages) > 1
        assert all(len(page.records) <= source.page_rows and len(page.deleted) <= source.page_rows for page in pages)

    async def test_marks_the_last_page_and_no_other(self, source: ContractSource) -> None:
        """The end of a pass is said, not guessed; also where nothing changed."""
        pages = await read_pages(source.adapter, source.entity)
        again = await read_pages(source.adapter, source.entity, pages[-1].watermark)
        assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
        assert [page.last for page in again] == [False] * (len(again) - 1) + [True]

    async def test_gives_bounded_text_watermarks(self, source: ContractSource) -> None:
        """They are stored with each page, where a secret has no place."""
        for page in await read_pages(source.adapter, source.entity):
            assert 0 < len(page.watermark) <= MAX_WATERMARK_CHARS
            assert not [secret for secret in source.secrets if secret in page.watermark]

    async def test_first_pass_is_a_snapshot(self, source: ContractSource) -> None:
        """A pass from the beginning names every live record, so what it does not name can go."""
        pages = await read_pages(source.adapter, source.entity)
        assert all(page.snapshot for page in pages)

    async def test_resumes_from_each_watermark_with_the_rest(self, source: ContractSource) -> None:
        """A killed pass goes on where its last applied page ended."""
        pages = await read_pages(source.adapter, source.entity)
        for stop in range(len(pages)):
            held = apply({}, (dataclasses.replace(page, snapshot=False) for page in pages[: stop + 1]))
            rest = await fold(source.adapter, source.entity, pages[stop].watermark, held)
            assert content(rest) == content(source.expected(source.entity)), stop

    async def test_a_second_pass_without_changes_changes_nothing(self, source: ContractSource) -> None:
        """Re-reading the edge of the last pass is harmless."""
        pages = await read_pages(source.adapter, source.entity)
        held = apply({}, pages)
        again = await fold(source.adapter, source.entity, pages[-1].watermark, dict(held))
        assert content(again) == content(held)

    async def test_a_foreign_watermark_is_refused_or_answered_in_full(self, source: ContractSource) -> None:
        """A watermark of another adapter or version skips nothing silently, nor keeps what is gone.

        A refusal names the field `watermark`: that is what makes synchronisation begin again.
        """
        refused: str | int | tuple[str, ...] = "no"
        pages: list[ChangePage] = []
        try:
            pages = await read_pages(source.adapter, source.entity, "not a watermark of this adapter")
        except BadAnswerError as refusal:
            refused = refusal.facts.get("field", "")
        in_full = content(apply({}, pages)) == content(source.expected(source.entity))
        assert refused == "watermark" or (pages[0].snapshot and in_full)

    async def test_passes_and_reads_do_not_disturb_each_other(self, source: ContractSource) -> None:
        """A scheduled pass, a second one and a live read may meet."""
        key = min(source.expected(source.entity))
        pages: list[ChangePage] = []
        async with asyncio.timeout(SOON_S):
            async for page in source.adapter.changes(source.entity, ""):
                pages.append(page)
                inner = await fold(source.adapter, source.entity)
                assert len(await source.adapter.read(source.entity, [key])) == 1
                assert content(inner) == content(source.expected(source.entity))
        assert content(apply({}, pages)) == content(source.expected(source.entity))

    # --- Changes ------------------------------------------------------------------------------------------------------

    async def test_sees_an_edit(self, source: ContractSource) -> None:
        """A changed record comes again, with another version token."""
        pages = await read_pages(source.adapter, source.entity)
        before = apply({}, pages)
        key = source.edit()
        after = await fold(source.adapter, source.entity, pages[-1].watermark, dict(before))
        assert content(after) == content(source.expected(source.entity))
        assert after[key].version_token != before[key].version_token

    async def test_sees_an_addition(self, source: ContractSource) -> None:
        """A new record comes with the next pass."""
        pages = await read_pages(source.adapter, source.entity)
        key = source.add()
        after = await fold(source.adapter, source.entity, pages[-1].watermark, apply({}, pages))
        assert key in after
        assert content(after) == content(source.expected(source.entity))

    async def test_sees_a_deletion(self, source: ContractSource) -> None:
        """A record that is gone is named, or missing from a snapshot."""
        pages = await read_pages(source.adapter, source.entity)
        key = source.delete()
        after = await fold(source.adapter, source.entity, pages[-1].watermark, apply({}, pages))
        assert key not in after
        assert content(after) == content(source.expected(source.entity))

    async def test_resumes_a_pass_over_many_changes_from_each_watermark(self, source: ContractSource) -> None:
        """A later pass has several pages too, of bounded size, and can be killed after each."""
        pages = await read_pages(source.adapter, source.entity)
        before = apply({}, pages)
        for _ in range(source.page_rows + 1):
            source.add()
            source.delete()
        later = await read_pages(source.adapter, source.entity, pages[-1].watermark)
        assert all(len(page.records) <= source.page_rows and len(page.deleted) <= source.page_rows for page in later)
        assert content(apply(dict(before), later)) == content(source.expected(source.entity))
        for stop in range(len(later)):
            cut = (dataclasses.replace(page, snapshot=False) for page in later[: stop + 1])
            rest = await fold(source.adapter, source.entity, later[stop].watermark, apply(dict(before), cut))
            assert content(rest) == content(source.expected(source.entity)), stop

    @pytest.mark.parametrize("change", ["edit", "add", "delete"])
    async def test_loses_no_change_made_between_two_pages(self, source: ContractSource, change: str) -> None:
        """People go on working while a pass runs; the next pass at the latest has what they did."""
        pages: list[ChangePage] = []
        async for page in source.adapter.changes(source.entity, ""):
            if not pages:
                _change(source, change)
            pages.append(page)
        held = await fold(source.adapter, source.entity, pages[-1].watermark, apply({}, pages))
        assert content(held) == content(source.expected(source.entity))

    async def test_loses_nothing_that_stays_when_rows_shift_between_two_pages(self, source: ContractSource) -> None:
        """Pages counted from the start shift when a record before them is deleted; what stays must be in the pass."""
        pages: list[ChangePage] = []
        gone = ""
        async for page in source.adapter.changes(source.entity, ""):
            if not pages:
                gone = source.delete()
            pages.append(page)
        held = set(apply({}, pages))
        assert set(source.expected(source.entity)) - {gone} <= held

    # --- Reading by key -----------------------------------------------------------------------------------------------

    async def test_reads_records_by_key_and_leaves_out_the_missing(self, source: ContractSource) -> None:
        """A live read gives the same records as a pass."""
        expected = source.expected(source.entity)
        keys = sorted(expected)[:3]
        records = await source.adapter.read(source.entity, [*keys, keys[0], "no-such-key"])
        assert content({record.source_key: record for record in records}) == content(
            {key: expected[key] for key in keys}
        )
        assert len(records) == len(keys)

    async def test_reads_no_deleted_record(self, source: ContractSource) -> None:
        """Gone is gone at once in a live read."""
        key = source.delete()
        assert await source.adapter.read(source.entity, [key]) == ()

    async def test_reads_nothing_for_no_keys(self, source: ContractSource) -> None:
        """No keys is no question, not "everything"."""
        assert await source.adapter.read(source.entity, []) == ()

    async def test_reads_200_keys_and_refuses_more(self, source: ContractSource) -> None:
        """One request to a system of record stays small."""
        known = sorted(source.expected(source.entity))
        keys = [f"key-{number}" for number in range(200 - len(known))]
        assert len(await source.adapter.read(source.entity, [*keys, *known])) == len(known)
        with pytest.raises(InvalidArgumentError):
            await source.adapter.read(source.entity, [f"key-{number}" for number in range(201)])

    async def test_refuses_an_entity_it_does_not_offer(self, source: ContractSource) -> None:
        """An empty answer would read as "there are none"."""
        with pytest.raises(EntityNotOfferedError):
            await source.adapter.read("no_such_entity", ["1"])
        with pytest.raises(EntityNotOfferedError):
            await read_pages(source.adapter, "no_such_entity")

    # --- When the system fails ----------------------------------------------------------------------------------------

    async def test_says_unreachable_when_the_system_is_down(self, source: ContractSource) -> None:
        """Repeat later: nothing is wrong with the request."""
        requests = _requests(source)
        source.fault("down")
        for request in requests:
            with pytest.raises(SystemUnreachableError):
                await request()

    async def test_says_timeout_when_the_system_is_slow(self, source: ContractSource) -> None:
        """Nobody waits for ever."""
        requests = _data_requests(source)
        source.fault("slow")
        for request in requests:
            began = time.monotonic()
            async with asyncio.timeout(SOON_S):
                with pytest.raises(SystemTimeoutError):
                    await request()
            assert time.monotonic() - began < SOON_S  # one that blocks can't be interrupted

    async def test_refuses_nonsense_instead_of_passing_it_on(self, source: ContractSource) -> None:
        """A wrong record is worse than none."""
        requests = _data_requests(source)
        source.fault("nonsense")
        for request in requests:
            with pytest.raises((BadAnswerError, InexactNumberError)):
                await request()

    @pytest.mark.parametrize("how", ["down", "slow", "nonsense"])
    async def test_puts_no_secret_or_system_text_into_an_error_or_log(
        self, source: ContractSource, caplog: pytest.LogCaptureFixture, how: Fault
    ) -> None:
        """Errors reach agents and logs, with what caused them."""
        requests = _data_requests(source) if how != "down" else _requests(source)
        source.fault(how)
        caplog.set_level("DEBUG")
        for request in requests:
            with pytest.raises(GatewayError) as caught:
                await request()
            shown = f"{told(caught.value)} {caplog.messages} {source.adapter!r}"
            assert not [secret for secret in source.secrets if secret in shown]

    async def test_a_pass_that_is_cut_off_never_counts_as_complete(self, source: ContractSource) -> None:
        """A system that goes down between two pages must not look like the end of what it holds."""
        expected = content(source.expected(source.entity))
        pages: list[ChangePage] = []
        try:
            async for page in source.adapter.changes(source.entity, ""):
                if not pages:
                    source.fault("down")
                pages.append(page)
        except SystemUnreachableError:
            assert not [page for page in pages if page.last]
        else:
            assert content(apply({}, pages)) == expected  # it had everything in hand

    async def test_answers_again_when_the_system_is_back(self, source: ContractSource) -> None:
        """A failure leaves nothing broken behind."""
        source.fault("down")
        with pytest.raises(SystemUnreachableError):
            await read_pages(source.adapter, source.entity)
        source.fault("none")
        assert content(await fold(source.adapter, source.entity)) == content(source.expected(source.entity))

    # --- Around it ----------------------------------------------------------------------------------------------------

    async def test_probe_is_text_without_secrets_and_with_a_real_time(self, source: ContractSource) -> None:
        """`doctor` shows it to a person; the time finds a clock that is wrong."""
        probe = await source.adapter.probe()
        assert {type(part) for pair in probe.items() for part in pair} <= {str}
        assert not [secret for secret in source.secrets if secret in str(probe)]
        if "server_time" in probe:
            assert instant_text(parse_instant(probe["server_time"])) == probe["server_time"]

    async def test_closes_twice_and_in_the_middle_of_a_pass(self, source: ContractSource) -> None:
        """Shutting down asks nobody what was under way."""
        async for _ in source.adapter.changes(source.entity, ""):
            break
        await source.adapter.close()
        await source.adapter.close()


def _change(source: ContractSource, how: str) -> str:
    return {"edit": source.edit, "add": source.add, "delete": source.delete}[how]()


def _requests(source: ContractSource) -> tuple[Callable[[], Awaitable[object]], ...]:
    return (
        *_data_requests(source),
        lambda: source.adapter.probe(),  # noqa: PLW0108  the adapter is looked up when asked, a fault may replace it
    )


def _data_requests(source: ContractSource) -> tuple[Callable[[], Awaitable[object]], ...]:
    """Return what asks for records: all keys, as they are before a fault."""
    keys = sorted(source.expected(source.entity))
    return (
        lambda: read_pages(source.adapter, source.entity),
        lambda: source.adapter.read(source.entity, keys),
    )
