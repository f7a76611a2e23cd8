"""The state of a deployment on PostgreSQL."""

from __future__ import annotations

from erp_mcp.ports import Clock, Ids
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.file import BUSY_S
from erp_mcp.store.state.postgresql_engine import Place, PostgresqlEngine


class PostgresqlState(DeploymentState):
    """Everything a deployment keeps, in its schema."""

    def __init__(self, place: Place, *, clock: Clock, ids: Ids, busy_s: float = BUSY_S) -> None:
        """Sign in to `place`; wait `busy_s` seconds at most for what another transaction holds.

        Raises:
            StateUnavailableError: `state.unavailable`, also for a schema that nobody prepared for this deployment.
        """
        super().__init__(PostgresqlEngine(place, busy_s=busy_s), clock=clock, ids=ids)
