"""The way back of a step of a saga, worked out from what its system has now; nothing of our own rows is believed.

That it may be taken back was said with the saga itself: people saw by which tool, and how. What exactly is to be
written is the call of that tool, looked at and worked out like any other, and no more than what the step wrote.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from erp_mcp.catalog import arguments as contract_of
from erp_mcp.catalog.arguments import CheckedArguments
from erp_mcp.catalog.registry import Catalog
from erp_mcp.committing import today
from erp_mcp.committing.held_back import HeldBackError
from erp_mcp.committing.moving import found
from erp_mcp.domain import saga
from erp_mcp.domain.call import ArgumentValue, JsonValue
from erp_mcp.domain.command import Command
from erp_mcp.domain.decision import Obligations
from erp_mcp.domain.entities import Record
from erp_mcp.domain.ids import proposal_id_of
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.operation import Operation, Undoing
from erp_mcp.domain.proposal import Content
from erp_mcp.domain.reference import reference_of
from erp_mcp.domain.saga import PlannedStep
from erp_mcp.domain.tool import Tool
from erp_mcp.policy.limit_use import CONCERNS, concerns
from erp_mcp.ports import Bundles, Clock, Commands, Ids
from erp_mcp.preparing import Prepared
from erp_mcp.proposing import fingerprint_of, preview_of

VALID_S: Final = 24 * 3600  # a way back that was begun has so long until it is too late


class Prepares(Protocol):
    """Works out changes, as they were worked out before they were proposed (`preparing.Preparation`)."""

    @property
    def operations(self) -> Mapping[str, Operation]:
        """Registered operations by name."""
        ...

    @property
    def today(self) -> str:
        """The plant's business date."""
        ...

    async def prepare(self, tool: Tool, checked: CheckedArguments, obligations: Obligations) -> Prepared:
        """Return the draft from live data; raises as `preparing.Preparation.prepare`."""
        ...

    async def record(self, system: str, entity: str, key: str) -> Record:
        """Return one record as its system has it now; raises as `preparing.Preparation.record`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WaysBack:
    """Works out ways back; `refresh` brings entities of a system, as they are read, up to what it has now."""

    preparation: Prepares
    catalog: Callable[[], Catalog]
    bundles: Bundles
    commands: Callable[[str], Awaitable[Commands]]
    target: Callable[[str], str]
    clock: Clock
    ids: Ids
    refresh: Callable[[str, Sequence[str]], Awaitable[None]]

    async def of(self, whole: Content, step: PlannedStep, number: int) -> Content:
        """Return the part that takes a step back.

        Args:
            whole: The saga; its signatures were checked.
            step: What was written.
            number: Which way back of this step it is, from 1.

        Raises:
            HeldBackError: `deny`, when it can't be taken back as it is now. GatewayError: as `Preparation.prepare`.
        """
        tool, arguments = await self.call_of(whole, step)
        checked = contract_of.check(tool, arguments)
        obligations = self._allowed(whole, tool, checked.arguments)
        await self.refresh(step.command.system, tool.entities)  # all it looks at: steps before this one wrote as well
        prepared = await self.preparation.prepare(tool, checked, obligations)
        uuid, draft, now = self.ids.new(), prepared.draft, self.clock.wall()
        change = PlannedStep(
            name=step.name,
            proposal_id=proposal_id_of(uuid),
            tool=tool.name,
            tool_version=tool.version,
            tool_hash=tool.hash,
            risk=tool.risk or whole.risk,
            arguments=arguments,
            idempotency_key=saga.key_of_back(whole.proposal_id, step.name, number),
            fingerprint=fingerprint_of(tool, checked.arguments),
            command=Command(
                operation=tool.command,
                system=draft.system,
                entity=self.preparation.operations[tool.command].entity,
                key=draft.key,
                version_token=draft.version_token,
                reference=reference_of(uuid),
                fields=draft.fields,
            ),
            preview=preview_of(draft, step.proposal_id),
            rules=whole.rules,
            parameters=dict(prepared.parameters),
            sources={f"{one.system} ({one.via})": one.as_of for one in prepared.sources},
            target=self.target(draft.system),
            concerns={name: list(about) for name in CONCERNS if (about := concerns(draft, name))},
            undo_tool="",
            way_back="",
        )
        ends = instant_text(now + timedelta(seconds=VALID_S))
        return saga.back_of(whole, step, change, created_at=instant_text(now), expires_at=ends)

    async def is_there(self, part: Content | PlannedStep) -> bool:
        """Whether what a part was to write stands in its system; what can't be found there never does.

        Raises:
            HeldBackError: `deny`, when the name of its system stands for another one now. GatewayError: as
                `ports.Commands.find`.
        """
        command = part.command
        if self.target(command.system) != part.target:
            raise HeldBackError("deny", "target_changed", {"system": command.system})
        commands = await self.commands(command.system)
        contract = commands.operations.get(command.operation)
        if contract is None or contract.kind == "none":
            return False
        return await found(commands, command) is not None

    async def call_of(self, whole: Content, step: PlannedStep) -> tuple[Tool, dict[str, JsonValue]]:
        """Return the call that takes a step back, from what its system has of it.

        Raises:
            HeldBackError, GatewayError: as `of`.
        """
        command = step.command
        operation = self.preparation.operations.get(command.operation)
        undo = operation.undo if operation else None
        tool = self.catalog().get(step.undo_tool)
        if undo is None or tool is None or undo.tool != step.undo_tool:
            raise HeldBackError("deny", "way_back_changed")
        if self.target(command.system) != step.target:
            raise HeldBackError("deny", "target_changed", {"system": command.system})
        commands = await self.commands(command.system)
        written = await found(commands, command)
        if written is None:
            raise HeldBackError("deny", "written_is_gone")
        live = await self.preparation.record(command.system, command.entity, written.key)
        undoing = Undoing(
            command=command,
            changes=step.preview.changes,
            written=written,
            live=live,
            today=self.preparation.today,
        )
        shared = {"reason": whole.rationale, "idempotency_key": whole.idempotency_key}
        return tool, {**undo.function(undoing), **shared}

    def _allowed(self, whole: Content, tool: Tool, arguments: dict[str, ArgumentValue]) -> Obligations:
        return today.decide_again(today.bundle_in_force(self.bundles), whole, tool, arguments)
