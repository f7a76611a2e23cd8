"""What is read back after an answer counts only where it is what the answer said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from erp_mcp.committing import moving
from erp_mcp.domain.command import Command, Written
from erp_mcp.domain.lifecycle import State
from erp_mcp.ports import Commands
from tests.guarantees import guarantees
from tests.unit.committing.office import Office


@guarantees("P4.one_effect", "P5.moves_proved")
async def test_another_record_under_our_reference_is_no_receipt(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receipt has what the system answered, says so, and the record tells that something else was read."""
    content = office.approved()
    look = moving.found
    looks: list[Written] = []

    async def found(commands: Commands, command: Command) -> Written | None:
        there = await look(commands, command)
        if there is None:
            return None
        looks.append(there)
        return replace(there, key="4500000999/00010", document="4500000999")

    monkeypatch.setattr("erp_mcp.committing.committer.found", found)
    done = await office.work()

    receipt = done.proposal.receipt
    assert receipt is not None
    assert len(looks) == 1
    assert (done.proposal.state, office.effects(content)) == (State.COMMITTED, 1)
    assert (receipt.found, receipt.written.key) == ("answered", looks[0].key)
    leaves: list[Any] = [str(one) for one in office.state.audit.read_all()]
    assert len([one for one in leaves if '"read_back":"other"' in one or "'read_back': 'other'" in one]) == 1
