"""`ports.Commands` of the system named `gateway`: what is written there is our own, and in no system of record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from erp_mcp.domain.command import Command, Committed, NotSent, Outcome, Refused, RetryContract, Unknown, Written
from erp_mcp.domain.human_task import CREATE, REQUEST_RELEASE, SYSTEM, HumanTask
from erp_mcp.errors import StateUnavailableError

if TYPE_CHECKING:
    from erp_mcp.store.state.tasks import StoredTasks

OPERATIONS: Final[Mapping[str, RetryContract]] = {
    name: RetryContract(kind="unique_ref", settle_s=1) for name in (CREATE, REQUEST_RELEASE)
}
_RETRY_S: Final = 5


def own_target(deployment: str) -> str:
    """Return what the name `gateway` stands for in a deployment, as `targets.target_of` does for a system."""
    return hashlib.sha256(f"erp-mcp/target/v1\n{SYSTEM} of {deployment}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRecords:
    """Makes tasks for people."""

    tasks: StoredTasks

    @property
    def system(self) -> str:
        """The name under which the gateway's own records are written."""
        return SYSTEM

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        """What it takes: each under a reference that makes one task."""
        return OPERATIONS

    async def send(self, command: Command) -> Outcome:
        """Make the task; see `ports.Commands.send`."""
        if command.operation not in OPERATIONS:
            return Refused(code="operation_not_offered")
        try:
            task = self.tasks.create(command.reference, command.operation, dict(command.fields))
        except StateUnavailableError as error:
            if error.facts.get("outcome") == "unknown":
                return Unknown(reason="state_unavailable")
            return NotSent(reason="state_unavailable", retry_after_s=_RETRY_S)
        return Committed(written=_written(task))

    async def find(self, command: Command) -> Written | None:
        """Return the task that this command made; see `ports.Commands.find`."""
        task = self.tasks.by_reference(command.reference)
        return _written(task) if task is not None else None

    async def probe(self) -> Mapping[str, str]:
        """Say how the contracts are kept."""
        return {"account": "none", **dict.fromkeys(OPERATIONS, "ok")}

    async def close(self) -> None:
        """Nothing is held open."""


def _written(task: HumanTask) -> Written:
    fields = {"role": task.role, "site": task.site, "title": task.title, "due": task.due or None}
    return Written(document=task.task_id, key=task.task_id, version_token="", fields=fields)
