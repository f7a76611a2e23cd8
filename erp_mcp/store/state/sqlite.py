"""The whole state of a deployment on SQLite, behind the ports of the core."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from erp_mcp.ports import Clock, Ids
from erp_mcp.store.state.audit import SqliteAudit
from erp_mcp.store.state.bundles import SqliteBundles
from erp_mcp.store.state.file import BUSY_S, StateFile
from erp_mcp.store.state.leases import SqliteLeases

if TYPE_CHECKING:
    from erp_mcp.domain.audit import KeptRow
    from erp_mcp.store.state.approvers import SqliteApprovers
    from erp_mcp.store.state.declarations import SqliteDeclarations
    from erp_mcp.store.state.proposals import SqliteProposals
    from erp_mcp.store.state.switches import SqliteSwitches


class State:
    """Everything a deployment keeps in its state file; what only writes need is imported by the first that asks."""

    def __init__(self, directory: Path, *, clock: Clock, ids: Ids, busy_s: float = BUSY_S) -> None:
        """Open the state file in `directory`, made when it is missing; wait `busy_s` seconds at most for other writers.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        self._clock = clock
        self._ids = ids
        self.file = StateFile(directory, busy_s=busy_s)
        self.audit = SqliteAudit(self.file, clock, ids)
        self.bundles = SqliteBundles(self.file, self.audit, clock)
        self.leases = SqliteLeases(self.file, clock)

    @cached_property
    def approvers(self) -> SqliteApprovers:
        """Who may decide."""
        from erp_mcp.store.state.approvers import SqliteApprovers

        return SqliteApprovers(self.file, self.audit)

    @cached_property
    def declarations(self) -> SqliteDeclarations:
        """What is declared about the licensed way into systems."""
        from erp_mcp.store.state.declarations import SqliteDeclarations

        return SqliteDeclarations(self.file, self.audit, self._clock)

    @cached_property
    def switches(self) -> SqliteSwitches:
        """The kill switch."""
        from erp_mcp.store.state.switches import SqliteSwitches

        return SqliteSwitches(self.file, self.audit, self._clock)

    @cached_property
    def proposals(self) -> SqliteProposals:
        """Proposals, the decisions about them and their events."""
        from erp_mcp.store.state.proposals import SqliteProposals

        return SqliteProposals(self.file, self.audit, self._clock, self._ids)

    def kept_rows(self) -> Iterator[KeptRow]:
        """Yield what the rows beside proposals hold, for verification against the audit; raises as reading does."""
        from erp_mcp.store.state.kept_rows import kept_rows

        return kept_rows(self.file)

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()
