"""What a test of something that writes says about the system behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from erp_mcp.domain.command import Command
from erp_mcp.ports import Commands

CommandFault = Literal["none", "down", "lost_before", "lost_after", "nonsense"]


class CommandSource(Protocol):
    """The system behind the implementation under test, as a test moves it.

    `good` and `refused` give a command of an operation with a reference never used before; on a record that exists,
    with its present key and version token. Two good commands in a row are about different records, or are different new
    ones. `touch` changes the record of a command as a person would, so that its version is another one.

    `effects` says what the system holds of all that the operations write, by source key, without asking the
    implementation; the text changes when the record does. `attempts` counts the writes that reached the system,
    whether or not they took effect.

    `fault` breaks the system for every later request, or mends it. `down`: nobody listens. `lost_before`: the request
    is lost before it takes effect, without an answer. `lost_after`: it takes effect, and the answer is lost.
    `nonsense`: it takes effect, and the answer makes no sense. `settle` waits until nothing that was sent is still
    under way.
    `secrets` are texts that must never come out: passwords, and the text of the system's own messages.
    """

    @property
    def commands(self) -> Commands:
        """The implementation under test, open."""
        ...

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must not be in any outcome, error or probe."""
        ...

    @property
    def attempts(self) -> int:
        """How many writes have reached the system."""
        ...

    def good(self, operation: str) -> Command:
        """Return a command that the system takes."""
        ...

    def refused(self, operation: str) -> Command:
        """Return a command that a rule of the system refuses."""
        ...

    def touch(self, command: Command) -> None:
        """Change the record that a command is about."""
        ...

    def effects(self) -> Mapping[str, str]:
        """Return what the system holds now."""
        ...

    async def fault(self, how: CommandFault) -> None:
        """Break the system, or mend it with `none`."""
        ...

    async def settle(self) -> None:
        """Wait until the system has done all that was sent to it."""
        ...
