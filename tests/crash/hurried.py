"""`erp-mcp` as it is but for its lease, or with a planted fault: `python -m tests.crash.hurried FAULT worker …`.

With a lease of seconds what a killed worker left is found in the same minute. FAULT is `none`, or what a wrong worker
does with a proposal that another one may have sent: `send_again` or `believe_it_done`.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import Final

from erp_mcp.cli.app import main
from erp_mcp.committing import committer as module
from erp_mcp.committing.committer import Committer, Way
from erp_mcp.committing.reading_back import ReadingBack
from erp_mcp.domain.command import Committed, Outcome, Written
from erp_mcp.domain.proposal import Proposal

FAULTS: Final = ("none", "send_again", "believe_it_done")
_LEASE_S: Final = 8
_LATE_S: Final = 2.0
_recorded = Committer._recorded


async def _sent_again(self: ReadingBack, proposal: Proposal) -> Proposal:
    command = proposal.content.command
    commands = await self.commands(command.system)
    outcome = await commands.send(replace(command, reference=f"RAGAIN{command.reference[-6:]}"))
    if not isinstance(outcome, Committed):
        return self.moves.make(proposal, "miss", reason="not_applied")
    return self.moves.commit(proposal, outcome.written, "answered", read_back="failed")


async def _believed(self: ReadingBack, proposal: Proposal) -> Proposal:
    command = proposal.content.command
    told = Written(document="4500000001", key=command.key or "4500000001", version_token="1", fields=command.fields)
    return self.moves.commit(proposal, told, "answered", read_back="failed")


async def _late(self: Committer, proposal: Proposal, way: Way, outcome: Outcome) -> Proposal:
    await asyncio.sleep(_LATE_S)  # so that a kill comes between the answer and its record
    return await _recorded(self, proposal, way, outcome)


def hurry(fault: str) -> None:
    """Shorten the lease and what is kept of it, and plant the fault."""
    changes: dict[str, object] = {"LEASE_S": _LEASE_S, "_TO_RECORD_S": 1, "_LEAST_SEND_S": 1}
    for name, value in changes.items():
        assert hasattr(module, name)
        setattr(module, name, value)
    if fault != "none":
        wrong = {"send_again": _sent_again, "believe_it_done": _believed}[fault]
        ReadingBack.reconcile = wrong  # type: ignore[method-assign]
        Committer._recorded = _late  # type: ignore[method-assign]


if __name__ == "__main__":
    hurry(sys.argv.pop(1))
    main()
