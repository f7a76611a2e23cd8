"""The whole path of a write through a wire that breaks: proposed, approved, signed, written, read back, once or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.bootstrap import SystemClock
from tests.guarantees import guarantees
from tests.systems.approving import HISTORY, Served, deploy, ended_at_last
from tests.systems.cap import test_commit as cap_commit
from tests.systems.cap.buying import Buyer
from tests.systems.cap.buying import buying as cap_buying
from tests.systems.cap.server import Cap
from tests.systems.cap.test_writes import UNITS
from tests.systems.matrix.covering import CAP_V2, CAP_V4, FAULTS, LOST_REPLY, TRYTON, Of, covers
from tests.systems.tryton import buying
from tests.systems.tryton import test_commit as tryton_commit
from tests.systems.tryton.rpc import Rpc
from tests.systems.tryton.server import Running as Tryton
from tests.systems.wire.proxy import Which, Wire, in_front_of
from tests.systems.wire.writing import CAP_WRITES, CREATE, DATE, TRYTON_WRITES

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("warm_servers")]

BY_PLACE: Final = Of("place", {"s4hana": CAP_V2, "s4hana-v4": CAP_V4, "tryton": TRYTON})
_TIMEOUT: Final = "    timeout_s: 4\n"
_TOOLS: Final = {DATE: "propose_update_delivery_date", CREATE: "propose_create_purchase_requisition"}
# mode → operation, state at the end, sends that left us, those that the system was asked to do
STORIES: Final = {
    "lost_reply": (CREATE, "COMMITTED", 1, 1),
    "truncated": (CREATE, "COMMITTED", 1, 1),
    "slow": (DATE, "COMMITTED", 1, 1),
    "503": (CREATE, "NOT_APPLIED", 1, 0),
    "reset": (DATE, "NOT_APPLIED", 1, 0),
    "429": (CREATE, "COMMITTED", 2, 1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A deployment behind a wire.

    `arguments` are those of a change that no other equals; `effects` counts what of it the system has, as somebody else
    sees it beside the wire.
    """

    name: str
    folder: Path
    wire: Wire
    writing: Which
    arguments: Callable[[str, int], dict[str, str]]
    effects: Callable[[str, dict[str, str]], int]


@pytest.fixture(scope="module", params=["s4hana", "s4hana-v4", "tryton"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Each system in turn, deployed as an administrator does it."""
    folder = tmp_path_factory.mktemp("path") / "plant"
    with ExitStack() as stack:
        if request.param == "tryton":
            found = tryton_place(folder, request.getfixturevalue("tryton"), request.getfixturevalue("person"), stack)
        else:
            found = cap_place(folder, request.getfixturevalue("cap"), request.param, stack)
        stack.enter_context(Served(folder))
        yield found


def cap_place(folder: Path, cap: Cap, profile: str, stack: ExitStack) -> Place:
    """Return a deployment before CAP; what it changes is put back."""
    buyer = stack.enter_context(cap_buying(cap))
    wire = stack.enter_context(in_front_of(cap.url, folder.parent / "wire"))
    system = cap_commit.system_of(folder, cap, wire.url, profile)
    deploy(folder, profile, _impatient(system), declared=("sap", cap_commit.PATHWAY), without=HISTORY)
    materials = sorted({line.material: line for line in buyer.lines}.values(), key=lambda one: one.material)

    def arguments(operation: str, number: int) -> dict[str, str]:
        if operation == DATE:
            line = buyer.lines[number]
            return {"purchase_order_id": line.order, "line": line.item, "new_date": _later(buyer.date(line))}
        line = materials[number % len(materials)]
        return {
            "material_id": line.material, "site": line.plant, "qty": str(7000 + number), "uom": UNITS[line.unit],
            "delivery_date": _a_day(number * 20),
        }  # fmt: skip

    return Place(
        name=profile, folder=folder, wire=wire, writing=CAP_WRITES, arguments=arguments,
        effects=lambda operation, asked: _cap_effects(buyer, operation, asked),
    )  # fmt: skip


def _cap_effects(buyer: Buyer, operation: str, asked: dict[str, str]) -> int:
    if operation == DATE:
        (line,) = (one for one in buyer.lines if (one.order, one.item) == (asked["purchase_order_id"], asked["line"]))
        return int(buyer.date(line) == asked["new_date"])
    return len([qty for qty in buyer.made().values() if float(qty) == float(asked["qty"])])


def tryton_place(folder: Path, tryton: Tryton, person: Rpc, stack: ExitStack) -> Place:
    """Return a deployment before Tryton, where a purchase is under way."""
    ordered = buying.order(person)
    for one in person.find("purchase.requisition", [["state", "=", "draft"]], []):
        person("purchase.requisition.cancel", [one["id"]])
    wire = stack.enter_context(in_front_of(tryton.url, folder.parent / "wire"))
    deploy(folder, "tryton", _impatient(tryton_commit.system_of(tryton, wire.url)))
    items = list(tryton_commit.ITEMS.values())

    def arguments(operation: str, number: int) -> dict[str, str]:
        if operation == DATE:
            day = (ordered.day + timedelta(days=2 + number)).isoformat()
            return {"purchase_order_id": ordered.number, "line": ordered.key, "new_date": day}
        return {
            "material_id": items[number % len(items)], "site": "WH", "qty": str(40 + number), "uom": "C62",
            "delivery_date": (buying.today(person) + timedelta(days=30 + number * 20)).isoformat(),
        }  # fmt: skip

    def effects(operation: str, asked: dict[str, str]) -> int:
        if operation == DATE:
            days = [day for _, day in buying.moves(person, int(asked["line"])).values()]
            return int(days == [asked["new_date"]])
        lines = [["product.code", "=", asked["material_id"]], ["quantity", "=", float(asked["qty"])]]
        domain = [*lines, ["requisition.state", "=", "draft"]]
        return len(person.find("purchase.requisition.line", domain, []))

    return Place(
        name="tryton", folder=folder, wire=wire, writing=TRYTON_WRITES, arguments=arguments, effects=effects
    )  # fmt: skip


@covers(FAULTS, BY_PLACE)
@covers(Of("mode", {"lost_reply": LOST_REPLY}), BY_PLACE)
@guarantees("P3.people_commit", "P4.one_effect", "P4.unknown", "P9.one_send")
@pytest.mark.parametrize("mode", STORIES)
async def test_an_approved_change_ends_as_the_system_has_it(place: Place, mode: str) -> None:
    """Found out by reading back, or sent once more where it was certainly turned away; nothing is there twice."""
    operation, state, sends, reached = STORIES[mode]
    asked = place.arguments(operation, list(STORIES).index(mode))
    assert place.effects(operation, asked) == 0
    place.wire.forgets()
    place.wire.breaks(mode, place.writing, times=1)
    try:
        found, receipts = await ended_at_last(place.folder, _TOOLS[operation], idempotency_key=f"wire-{mode}", **asked)
    finally:
        place.wire.mends(place.writing)
    seen = [one for one in place.wire.seen() if one["matches"]]
    assert (found["state"], len(seen), len([one for one in seen if one["status"]])) == (state, sends, reached), found
    assert place.effects(operation, asked) == reached
    assert len(receipts) == reached


def _impatient(system: str) -> str:
    """Return a configuration whose requests may take a few seconds only."""
    return system.replace("    url:", f"{_TIMEOUT}    url:", 1)


def _a_day(number: int) -> str:
    return (SystemClock().wall().date() + timedelta(days=200 + number)).isoformat()


def _later(day: str) -> str:
    return max((date.fromisoformat(day) + timedelta(days=3)).isoformat(), _a_day(0))
