"""Dates, stock and quality through a deployment into a running CAP: proposed, approved, committed, read back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import pytest

from erp_mcp.bootstrap import SystemClock
from tests.guarantees import guarantees
from tests.relaying import before_odata
from tests.systems.approving import INVOICED_AND_MOVED, Losing, Served, deploy, ended, permitting
from tests.systems.cap.planning import Planner, planning
from tests.systems.cap.server import Cap
from tests.systems.cap.test_commit import PATHWAY, Place, system_of
from tests.systems.cap.test_writes import UNITS
from tests.systems.matrix.covering import CAP_V2, LOST_REPLY, PLANNING_TOOL, STALE, covers

pytestmark = pytest.mark.live

MOVE = PLANNING_TOOL["production_order.reschedule"]
RESERVE, RELEASE = PLANNING_TOOL["reservation.create"], PLANNING_TOOL["reservation.release"]
REPORT = PLANNING_TOOL["quality_notification.create"]
_PROFILE: Final = "s4hana"
_FIRST: Final = 60  # days from now


@pytest.fixture(scope="module")
def planner(cap: Cap) -> Iterator[Planner]:
    """Somebody beside the gateway, who puts everything back."""
    with planning(cap) as one:
        yield one


@pytest.fixture(scope="module")
def place(cap: Cap, planner: Planner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A deployment in which a planner may propose all four, and whose orders lie ahead of it.

    By one profile: dates and stock go over V2 there, notifications over V4; each over either is tried by itself.
    """
    folder = tmp_path_factory.mktemp("planning") / "plant"
    with Losing(before_odata(cap.url)) as losing:
        place = Place(folder=folder, losing=losing, profile=_PROFILE)
        for number in (0, 1):
            planner.postpone(planner.orders[number], a_day(0), a_day(2))
        system = system_of(folder, cap, losing.relay.url, _PROFILE)
        policy = permitting(MOVE, RESERVE, RELEASE, REPORT)
        deploy(folder, _PROFILE, system, declared=("sap", PATHWAY), policy=policy, without=INVOICED_AND_MOVED)
        with Served(folder):
            yield place


def a_day(number: int) -> str:
    """Return a day that is ahead."""
    return (SystemClock().wall().date() + timedelta(days=_FIRST + number)).isoformat()


@covers(MOVE, CAP_V2)
@guarantees("P3.people_commit", "P4.one_effect")
async def test_an_order_moves_once_a_person_has_said_so(place: Place, planner: Planner) -> None:
    """It is scheduled for the days that were approved, with the length that it had."""
    number = planner.orders[0]
    found, receipts = await ended(
        place.folder, MOVE, production_order_id=number, new_start=a_day(10), idempotency_key="move-first"
    )
    assert found["state"] == "COMMITTED", found
    assert planner.dates(number) == " ".join([a_day(10), a_day(12)] * 2)
    assert [(one["document"], one["found"]) for one in receipts] == [(number, "read_back")]


@covers(STALE, CAP_V2)
@guarantees("P4.stale")
async def test_an_order_that_a_person_changed_since_is_not_moved(place: Place, planner: Planner) -> None:
    """Between the worker's look and its write stands the version."""
    number = planner.orders[1]
    before = planner.dates(number)
    place.losing.relay.before = lambda: planner.touch_order(number)
    try:
        found, _ = await ended(
            place.folder, MOVE, production_order_id=number, new_start=a_day(20), idempotency_key="move-stale"
        )
    finally:
        place.losing.relay.before = lambda: None
    assert (found["state"], planner.dates(number)) == ("STALE", before)


@covers((RELEASE, RESERVE), CAP_V2)
@covers(LOST_REPLY, CAP_V2)
@guarantees("P3.people_commit", "P4.one_effect", "P4.unknown")
async def test_stock_is_released_and_reserved_again_though_the_answer_is_lost(place: Place, planner: Planner) -> None:
    """What was held is free for the next one; the second answer never comes, and is found by our reference."""
    held = planner.freed[0]
    need = planner.made_for(held)
    found, _ = await ended(place.folder, RELEASE, reservation_id=held.number, idempotency_key="release-1")
    assert (found["state"], planner.item(held)["reservationitemisfinallyissued"]) == ("COMMITTED", True), found

    before = planner.effects()
    with place.losing.writes("lost_after") as written:
        found, receipts = await ended(
            place.folder, RESERVE, material_id=need.material, site=need.plant, qty="2.5", uom=UNITS[need.unit],
            demand_id=need.number, demand_line=need.line, need_date=a_day(0), lot_id=need.batch,
            idempotency_key="reserve-1",
        )  # fmt: skip

    (key,) = planner.effects().keys() - before.keys()
    assert (found["state"], len(written)) == ("COMMITTED", 1), found
    assert [(one["document"], one["found"]) for one in receipts] == [(key.partition("/")[0], "read_back")]
    (made,) = planner.reserved(planner.reference(key))
    assert (str(made["resvnitmrequiredqtyinbaseunit"]), made["batch"], made["orderid"]) == (
        "2.500",
        need.batch,
        need.number,
    )


@covers(REPORT, CAP_V2)
@guarantees("P3.people_commit", "P4.one_effect")
async def test_a_defect_that_was_approved_is_one_notification(place: Place, planner: Planner) -> None:
    """With the words that a person has read, and a hold asked for."""
    need, before = planner.made_for(planner.freed[0]), planner.effects()
    words = "Every second part of the lot has a scratch along its upper edge."
    found, receipts = await ended(
        place.folder, REPORT, site=need.plant, lot_id=need.batch, defect_code=planner.defect, description=words,
        request_hold=True, idempotency_key="report-1",
    )  # fmt: skip
    assert found["state"] == "COMMITTED", found
    (key,) = planner.effects().keys() - before.keys()
    assert [one["document"] for one in receipts] == [key]
    assert planner.words(key) == (words, True)
