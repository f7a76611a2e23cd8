"""Adapters that are wrong in one way each: the contract must say so, or it decides nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.sql.adapter import SqlAdapter
from erp_mcp.domain.entities import Record
from erp_mcp.domain.entities.inventory import Stock
from erp_mcp.domain.entities.production import Downtime
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import BadAnswerError, GatewayError, SystemTimeoutError, SystemUnreachableError
from erp_mcp.ports import ChangePage
from erp_mcp.testing import AdapterContract
from tests.contract.test_sql import SqlSource
from tests.guarantees import guarantees

Pages = list[ChangePage]
_PASSWORD: Final = "s3cret"


class PagesAdapter(SqlAdapter):
    """Gives what `mend` makes of the pages of a pass, which is told where the pass began."""

    mend: Callable[[Pages, str], Pages]

    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        for page in type(self).mend([page async for page in super().changes(entity, watermark)], watermark):
            yield page


def _pages(mend: Callable[[Pages, str], Pages]) -> type[SqlAdapter]:
    return type("Broken", (PagesAdapter,), {"mend": staticmethod(mend)})


def _records(change: Callable[[Record], Record]) -> type[SqlAdapter]:
    return _pages(
        lambda pages, _: [replace(page, records=tuple(change(one) for one in page.records)) for page in pages]
    )


def _rounded(record: Record) -> Record:
    return replace(record, qty=round(record.qty, -6)) if isinstance(record, Stock) else record


def _local(record: Record) -> Record:
    return replace(record, started_at="2026-03-16T05:30:00Z") if isinstance(record, Downtime) else record


def _one_big_page(pages: Pages, watermark: str) -> Pages:
    whole = [one for page in pages for one in page.records], [key for page in pages for key in page.deleted]
    return [replace(pages[-1], records=tuple(whole[0]), deleted=tuple(whole[1]))] if watermark else pages


def _a_page_ahead(pages: Pages, watermark: str) -> Pages:
    ahead = [*pages[1:], pages[-1]]
    return (
        [replace(page, watermark=one.watermark) for page, one in zip(pages, ahead, strict=True)] if watermark else pages
    )


class WrongClassAdapter(SqlAdapter):
    async def read(self, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        try:
            return await super().read(entity, keys)
        except SystemTimeoutError:
            raise SystemUnreachableError(system=self.system) from None


class NothingForAnErrorAdapter(SqlAdapter):
    async def read(self, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        try:
            return await super().read(entity, keys)
        except BadAnswerError:
            return ()


class EndsWhereItBrokeAdapter(SqlAdapter):
    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        held: ChangePage | None = None
        try:
            async for page in super().changes(entity, watermark):
                if held is not None:
                    yield held
                held = page
        except SystemUnreachableError:
            if held is None:
                raise
            held = replace(held, last=True)
        assert held is not None
        yield held


class LeakingCauseAdapter(SqlAdapter):
    async def probe(self) -> Mapping[str, str]:
        try:
            return await super().probe()
        except GatewayError:
            raise SystemUnreachableError(system=self.system) from ValueError(_PASSWORD)


class LoggingAdapter(SqlAdapter):
    async def read(self, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        logging.getLogger(__name__).debug("signing in with %s", _PASSWORD)
        return await super().read(entity, keys)


class OneAtATimeAdapter(SqlAdapter):
    _under_way: ChangePage | None = None

    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        async for page in super().changes(entity, watermark):
            self._under_way = page
            yield page
            if self._under_way is not page:
                return  # its place is that of another pass now


class LateAdapter(SqlAdapter):
    async def changes(self, entity: str, watermark: str) -> AsyncIterator[ChangePage]:
        try:
            async for page in super().changes(entity, watermark):
                yield page
        except SystemTimeoutError:
            await asyncio.Event().wait()


class HundredKeysAdapter(SqlAdapter):
    async def read(self, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        return await super().read(entity, keys[:100] if len(keys) <= 200 else keys)


_BROKEN: Final[dict[str, tuple[type[SqlAdapter], str]]] = {
    "drops a page": (_pages(lambda pages, _: pages[:1] + pages[2:]), "gives_exactly_what_the_system_holds"),
    "repeats a page": (
        _pages(lambda pages, _: [replace(pages[0], watermark=f"{pages[0].watermark} ", last=False), *pages]),
        "gives_each_source_key_once",
    ),
    "loses tombstones": (
        _pages(lambda pages, _: [replace(page, deleted=()) for page in pages]), "sees_a_deletion"
    ),
    "loses all tombstones of a page but one": (
        _pages(lambda pages, _: [replace(page, deleted=page.deleted[:1]) for page in pages]),
        "resumes_a_pass_over_many_changes_from_each_watermark",
    ),
    "gives all changes in one page": (
        _pages(_one_big_page), "resumes_a_pass_over_many_changes_from_each_watermark"
    ),
    "is a page ahead": (_pages(_a_page_ahead), "resumes_a_pass_over_many_changes_from_each_watermark"),
    "says last early": (
        _pages(lambda pages, _: [replace(page, last=page.last or bool(page.deleted)) for page in pages]),
        "sees_a_deletion",
    ),
    "says snapshot late": (
        _pages(lambda pages, _: [replace(page, snapshot=page.last) for page in pages]),
        "gives_exactly_what_the_system_holds",
    ),
    "rounds": (_records(_rounded), "sees_an_addition"),
    "gives local time": (_records(_local), "gives_exactly_what_the_system_holds"),
    "reads in local time": (
        _records(lambda one: replace(one, as_of="2026-03-16T06:00:00Z")), "says_as_of_when_a_record_is"
    ),
    "gives a token of its own": (
        _records(lambda one: replace(one, version_token=f"{id(one)}")), "a_version_token_changes_with_its_record_alone"
    ),
    "takes slow for down": (WrongClassAdapter, "says_timeout_when_the_system_is_slow"),
    "takes nonsense for nothing": (NothingForAnErrorAdapter, "refuses_nonsense_instead_of_passing_it_on"),
    "takes a failure for the end": (EndsWhereItBrokeAdapter, "a_pass_that_is_cut_off_never_counts_as_complete"),
    "disturbs itself": (OneAtATimeAdapter, "passes_and_reads_do_not_disturb_each_other"),
    "cuts a list of keys": (HundredKeysAdapter, "reads_200_keys_and_refuses_more"),
}  # fmt: skip


def _source(adapter: type[SqlAdapter], directory: Path) -> SqlSource:
    class Source(SqlSource):
        def _open(self, url: str, mapping: Profile, timeout_s: float = 5.0) -> SqlAdapter:
            connection = Connection(
                system="erp", url=url, secret=_PASSWORD, page_rows=self.page_rows, timeout_s=timeout_s
            )
            return adapter.open(connection, mapping, self.clock)

    return Source(directory)


@guarantees("adapter.contract")
@pytest.mark.parametrize("how", _BROKEN)
async def test_the_contract_fails_an_adapter_that(how: str, tmp_path: Path) -> None:
    """A suite that passes everything proves nothing."""
    adapter, check = _BROKEN[how]
    with pytest.raises((AssertionError, GatewayError, pytest.fail.Exception)):
        await getattr(AdapterContract(), f"test_{check}")(_source(adapter, tmp_path))


@guarantees("adapter.contract", "P8.no_leaks")
@pytest.mark.parametrize("adapter", [LeakingCauseAdapter, LoggingAdapter])
async def test_the_contract_fails_an_adapter_that_leaks(
    adapter: type[SqlAdapter], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A cause and a log line are read by people and shipped to collectors."""
    with pytest.raises(AssertionError):
        await AdapterContract().test_puts_no_secret_or_system_text_into_an_error_or_log(
            _source(adapter, tmp_path), caplog, "down"
        )


@guarantees("adapter.contract")
async def test_the_contract_gives_up_on_an_adapter_that_never_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite that hangs is killed without saying what was wrong."""
    monkeypatch.setattr("erp_mcp.testing.adapter_contract.SOON_S", 0.5)
    with pytest.raises(TimeoutError):
        await AdapterContract().test_says_timeout_when_the_system_is_slow(_source(LateAdapter, tmp_path))
