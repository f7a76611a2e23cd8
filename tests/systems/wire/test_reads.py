"""Every fault on the wire before every kind of system: the right code in time, or the whole; never a half that ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pytest

from erp_mcp.domain.traffic import TrafficLimits
from erp_mcp.errors import GatewayError
from erp_mcp.ports import Adapter
from tests.guarantees import guarantees
from tests.needs import missing
from tests.systems.matrix.covering import CAP_V2, CAP_V4, FAULTS, FSMES_REST, TRYTON, Of, covers
from tests.systems.wire.at_hand import at_hand
from tests.systems.wire.lab import Lab, opened
from tests.systems.wire.places import MAX_MB, PATIENT_S, TIMEOUT_S, Place, cap_place, mes_place, tryton_place
from tests.systems.wire.proxy import MODES
from tests.systems.wire.reading import FILLING, USES, Bench, Forgetful, Use

pytestmark = pytest.mark.live

SYSTEMS: Final[Mapping[str, tuple[str, Callable[[Any], Place]]]] = {
    "cap-v2": ("cap", lambda cap: cap_place(cap, version=2)),
    "cap-v4": ("cap", lambda cap: cap_place(cap, version=4)),
    "fsmes-rest": ("mes", mes_place),
    "tryton": ("tryton", tryton_place),
}
BY_BENCH: Final = Of("bench", {"cap-v2": CAP_V2, "cap-v4": CAP_V4, "fsmes-rest": FSMES_REST, "tryton": TRYTON})
_BY_CODE: Final = {
    "adapter.unreachable": "reset 503 lost_reply truncated cut_chunks bad_chunks two_lengths gateway_timeout",
    "adapter.busy": "429 429_later 503_later",
    "adapter.timeout": "silent slow drip",
    "adapter.refused": "unauthorised forbidden_page",
    "adapter.not_allowed": "moved",
    "adapter.too_large": "bomb endless",
    "adapter.bad_answer": "redirect claims empty garbage page page_as_json error_page encoding not_gzip shape twice"
    " renamed nulls same_page batch_denies",
    "whole": "injected wrong_etag clock",
}
EXPECTED: Final = {mode: code for code, modes in _BY_CODE.items() for mode in modes.split()}
# What does not look at records can't see that they are other ones; one answer is no page that comes again.
HARMLESS: Final[Mapping[Use, frozenset[str]]] = {
    "pass": frozenset(),
    "keys": frozenset({"same_page"}),
    "probe": frozenset({"renamed", "nulls", "same_page"}),
}
_SLACK_S: Final = 20.0  # of a busy machine; what is broken so would last an hour
_SAME_AGAIN: Final = 20  # pages after which a system that says that there are more is not believed any longer
_RETRYING: Final = TrafficLimits(requests_per_s=1000, burst=1000, failures=1000, window=1000)
_BREAKING: Final = TrafficLimits(requests_per_s=1000, burst=1000, failures=3, window=4, rest_s=5.0, attempts=1)


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Every system that is on this machine, behind a proxy."""
    places = [made(request.getfixturevalue(fixture)) for fixture, made in SYSTEMS.values() if at_hand(fixture)]
    with opened(places, tmp_path_factory.mktemp("wire")) as one:
        yield one


@pytest.fixture(params=list(SYSTEMS))
def bench(lab: Lab, request: pytest.FixtureRequest) -> Bench:
    """Each system in turn."""
    if request.param not in lab.benches:
        missing(f"no {request.param} on this machine; see tests/systems")
    return lab.benches[request.param]


def expected(system: str, mode: str, use: Use) -> set[str]:
    """Return what may come out."""
    if mode == "hostile_link":  # a link is followed only where the protocol has one
        return {"adapter.not_allowed"} if system.startswith("cap") else {"whole"}
    return {EXPECTED[mode]} | ({"whole"} if mode in HARMLESS[use] else set())


@covers(FAULTS, BY_BENCH)
@guarantees("P9.every_fault", "P9.no_half_pass", "P8.no_leaks")
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("mode", MODES)
def test_each_fault_is_a_code_in_time_or_no_fault_at_all(lab: Lab, bench: Bench, mode: str, use: Use) -> None:
    """Asked once for each answer, nobody else is asked, and nothing of the answer, nor a secret, is shown."""
    cell = lab.cell(bench.place.name, mode, use)
    assert cell.came in expected(bench.place.name, mode, use), cell
    assert cell.shown == ()
    assert cell.hosts <= {"127.0.0.1"}
    if cell.came != "whole":
        assert cell.seconds < TIMEOUT_S + _SLACK_S
        assert cell.requests <= (_SAME_AGAIN if mode == "same_page" else len(bench.some))
    if mode in FILLING:
        assert 0 < cell.peak < 2.5 * cell.requests * MAX_MB * 1024 * 1024


@guarantees("P9.no_half_pass")
def test_every_mode_of_the_proxy_has_an_expectation() -> None:
    """A new one is not left out by chance."""
    assert set(EXPECTED) | {"hostile_link"} == set(MODES)


@covers(FAULTS, BY_BENCH)
@guarantees("P9.no_change_lost")
def test_a_wrong_clock_moves_no_watermark(lab: Lab, bench: Bench) -> None:
    """A system that says it is the year 2100 does not make the next pass leave out what changes until then."""
    if bench.place.dated:
        told = [lab.runner.run(bench.dated(mode)) for mode in ("", "clock")]
        assert "2100" not in told[1]
        assert told[0] == told[1]


# --- Asking again -----------------------------------------------------------------------------------------------------


@covers(FAULTS, BY_BENCH)
@guarantees("P9.repeats")
@pytest.mark.parametrize("mode", ["reset", "lost_reply", "truncated", "429", "503", "gateway_timeout"])
def test_a_fault_that_is_over_is_not_seen(lab: Lab, bench: Bench, mode: str) -> None:
    """The read is asked for once more, and that is all."""

    async def read(adapter: Adapter) -> list[str]:
        bench.wire.breaks(mode, bench.place.reading, times=1)
        bench.wire.forgets()
        return [await one_key(adapter, bench.some[0])]

    assert lab.runner.run(with_limits(bench, _RETRYING, Forgetful(), read)) == ["whole"]
    assert [one["mode"] for one in bench.wire.seen()] == [mode, ""]


@covers(FAULTS, BY_BENCH)
@guarantees("P9.repeats")
def test_repeats_stay_within_their_budget(lab: Lab, bench: Bench) -> None:
    """Twenty reads of a system that hangs up make three requests more than twenty, not three times as many."""

    async def read(adapter: Adapter) -> list[str]:
        bench.wire.breaks("reset", bench.place.reading)
        bench.wire.forgets()
        return [await one_key(adapter, bench.some[0]) for _ in range(20)]

    traffic = Forgetful()
    assert set(lab.runner.run(with_limits(bench, _RETRYING, traffic, read))) == {"adapter.unreachable"}
    asked = len(bench.wire.seen())
    assert 20 < asked <= 20 * 1.1 + 2
    assert sum(one.retries for one in traffic.states()) == asked - 20


@covers(FAULTS, BY_BENCH)
@guarantees("P9.breaker")
def test_a_failing_system_is_left_alone_until_one_probe_went_well(lab: Lab, bench: Bench) -> None:
    """After three failures nobody asks; when the rest is over, one of many does, and then all may."""
    ahead = [0.0]
    traffic = Forgetful(monotonic=lambda: ahead[0])

    async def read(adapter: Adapter) -> list[list[str]]:
        bench.wire.breaks("reset", bench.place.reading)
        bench.wire.forgets()
        failed = [await one_key(adapter, bench.some[0]) for _ in range(3)]
        resting = [await one_key(adapter, bench.some[0]) for _ in range(5)]
        asked = [str(len(bench.wire.seen()))]
        bench.wire.mends()
        early = [await one_key(adapter, bench.some[0])]
        ahead[0] += _BREAKING.rest_s + 1
        bench.wire.forgets()
        keys = sorted(bench.whole)[:6]
        probed = sorted(await asyncio.gather(*(one_key(adapter, key) for key in keys)))
        probes = [str(len(bench.wire.seen()))]
        after = list(await asyncio.gather(*(one_key(adapter, key) for key in keys[:2])))
        return [failed, resting, asked, early, probed, probes, after]

    rest = "adapter.resting"
    assert lab.runner.run(with_limits(bench, _BREAKING, traffic, read)) == [
        ["adapter.unreachable"] * 3, [rest] * 5, ["3"], [rest], [rest] * 5 + ["whole"], ["1"], ["whole"] * 2,
    ]  # fmt: skip


async def with_limits(bench: Bench, limits: TrafficLimits, traffic: Forgetful, work: Any) -> Any:
    """Do something with an adapter that is signed in, and mend what it broke."""
    bench.wire.mends()
    adapter = bench.place.at(bench.wire.url, limits=limits, traffic=traffic, timeout_s=PATIENT_S)
    try:
        assert await one_key(adapter, bench.some[0]) == "whole"
        return await work(adapter)
    finally:
        bench.wire.mends()
        await adapter.close()


async def one_key(adapter: Adapter, key: str) -> str:
    """Return what comes of reading one record: one request to a system that is known."""
    entity = _ENTITY[adapter.system]
    try:
        return "whole" if len(await adapter.read(entity, [key])) == 1 else "part"
    except GatewayError as failure:
        return failure.code


_ENTITY: Final = {"erp": "supplier", "mes": "job", "tryton": "supplier"}
