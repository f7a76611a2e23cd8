"""The whole state of a deployment behind the ports of the core, whatever database keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from erp_mcp.ports import Clock, Ids
from erp_mcp.store.state.audit import StoredAudit
from erp_mcp.store.state.bundles import StoredBundles
from erp_mcp.store.state.engine import Engine
from erp_mcp.store.state.leases import StoredLeases

if TYPE_CHECKING:
    from erp_mcp.domain.audit import KeptRow
    from erp_mcp.store.state.approvers import StoredApprovers
    from erp_mcp.store.state.declarations import StoredDeclarations
    from erp_mcp.store.state.followers import StoredFollowers
    from erp_mcp.store.state.page_sessions import StoredPageSessions
    from erp_mcp.store.state.proposals import StoredProposals
    from erp_mcp.store.state.switches import StoredSwitches
    from erp_mcp.store.state.taint import StoredTaint
    from erp_mcp.store.state.tasks import StoredTasks


class DeploymentState:
    """Everything a deployment keeps; what only writes need is imported by the first that asks."""

    def __init__(self, engine: Engine, *, clock: Clock, ids: Ids) -> None:
        """Keep it in what `engine` speaks to, with times of `clock.wall` and ids of `ids`."""
        self._clock = clock
        self._ids = ids
        self.engine = engine
        self.audit = StoredAudit(engine, clock, ids)
        self.bundles = StoredBundles(engine, self.audit, clock)
        self.leases = StoredLeases(engine, clock)

    @cached_property
    def approvers(self) -> StoredApprovers:
        """Who may decide."""
        from erp_mcp.store.state.approvers import StoredApprovers

        return StoredApprovers(self.engine, self.audit)

    @cached_property
    def declarations(self) -> StoredDeclarations:
        """What is declared about the licensed way into systems."""
        from erp_mcp.store.state.declarations import StoredDeclarations

        return StoredDeclarations(self.engine, self.audit, self._clock)

    @cached_property
    def switches(self) -> StoredSwitches:
        """The kill switch."""
        from erp_mcp.store.state.switches import StoredSwitches

        return StoredSwitches(self.engine, self.audit, self._clock)

    @cached_property
    def followers(self) -> StoredFollowers:
        """How far readers of events have come."""
        from erp_mcp.store.state.followers import StoredFollowers

        return StoredFollowers(self.engine)

    @cached_property
    def page_sessions(self) -> StoredPageSessions:
        """Who is signed in to the approver's page."""
        from erp_mcp.store.state.page_sessions import StoredPageSessions

        return StoredPageSessions(self.engine, self.audit, self._clock)

    @cached_property
    def tasks(self) -> StoredTasks:
        """What people are asked to do."""
        from erp_mcp.store.state.tasks import StoredTasks

        return StoredTasks(self.engine, self.audit, self._clock, self._ids)

    @cached_property
    def proposals(self) -> StoredProposals:
        """Proposals, the decisions about them and their events."""
        from erp_mcp.store.state.proposals import StoredProposals

        return StoredProposals(self.engine, self.audit, self._clock, self._ids)

    @cached_property
    def taint(self) -> StoredTaint:
        """Which agents have read text that outsiders wrote."""
        from erp_mcp.store.state.taint import StoredTaint

        return StoredTaint(self.engine, self.audit)

    def kept_rows(self) -> Iterator[KeptRow]:
        """Yield what the rows beside proposals hold, for verification against the audit; raises as reading does."""
        from erp_mcp.store.state.kept_rows import kept_rows

        return kept_rows(self.engine)

    def close(self) -> None:
        """Let go of the database."""
        self.engine.close()
