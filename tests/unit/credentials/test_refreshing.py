"""One value for all who ask: fetched once, before it ends, and bridged for a bounded time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest

from erp_mcp.credentials.refreshing import Fetched, Refreshing
from erp_mcp.errors import ConfigurationError, GatewayError, SecretUnavailableError
from tests.guarantees import guarantees
from tests.moments import Ticks, settled, still


class Source:
    """Gives numbered values, or fails."""

    def __init__(self, ticks: Ticks) -> None:
        self.fetched = 0
        self.failure: GatewayError | None = None
        self.gate: asyncio.Event | None = None
        self.kept = Refreshing(self._fetch, still(ticks))
        self.stale_s = 0.0

    async def _fetch(self) -> Fetched[str]:
        self.fetched += 1
        number = self.fetched
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return Fetched(value=f"value-{number}", good_s=100, stale_s=self.stale_s)


AWAY: Callable[[], GatewayError] = lambda: SecretUnavailableError(kept="vault", reason="away")  # noqa: E731


@guarantees("P9.one_sign_in")
async def test_whoever_asks_while_it_is_fetched_gets_the_same() -> None:
    """A hundred callers at the start are one fetch."""
    source = Source(Ticks())
    source.gate = asyncio.Event()
    asking = [asyncio.create_task(source.kept.current()) for _ in range(100)]
    await asyncio.sleep(0)
    asking[0].cancel()  # the one who came first leaves; the others still get it
    source.gate.set()

    assert await asyncio.gather(*asking[1:]) == ["value-1"] * 99
    assert source.fetched == 1


@guarantees("P10.rotation")
async def test_it_is_fetched_anew_beside_its_use_once_four_fifths_are_over() -> None:
    """Nobody waits for it, and nobody ever holds one that has ended."""
    ticks = Ticks()
    source = Source(ticks)
    await source.kept.current()
    ticks.now += 79
    assert await source.kept.current() == "value-1"
    await settled()
    assert source.fetched == 1
    ticks.now += 2

    assert await source.kept.current() == "value-1"
    await settled()
    assert await source.kept.current() == "value-2"


@guarantees("P10.bridged")
async def test_one_that_ends_while_its_source_is_away_is_used_no_longer_than_said() -> None:
    """To its end and `stale_s` beyond; then the truth."""
    ticks = Ticks()
    source = Source(ticks)
    source.stale_s = 50
    await source.kept.current()
    source.failure = AWAY()
    ticks.now += 149
    assert await source.kept.current() == "value-1"
    await settled()
    ticks.now += 2

    with pytest.raises(SecretUnavailableError):
        await source.kept.current()


@guarantees("P9.one_sign_in", "P10.bridged")
async def test_a_source_that_is_away_is_asked_ever_less_often() -> None:
    """Pauses double up to a minute, whoever asks how often; once it is back, all is as before."""
    ticks = Ticks()
    source = Source(ticks)
    source.failure = AWAY()
    asked_at = []
    for _ in range(3000):
        before = source.fetched
        with pytest.raises(SecretUnavailableError):
            await source.kept.current()
        if source.fetched > before:
            asked_at.append(ticks.now)
        ticks.now += 0.1

    pauses = [round(later - earlier) for earlier, later in itertools.pairwise(asked_at)]
    assert pauses[:7] == [1, 2, 4, 8, 16, 32, 60]
    source.failure = None
    ticks.now += 60
    assert await source.kept.current() == f"value-{source.fetched}"


@guarantees("P10.bridged")
async def test_what_the_source_refuses_outright_is_used_no_longer() -> None:
    """Taken away is not the same as out of reach."""
    ticks = Ticks()
    source = Source(ticks)
    source.stale_s = 1000
    await source.kept.current()
    source.failure = ConfigurationError(key="secret", reason="gone")
    ticks.now += 90
    assert await source.kept.current() == "value-1"
    await settled()

    with pytest.raises(ConfigurationError):
        await source.kept.current()


@guarantees("P9.one_sign_in")
async def test_of_many_whose_value_was_refused_one_fetches_another() -> None:
    """And whoever was refused the one before takes the one that is there."""
    source = Source(Ticks())
    old = await source.kept.current()

    renewed = await asyncio.gather(*(source.kept.renewed(old) for _ in range(50)))

    assert renewed == ["value-2"] * 50
    assert await source.kept.renewed(old) == "value-2"
    assert source.fetched == 2


@guarantees("P10.bridged")
async def test_it_outlives_the_event_loop_that_fetched_it() -> None:
    """Commands run one loop after another over the same deployment."""
    source = Source(Ticks())

    def ask_in_a_loop_of_its_own() -> str:
        return asyncio.run(source.kept.current())

    assert await asyncio.to_thread(ask_in_a_loop_of_its_own) == "value-1"
    assert await source.kept.renewed("value-1") == "value-2"


@guarantees("P8.secrets_stay")
async def test_a_fetched_value_is_not_shown() -> None:
    """Debuggers and logs show `repr`."""
    assert "canary" not in repr(Fetched(value="canary", good_s=1))
