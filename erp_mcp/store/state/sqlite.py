"""The state of a deployment in a file of this machine."""

from __future__ import annotations

from pathlib import Path

from erp_mcp.ports import Clock, Ids
from erp_mcp.store.state.deployment_state import DeploymentState
from erp_mcp.store.state.file import BUSY_S, StateFile


class State(DeploymentState):
    """Everything a deployment keeps, in its state file."""

    def __init__(self, directory: Path, *, clock: Clock, ids: Ids, busy_s: float = BUSY_S) -> None:
        """Open the state file in `directory`, made when it is missing; wait `busy_s` seconds at most for other writers.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        self.file = StateFile(directory, busy_s=busy_s)
        super().__init__(self.file, clock=clock, ids=ids)
