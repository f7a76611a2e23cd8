"""What is read for a proposal beside the record itself: away, damaged or too old, nothing is proposed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.domain.answer import Answer
from tests.faults.shop import Shop, code
from tests.guarantees import guarantees

_BUDGET_S: Final = 900  # of open orders; up to four times as old it is given, and marked
Break = Callable[[Shop], None]


def _model(shop: Shop) -> Path:
    return shop.deployment.settings.file.parent / "read_model.sqlite"


def _away(shop: Shop) -> None:
    for ending in ("", "-wal", "-shm"):
        _model(shop).with_name(f"read_model.sqlite{ending}").unlink(missing_ok=True)


def _damaged(shop: Shop) -> None:
    _away(shop)
    _model(shop).write_bytes(b"no database at all" * 1000)


def _older(seconds: int) -> Break:
    """Let plant time go on without a synchronisation."""

    def later(shop: Shop) -> None:
        now = shop.clock.plant() + timedelta(seconds=seconds)
        shop.clock.__dict__["plant"] = lambda: now

    return later


@guarantees("P7.freshness", "P3.people_commit", "P10.outage")
@pytest.mark.parametrize(
    ("breaks", "refusal"),
    [
        (_away, "read_model.not_ready"),
        (_damaged, "read_model.not_ready"),
        (_older(5 * _BUDGET_S), "freshness.stale"),
        (_older(40 * 24 * 3600), "freshness.stale"),
    ],
    ids=["away", "damaged", "older than four budgets", "forty days old"],
)
def test_without_a_read_model_that_can_be_believed_nothing_is_proposed_and_nothing_stored(
    shop: Shop, breaks: Break, refusal: str
) -> None:
    """Neither a proposal nor what it would take of its limit; what reads from the same place is refused alike."""
    shop.clock.pass_by(3601)  # the window of the limit is open again
    breaks(shop)
    before = len([*shop.deployment.state.proposals.kept()])
    for _ in range(4):  # of a limit of three in an hour
        assert code(shop.propose()) == refusal
    assert code(shop.ask("list_purchase_orders", limit=1)) == refusal
    assert len([*shop.deployment.state.proposals.kept()]) == before
    shop.work()
    assert {state for state, _ in shop.states()} <= {"APPROVED", "COMMITTED", "DENIED"}
    assert shop.effects() == sum(state == "COMMITTED" for state, _ in shop.states())


@guarantees("P7.freshness")
def test_what_is_a_little_too_old_is_marked_where_it_is_read_and_what_changes_is_read_from_its_system(
    shop: Shop,
) -> None:
    """A proposal goes by the record as its own system has it now, however old the read model says it is."""
    shop.clock.pass_by(3601)
    _older(_BUDGET_S + 300)(shop)
    read = shop.ask("list_purchase_orders", limit=1)
    assert isinstance(read, Answer)
    assert any(one.stale for one in read.sources)
    assert code(shop.propose()) == ""
