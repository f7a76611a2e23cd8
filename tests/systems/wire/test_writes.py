"""Every fault on the wire under a write: one send at most, the right word, and one effect or none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from tests.guarantees import guarantees
from tests.needs import missing
from tests.systems.cap.buying import buying
from tests.systems.matrix.covering import CAP_V2, CAP_V4, FAULTS, LOST_REPLY, TRYTON, Of, covers
from tests.systems.wire.at_hand import at_hand
from tests.systems.wire.proxy import MODES
from tests.systems.wire.write_lab import WriteLab, opened
from tests.systems.wire.writing import (
    BATCH_MODES,
    CREATE,
    DATE,
    OPERATIONS,
    Cell,
    WritePlace,
    cap_batch_place,
    cap_writes_place,
    tryton_writes_place,
)

pytestmark = pytest.mark.live

SYSTEMS: Final = ("cap-v2", "cap-v4", "tryton")
BY_SYSTEM: Final = Of(
    "system",
    {"cap-v2": CAP_V2, "cap-v4": CAP_V4, "tryton": TRYTON, "cap-v2-batch": CAP_V2, "cap-v4-batch": CAP_V4},
)
_BY_WORD: Final = {
    "NotSent": "429 429_later unauthorised",
    "Unknown": "reset 503 503_later redirect moved silent claims lost_reply slow drip empty truncated cut_chunks"
    " bad_chunks two_lengths garbage page page_as_json error_page gateway_timeout forbidden_page encoding not_gzip"
    " shape twice bomb endless batch_denies",
    "Committed": "renamed nulls same_page hostile_link injected wrong_etag clock",
}
EXPECTED: Final = {mode: word for word, modes in _BY_WORD.items() for mode in modes.split()}
# An answer without a body has nothing that could be broken; of one that is read back, the document does not count.
BODILESS: Final = frozenset({"empty", "drip", "twice"})
NOT_ASKED: Final = frozenset(
    {"reset", "429", "429_later", "503", "503_later", "redirect", "moved", "silent", "unauthorised", "claims"}
)
_BOUND_S: Final = 30.0


@pytest.fixture(scope="module")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WriteLab]:
    """Every system that may be written to and is on this machine, behind a proxy."""
    places: list[WritePlace] = []
    with ExitStack() as stack:
        if at_hand("cap"):
            cap = request.getfixturevalue("cap")
            buyer = stack.enter_context(buying(cap))
            places += [made(cap, buyer, version=one) for one in (2, 4) for made in (cap_writes_place, cap_batch_place)]
        if at_hand("tryton"):
            tryton, person = request.getfixturevalue("tryton"), request.getfixturevalue("person")
            places.append(tryton_writes_place(tryton, person))
        yield stack.enter_context(opened(places, tmp_path_factory.mktemp("wire")))


def expected(mode: str, *, bodiless: bool) -> set[str]:
    """Return the words that may come out."""
    return (
        {EXPECTED[mode]}
        | ({"Committed"} if bodiless and mode in BODILESS else set())
        | ({"Unknown"} if mode == "nulls" else set())
    )


@covers(FAULTS, BY_SYSTEM)
@covers(Of("mode", {"lost_reply": LOST_REPLY}), BY_SYSTEM)
@guarantees("P4.one_effect", "P4.unknown", "P9.one_send", "P9.every_fault", "P8.no_leaks")
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("system", SYSTEMS)
def test_one_send_the_right_word_and_one_effect_or_none(lab: WriteLab, system: str, mode: str, operation: str) -> None:
    """Looked up by another account beside the proxy: what is called refused, superseded or not sent is not there."""
    cell = tried(lab, system, mode, operation)
    assert cell.word in expected(mode, bodiless=operation == DATE and system != "tryton"), cell
    check_effects(cell, mode)


@covers(FAULTS, BY_SYSTEM)
@covers(Of("mode", {"lost_reply": LOST_REPLY}), BY_SYSTEM)
@guarantees("P4.one_effect", "P4.unknown", "P9.one_send", "P8.no_leaks")
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("mode", sorted(BATCH_MODES))
@pytest.mark.parametrize("system", ["cap-v2-batch", "cap-v4-batch"])
def test_a_change_set_is_believed_as_little(lab: WriteLab, system: str, mode: str, operation: str) -> None:
    """Nor is one that says of what was done that it was not."""
    cell = tried(lab, system, mode, operation)
    assert cell.word == EXPECTED[mode], cell
    check_effects(cell, mode)


def tried(lab: WriteLab, system: str, mode: str, operation: str) -> Cell:
    """Return what came of one write to a system that has to be there."""
    if system not in lab.benches:
        missing(f"no {system} on this machine; see tests/systems")
    return lab.cell(system, mode, operation)


def check_effects(cell: Cell, mode: str) -> None:
    """Check what left us, what stands in the system, and that nothing was shown that must not be."""
    done = int(mode not in NOT_ASKED)
    assert (cell.sends, cell.reached, cell.effects, cell.found) == (1, done, done, bool(done)), cell
    if cell.word == "NotSent":
        assert (cell.again, cell.resent, cell.effects_after) == ("Committed", 1, 1), cell
    else:
        assert (cell.resent, cell.effects_after) == (0, done), cell
        assert cell.again.startswith(("Unknown", "Conflict")), cell
    assert cell.seconds < _BOUND_S
    assert cell.shown == ()


@guarantees("P4.unknown")
def test_every_mode_of_the_proxy_has_a_word() -> None:
    """A new one is not left out by chance."""
    assert set(EXPECTED) == set(MODES)
    assert {DATE, CREATE} == set(OPERATIONS)
