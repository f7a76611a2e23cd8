"""`DemoErpCommands`: `ports.Commands` over the demo ERP's application service, in process."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Self
from zoneinfo import ZoneInfo

from erp_mcp.demo.cable import AnswerLostError
from erp_mcp.demo.erp_calls import call_of, operations_of, outcome_of, written
from erp_mcp.demo.erp_service import ErpService, Failpoint, Rejected
from erp_mcp.domain.command import Command, NotSent, Outcome, Refused, RetryContract, RetryKind, Unknown, Written
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import (
    BadAnswerError,
    GatewayError,
    SystemRefusedError,
    SystemTimeoutError,
    SystemUnreachableError,
)
from erp_mcp.ports import Clock

DEFAULT_ACCOUNT: Final = "erp-mcp"

_KEPT_HOW: Final[dict[RetryKind, str]] = {
    "conditional": "the version is compared in the transaction that writes",
    "readback": "our reference is kept with the change and can be looked up",
    "unique_ref": "our reference is a key: a second document with it is turned away",
}
_WAIT_S: Final = 5
_GONE: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})
_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class DemoErpCommands:
    """Writes to the demo ERP: the commands of `demo.writing.registry` that its profile offers."""

    def __init__(self, service: ErpService, *, system: str, profile: Profile) -> None:
        """Write through `service`; `open` is the usual way to make one.

        Raises:
            ProfileFileError: `systems.bad_profile`, for an operation, contract or key that this service does not have.
        """
        self._service = service
        self._system = system
        self._profile = profile
        self._operations = operations_of(profile)

    @classmethod
    def open(
        cls,
        *,
        system: str,
        url: str,
        root: Path,
        profile: Profile,
        clock: Clock,
        account: str = "",
        failpoint: Callable[[Failpoint], None] | None = None,
    ) -> Self:
        """Return the commands of a configured demo ERP; nothing is opened before the first command.

        Args:
            system: Name of the configured system.
            url: Path of the plant's `erp.sqlite`, with or without `sqlite:///` before it.
            root: Folder that a relative path is relative to.
            profile: The system's profile; its `commands` say which operations are offered, under which contract.
            clock: Its plant clock says what day it is.
            account: Who is noted as the writer; `erp-mcp` when empty.
            failpoint: Called with `before_commit` and `after_commit`, for tests that kill or break there.

        Raises:
            ProfileFileError: as above.
        """
        service = ErpService(
            root / Path(url.removeprefix("sqlite:///")).expanduser(),
            clock=clock,
            zone=ZoneInfo(profile.zone),
            user=account or DEFAULT_ACCOUNT,
            wait_s=_WAIT_S,
            **({"failpoint": failpoint} if failpoint else {}),
        )
        return cls(service, system=system, profile=profile)

    @property
    def system(self) -> str:
        """Name of the configured system."""
        return self._system

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        """The operations of the profile with their contracts."""
        return self._operations

    async def send(self, command: Command) -> Outcome:
        """Write one change; see `ports.Commands.send`.

        A reference that the ERP has already is `Unknown`, not refused: what bears it may be this very command's, sent
        before, and only reading back can tell.
        """
        if command.operation not in self._operations:
            return Refused(code="unknown_operation")
        try:
            call = call_of(command, self._profile)
            reply = call if isinstance(call, Rejected) else self._service.perform(call)
        except sqlite3.Error as failure:
            return _verdict(failure)
        except AnswerLostError:
            return Unknown(reason="no_answer")
        except Exception:  # noqa: BLE001 - whatever broke, only reading back can tell what it left
            return Unknown(reason="system_error")
        return outcome_of(reply, self._profile)

    async def find(self, command: Command) -> Written | None:
        """Return what bears this command's reference."""
        try:
            found = self._service.find(command.reference)
        except sqlite3.Error as failure:
            raise self._meaning(failure) from None  # its text is the system's
        return written(found, self._profile) if found is not None else None

    async def probe(self) -> Mapping[str, str]:
        """Return product, account, server time, and for each operation how its contract is kept."""
        try:
            told = self._service.about()
        except sqlite3.Error as failure:
            raise self._meaning(failure) from None
        unique = told.pop("unique_references") == "yes"
        return {**told, **{name: _how_kept(one, unique=unique) for name, one in self._operations.items()}}

    async def close(self) -> None:
        """Nothing is held open."""

    def _meaning(self, failure: sqlite3.Error) -> GatewayError:
        code = _primary(failure)
        if code in _GONE:
            return SystemUnreachableError(system=self._system)
        if code in _LOCKED:
            return SystemTimeoutError(system=self._system)
        if code == sqlite3.SQLITE_READONLY:
            return SystemRefusedError(system=self._system)
        return BadAnswerError(system=self._system, reason="the database is not a demo ERP")


def _verdict(failure: sqlite3.Error) -> Outcome:
    """Say what a database error leaves: these come before anything is written, or with it rolled back."""
    code = _primary(failure)
    if code in _LOCKED:
        return NotSent(reason="system_busy", retry_after_s=1)
    if code in _GONE:
        return NotSent(reason="system_unreachable")
    if code == sqlite3.SQLITE_READONLY:
        return NotSent(reason="system_read_only")
    return Unknown(reason="system_error")


def _primary(failure: sqlite3.Error) -> int:
    return getattr(failure, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code


def _how_kept(contract: RetryContract, *, unique: bool) -> str:
    if contract.kind == "unique_ref" and not unique:
        return "not kept: the table of references has no key"
    return f"verified: {_KEPT_HOW[contract.kind]}"
