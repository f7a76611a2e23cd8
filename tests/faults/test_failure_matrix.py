"""What breaks closes what hangs on it and nothing else: the rows of the failure matrix that one process can show.

Each row says what becomes of a read, of a proposal and of three approved changes. Other rows have tests of their own:
the page and those who would tell of it (`test_nobody_at_the_page.py`), the read model (`test_read_model_away.py`), the
clock (`test_clock_jumps.py`), full disks (`tests/crash/test_full_disk.py`), the provider's keys
(`tests/unit/web/test_single_sign_on.py`), replicas (`tests/systems/postgresql/test_replica.py`), outages of the ERP
(`test_outages.py`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Final

import pytest

from erp_mcp.errors import GatewayError
from erp_mcp.policy import decide
from tests.faults.shop import Shop, code
from tests.guarantees import guarantees
from tests.path.buyer import run

Break = Callable[[Shop, pytest.MonkeyPatch], None]
_HOUR_S: Final = 3601


def _state(shop: Shop, statement: str) -> None:
    """Change the state file as somebody with the rights of its owner could."""
    file = shop.deployment.settings.state_dir / "state.sqlite"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


def _nothing(_shop: Shop, _patch: pytest.MonkeyPatch) -> None:
    """Leave all as it is."""


def _no_records(shop: Shop, _patch: pytest.MonkeyPatch) -> None:
    """Let the store take no audit record any more."""
    _state(shop, "CREATE TRIGGER full BEFORE INSERT ON audit_record BEGIN SELECT RAISE(FAIL, 'disk full'); END")


def _no_limits(shop: Shop, _patch: pytest.MonkeyPatch) -> None:
    """Take away what limits are counted in."""
    _state(shop, "ALTER TABLE limit_use RENAME TO lost")


def _bad_bundle(shop: Shop, _patch: pytest.MonkeyPatch) -> None:
    """Save a policy that allows nothing and can't be loaded, and try to apply it."""
    folder = shop.deployment.settings.file.parent
    (folder / "policies" / "base.yaml").write_text("version: 1\nrules: [{allow: nobody knows}]\n", encoding="utf-8")
    with pytest.raises(AssertionError):
        run(folder, "policy", "apply", "--yes", "--as", "demo-admin")


def _no_decision(_shop: Shop, patch: pytest.MonkeyPatch) -> None:
    """Let deciding fail."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    patch.setattr(decide, "_of_role", broken)


def _no_erp(shop: Shop, _patch: pytest.MonkeyPatch) -> None:
    """Take the ERP away; what was read of it is there."""
    erp = shop.deployment.settings.file.parent / "erp.sqlite"
    erp.rename(erp.with_suffix(".away"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is broken, and what is left: codes of a read and of a proposal, states and reasons of what was approved."""

    breaks: Break
    read: str = ""
    propose: str = ""
    stand: tuple[str, str] = ("APPROVED", "")


_ROWS: Final = {
    "nothing": Row(breaks=_nothing, stand=("COMMITTED", "")),
    "audit store": Row(breaks=_no_records, read="audit.unavailable", propose="audit.unavailable"),
    "bundle invalid at reload": Row(breaks=_bad_bundle, stand=("COMMITTED", "")),
    "policy evaluation error": Row(
        breaks=_no_decision, read="call.unknown_tool", propose="call.unknown_tool", stand=("DENIED", "policy_denied")
    ),
    "limit store": Row(breaks=_no_limits, propose="state.unavailable", stand=("APPROVED", "gateway_fault")),
    "ERP": Row(breaks=_no_erp, propose="adapter.unreachable", stand=("APPROVED", "system_unreachable")),
}


@guarantees("P1.default_deny", "P5.audit_or_nothing", "P4.limits", "P10.outage")
@pytest.mark.parametrize("row", _ROWS)
def test_what_breaks_closes_what_hangs_on_it_and_nothing_else(
    row: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read, a proposal and three approved changes; the ERP itself notes what was done to it."""
    wanted = _ROWS[row]
    shop.clock.pass_by(_HOUR_S)  # the window of the limit is open again
    erp = shop.deployment.settings.file.parent / "erp.sqlite"
    wanted.breaks(shop, monkeypatch)
    before = shop.deployment.state.proposals.of_agent("buyer", before="", limit=50)
    assert code(shop.ask("list_purchase_orders", limit=1)) == wanted.read
    assert code(shop.propose()) == wanted.propose
    made = len(shop.deployment.state.proposals.of_agent("buyer", before="", limit=50)) - len(before)
    assert made == (0 if wanted.propose else 1)
    with suppress(GatewayError):  # of the store, as the worker's loop has it
        shop.work()
    assert shop.states() == [wanted.stand] * 3
    if not erp.exists():
        erp.with_suffix(".away").rename(erp)
    assert shop.effects() == (3 if wanted.stand[0] == "COMMITTED" else 0)
