"""What is kept of a profile in the state directory takes no approved change elsewhere, whoever may write there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.bootstrap import open_deployment
from erp_mcp.catalog.compiled import put
from erp_mcp.domain.lifecycle import State
from erp_mcp.systems import load
from tests.guarantees import guarantees
from tests.path.test_targets import approved, promises, worked

OPERATION: Final = "purchase_order_line.update_delivery_date"
BEFORE: Final = f'"{OPERATION}": {{"contract": "conditional", "settle_s": 5'
AFTER: Final = f'"{OPERATION}": {{"contract": "none", "settle_s": 9'


@pytest.fixture(autouse=True)
def another_process_each_time() -> Iterator[None]:
    """Nothing of a profile is left in memory afterwards."""
    yield
    load._READ.clear()


def change(plant: Path, before: str, after: str) -> None:
    """Change what is kept of the ERP's profile, checksum and all, for the processes that start from now on."""
    deployment = open_deployment(plant / "erp-mcp.yaml")
    file = deployment.settings.state_dir / "profiles" / "demo-erp.json"
    deployment.close()
    wanted, _, body = file.read_text(encoding="utf-8").split("\n", 2)
    assert before in body
    put(file, wanted, body.replace(before, after))
    load._READ.clear()


def said(plant: Path) -> str:
    """Return how a process that starts now takes the date to be written."""
    deployment = open_deployment(plant / "erp-mcp.yaml")
    try:
        return json.dumps(deployment.profile(deployment.system("erp")).commands[OPERATION])
    finally:
        deployment.close()


def read(plant: Path) -> None:
    """Let a process keep what it has parsed."""
    load._READ.clear()
    assert '"contract": "conditional"' in said(plant)


@guarantees("P3.signed_target")
def test_what_is_changed_there_after_the_yes_sends_nothing(plant: Path) -> None:
    """The worker that starts with it finds another target than the one that was approved."""
    read(plant)
    before, handle = promises(plant / "erp.sqlite"), approved(plant)

    change(plant, BEFORE, AFTER)

    assert '"contract": "none"' in said(plant)  # else this would prove nothing
    assert worked(plant, handle) == (State.DENIED, "target_changed")
    assert promises(plant / "erp.sqlite") == before


@guarantees("P3.signed_target")
def test_what_was_changed_there_when_it_was_proposed_sends_nothing_once_it_is_right(plant: Path) -> None:
    """What was sealed is the target as it was then, whoever said yes to it."""
    read(plant)
    before = promises(plant / "erp.sqlite")
    change(plant, BEFORE, AFTER)
    handle = approved(plant)

    change(plant, AFTER, BEFORE)

    assert '"contract": "conditional"' in said(plant)
    assert worked(plant, handle) == (State.DENIED, "target_changed")
    assert promises(plant / "erp.sqlite") == before


@guarantees("P3.signed_target")
def test_what_was_changed_there_all_the_while_sends_nothing_either(plant: Path) -> None:
    """The policy in force was signed for another target."""
    read(plant)
    before = promises(plant / "erp.sqlite")
    change(plant, BEFORE, AFTER)

    assert worked(plant, approved(plant)) == (State.DENIED, "target_changed")
    assert promises(plant / "erp.sqlite") == before


@guarantees("P3.signed_target")
def test_as_it_was_kept_it_is_written(plant: Path) -> None:
    """The others end as they do for what was changed alone."""
    read(plant)
    handle = approved(plant)
    load._READ.clear()

    assert worked(plant, handle) == (State.COMMITTED, "")
