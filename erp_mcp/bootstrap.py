"""Composition root: the only module that names implementations, the clock and the source of ids.

Imports are made where they are needed: serving must not pay for what only administration uses.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

from erp_mcp import settings
from erp_mcp.analyses import ANALYSES
from erp_mcp.catalog import compiled
from erp_mcp.catalog.registry import Catalog, catalog_of
from erp_mcp.domain.freshness import FreshnessBudget
from erp_mcp.domain.principal import Principal
from erp_mcp.errors import (
    GatewayError,
    StateUnavailableError,
    SystemNotConfiguredError,
    SystemReadOnlyError,
    SystemUnreachableError,
)
from erp_mcp.gateway import Gateway
from erp_mcp.reading import Keys
from erp_mcp.settings import Settings, SystemSettings
from erp_mcp.store.state.keys import deployment_key, derived_key
from erp_mcp.store.state.sqlite import State

if TYPE_CHECKING:
    from erp_mcp.committing import Committer
    from erp_mcp.domain.entities import Record
    from erp_mcp.domain.profile import Profile
    from erp_mcp.ports import Adapter, Commands
    from erp_mcp.preparing import Preparation
    from erp_mcp.proposing import Proposing
    from erp_mcp.store.read_model.reader import ReadModelReader as SqliteReadModelReader
    from erp_mcp.store.read_model.writer import ReadModelWriter as SqliteReadModelWriter
    from erp_mcp.sync import ManagedSystem


_log: Final = logging.getLogger("erp_mcp")
DEMO_ERP: Final = "demo-erp"  # `commands.via` of a profile whose system is written to by the demo ERP's own service
_AFTER_FIRST_ANSWER_S: Final = 2.0  # a client that has just started us asks first


class SystemClock:
    """The machine's clock; the plant clock is the same, or stands still at an instant (demo)."""

    def __init__(self, plant: str = "") -> None:
        """Take the instant at which the plant clock stands, empty for the time of day."""
        self._plant = datetime.fromisoformat(plant) if plant else None

    def wall(self) -> datetime:
        """Return the time of day, UTC."""
        return datetime.now(UTC)

    def plant(self) -> datetime:
        """Return the plant's business time, UTC."""
        return self._plant or datetime.now(UTC)


class TimeOrderedIds:
    """UUIDv7 (RFC 9562): 48 bits of milliseconds, then randomness."""

    def new(self) -> str:
        """Return a new id as lower-case text."""
        value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
        value = value & ~(0xF << 76) | 0x7 << 76
        value = value & ~(0x3 << 62) | 0x2 << 62
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class AdapterReads:
    """Reads records again from their systems, through adapters opened when first needed, one set per event loop."""

    def __init__(self, open_system: Callable[[str], Adapter]) -> None:
        """Take how a system of a name is opened for reading."""
        self._open = open_system
        self._opened: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Adapter]] = WeakKeyDictionary()

    async def read(self, system: str, entity: str, keys: Sequence[str]) -> tuple[Record, ...]:
        """Return the records with these source keys as their system has them; see `ports.LiveReads`."""
        adapters = self._opened.setdefault(asyncio.get_running_loop(), {})
        if system not in adapters:
            adapters[system] = self._open(system)
        return await adapters[system].read(entity, keys)

    async def close(self) -> None:
        """Close what the running event loop has opened."""
        for adapter in self._opened.pop(asyncio.get_running_loop(), {}).values():
            await adapter.close()


class CommandPorts:
    """Ports that write to systems, opened when first needed, one set per event loop."""

    def __init__(self, open_system: Callable[[str], Commands]) -> None:
        """Take how a system of a name is opened for writing."""
        self._open = open_system
        self._opened: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Commands]] = WeakKeyDictionary()

    async def of(self, system: str) -> Commands:
        """Return the port of a system; raises as what opens it."""
        opened = self._opened.setdefault(asyncio.get_running_loop(), {})
        if system not in opened:
            opened[system] = self._open(system)
        return opened[system]

    async def close(self) -> None:
        """Close what the running event loop has opened."""
        for commands in self._opened.pop(asyncio.get_running_loop(), {}).values():
            await commands.close()


@dataclass(kw_only=True)
class Deployment:
    """Everything of one deployment, opened when first used; `close` gives it back."""

    settings: Settings
    clock: SystemClock
    ids: TimeOrderedIds
    _catalog_seen: tuple[str, Catalog] = ("", catalog_of(()))

    @cached_property
    def state(self) -> State:
        """The state store: audit, applied policy, leases."""
        return State(self.settings.state_dir, clock=self.clock, ids=self.ids)

    @cached_property
    def catalog(self) -> Catalog:
        """The compiled catalogue, from its cache where the tool files have not changed."""
        folders = [folder for folder in self.settings.tools if folder.is_dir()]
        return compiled.cached(folders, self.settings.state_dir / "catalog.json", lambda: compile_catalog(folders))

    @cached_property
    def budgets(self) -> Mapping[str, FreshnessBudget]:
        """Freshness budgets per entity."""
        from erp_mcp.systems import load_budgets

        return load_budgets(self.settings.freshness)

    @cached_property
    def reader(self) -> SqliteReadModelReader:
        """The read model, read-only."""
        from erp_mcp.store.read_model.reader import ReadModelReader

        return ReadModelReader(self.settings.read_model)

    @cached_property
    def gateway(self) -> Gateway:
        """The gateway over the read model, read-only."""
        secret = deployment_key(self.settings.state_dir)
        return Gateway(
            catalog=self.catalog,
            analyses=ANALYSES,
            bundles=self.state.bundles,
            read_model=self.reader,
            audit=self.state.audit,
            clock=self.clock,
            zone=ZoneInfo(self.settings.zone),
            budgets=self.budgets,
            keys=Keys(masks=derived_key(secret, "masks"), cursors=derived_key(secret, "cursors")),
            proposing=lambda: self.proposing,
            deadline_s=float(self.settings.deadline_s),
        )

    @cached_property
    def live(self) -> AdapterReads:
        """Records as their systems have them this moment, read with read credentials."""

        def open_system(name: str) -> Adapter:
            found = next((system for system in self.settings.systems if system.name == name), None)
            if found is None:
                raise SystemNotConfiguredError(system=name)
            try:
                return self.adapter(found)
            except GatewayError as failure:  # it names files and variables, which is nothing for an agent
                _log.warning("system %s can't be opened: %s", name, failure)
                raise SystemUnreachableError(system=name) from None

        return AdapterReads(open_system)

    @cached_property
    def writable(self) -> Mapping[str, frozenset[str]]:
        """Which operations each system takes: those of its profile on what it owns, where `write:` is configured."""
        return {system.name: self._operations(system) for system in self.settings.systems if system.write is not None}

    def _operations(self, system: SystemSettings) -> frozenset[str]:
        try:
            offered = self.profile(system).commands
        except GatewayError as failure:  # a profile that can't be read offers nothing
            _log.warning("nothing is written to system %s: %s", system.name, failure)
            return frozenset()
        return frozenset(one for one in offered if not system.owns or one.partition(".")[0] in system.owns)

    @cached_property
    def proposing(self) -> Proposing:
        """What makes proposals and tells of them; a role that may not propose never opens it."""
        from erp_mcp.proposing import Proposing

        return Proposing(
            proposals=self.state.proposals,
            preparation=self.preparation,
            clock=self.clock,
            ids=self.ids,
            cursor_key=derived_key(deployment_key(self.settings.state_dir), "cursors"),
            deployment=self.settings.deployment,
            environment=self.settings.environment,
        )

    @cached_property
    def preparation(self) -> Preparation:
        """What works out a change, for the gateway before it is proposed and for the worker before it is sent."""
        from erp_mcp.commands import OPERATIONS
        from erp_mcp.preparing import Preparation

        return Preparation(
            read_model=self.reader,
            live=self.live,
            operations=OPERATIONS,
            writable=self.writable,
            budgets=self.budgets,
            clock=self.clock,
            zone=ZoneInfo(self.settings.zone),
            deadline_s=float(self.settings.deadline_s),
        )

    @cached_property
    def writing(self) -> CommandPorts:
        """Ports that write to systems, with write credentials; the worker alone asks for one."""
        return CommandPorts(self._open_commands)

    async def commands(self, name: str) -> Commands:
        """Return the port that writes to a system.

        Raises:
            SystemNotConfiguredError: `adapter.not_configured`. SystemReadOnlyError: `adapter.read_only`, for a system
            without `write:`. ConfigurationError: `settings.bad_configuration`.
        """
        return await self.writing.of(name)

    async def signed_commands(self, name: str) -> Commands:
        """Return the port that writes to a system, where it is the one that the policy in force was signed for.

        Raises:
            HeldBackError: `target_changed`; what the name stands for, or how it is written to, was changed in the
            configuration or its profile since an approver signed. Otherwise as `commands`.
        """
        from erp_mcp.approval.bundles import targets_of
        from erp_mcp.committing.held_back import HeldBackError

        newest = next(iter(self.state.bundles.applied(since="9999")), None)
        system = next((one for one in self.settings.systems if one.name == name), None)
        if system is not None and system.write is not None and targets_of(newest).get(name) != self.target(system):
            raise HeldBackError("deny", "target_changed", {"system": name})
        return await self.commands(name)

    def targets(self) -> dict[str, str]:
        """Return per system that takes writes where and how, as an approver signs it."""
        return {one.name: self.target(one) for one in self.settings.systems if self.writable.get(one.name)}

    def target(self, system: SystemSettings) -> str:
        """Return the digest of where a system is, how it is read and written to, and by which clock it is judged.

        Secrets are left out, and so are time-outs: they may be changed without anybody's leave.

        Raises:
            ProfileFileError: `systems.bad_profile`.
        """
        free = {"secret", "timeout_s", "page_rows", "write"}
        told = {name: value for name, value in asdict(system).items() if name not in free}
        clock = [self.settings.environment, self.settings.zone, self.settings.clock]
        account = system.write.account if system.write is not None else ""
        whole = {"system": told, "account": account, "clock": clock, "profile": asdict(self.profile(system))}
        text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(b"erp-mcp/target/v1\n" + text.encode()).hexdigest()

    def committer(self, *, at: Callable[[str], None] = lambda _: None) -> Committer:
        """Return what commits approved proposals; `at` is told each point at which a process may die, for tests."""
        from erp_mcp.committing import Committer, Signatures

        return Committer(
            proposals=self.state.proposals,
            bundles=self.state.bundles,
            signatures=Signatures(
                proposals=self.state.proposals,
                approvers=self.state.approvers,
                bundles=self.state.bundles,
                deployment=self.settings.deployment,
                root_key=approvers_root(self.settings.state_dir),
            ),
            catalog=self.catalog_now,
            preparation=self.preparation,
            commands=self.signed_commands,
            clock=self.clock,
            at=at,
        )

    def catalog_now(self) -> Catalog:
        """Return the catalogue as the tool files are this moment; a worker may live long, and approvals bind to it."""
        folders = [folder for folder in self.settings.tools if folder.is_dir()]
        digest = compiled.source_digest(folders)
        if digest != self._catalog_seen[0]:
            cache = self.settings.state_dir / "catalog.json"
            self._catalog_seen = (digest, compiled.cached(folders, cache, lambda: compile_catalog(folders)))
        return self._catalog_seen[1]

    def _open_commands(self, name: str) -> Commands:
        """Open one system for writing, with the account of `write:` and never that of reading."""
        system = next((one for one in self.settings.systems if one.name == name), None)
        if system is None:
            raise SystemNotConfiguredError(system=name)
        if system.write is None:
            raise SystemReadOnlyError(system=name)
        profile, root = self.profile(system), self.settings.file.parent
        if profile.commands_via == DEMO_ERP:
            from erp_mcp.demo.erp_commands import DemoErpCommands

            account = system.write.account
            return DemoErpCommands.open(
                system=name, url=system.url, root=root, profile=profile, clock=self.clock, account=account
            )
        from erp_mcp.adapters import open_commands

        secret = settings.secret_of(system.write.secret, root)
        return open_commands(system, profile, clock=self.clock, root=root, secret=secret)

    def principal(self, agent: str = "") -> Principal:
        """Return a principal for an agent as declared; the applied policy decides what it is."""
        return Principal(agent=agent or self.settings.default_agent or "planner", owner="", role="")

    def system(self, name: str) -> SystemSettings:
        """Return the settings of a configured system."""
        return next(system for system in self.settings.systems if system.name == name)

    def profile(self, system: SystemSettings) -> Profile:
        """Return a system's profile: a shipped one, or a file of an operator's folder."""
        from erp_mcp.systems import load_profile

        wanted = (system.profile, system.id_prefix)
        if wanted not in self._profiles:  # reading one costs more than a call
            self._profiles[wanted] = load_profile(system.profile, self.settings.profiles, id_prefix=system.id_prefix)
        return self._profiles[wanted]

    @cached_property
    def _profiles(self) -> dict[tuple[str, str], Profile]:
        return {}

    def adapter(self, system: SystemSettings) -> Adapter:
        """Return an adapter for one system; the caller closes it."""
        from erp_mcp.adapters import open_adapter

        root = self.settings.file.parent
        secret = settings.secret_of(system.secret, root)
        return open_adapter(system, self.profile(system), clock=self.clock, root=root, secret=secret)

    def writer(self) -> SqliteReadModelWriter:
        """Return the writing side of the read model; the caller closes it."""
        from erp_mcp.store.read_model.writer import ReadModelWriter

        return ReadModelWriter(self.settings.read_model)

    async def keep_synchronised(self) -> None:
        """Synchronise what is due, again and again; one process of the deployment at a time does it, under a lease."""
        from erp_mcp import sync

        systems = [one for system in self.settings.systems if (one := self._managed(system)) is not None]
        writer = self.writer()
        holder = self.ids.new()

        async def run() -> None:
            await sync.run_due(
                systems, writer, self.state.leases, self.clock, self.ids, budgets=self.budgets, holder=holder
            )

        try:
            await sync.scheduled(run, sleep=asyncio.sleep, on_error=_told)
        finally:
            for one in systems:
                await one.adapter.close()
            writer.close()

    def _managed(self, system: SystemSettings) -> ManagedSystem | None:
        """Return a system ready to be read; one that can't be opened must not hold up the others."""
        from erp_mcp.sync import ManagedSystem

        try:
            return ManagedSystem(adapter=self.adapter(system), profile=self.profile(system))
        except GatewayError as failure:
            _log.warning("system %s is not synchronised until the next start: %s", system.name, failure)
            return None

    async def disconnect(self) -> None:
        """Let go of connections to systems that the running event loop has opened."""
        if "live" in self.__dict__:
            await self.live.close()
        if "writing" in self.__dict__:
            await self.writing.close()

    def close(self) -> None:
        """Let go of what was opened."""
        if "reader" in self.__dict__:
            self.reader.close()
        if "state" in self.__dict__:
            self.state.close()


def open_deployment(config: Path) -> Deployment:
    """Open the deployment that a configuration file describes.

    Raises:
        ConfigurationError: `settings.bad_configuration`.
    """
    found = settings.load(config)
    return Deployment(settings=found, clock=SystemClock(found.clock), ids=TimeOrderedIds())


async def synchronise_beside(config: Path) -> None:
    """Keep a deployment synchronised in a thread of its own, so that answers do not wait for it, until cancelled.

    The thread does not hold up the end of the process: a synchronisation killed at any point goes on at the next start.
    """
    await asyncio.sleep(_AFTER_FIRST_ANSWER_S)
    threading.Thread(target=_synchronise, args=(config,), name="synchronisation", daemon=True).start()


def _synchronise(config: Path) -> None:
    try:
        deployment = open_deployment(config)  # its own connections: those of SQLite belong to one thread
        asyncio.run(deployment.keep_synchronised())
    except Exception as failure:  # noqa: BLE001 - answers go on without it, and their age tells
        _log.warning("nothing is synchronised until the next start: %s", _words(failure))


def approvers_root_file(state_dir: Path) -> Path:
    """Return where the public key of the first approver stands; everything that approvers may do stands on it."""
    return state_dir / "keys" / "approvers.root"


def approvers_root(state_dir: Path) -> str:
    """Return the public key of the first approver, empty where nobody is enrolled.

    Raises:
        StateUnavailableError: `state.unavailable`; the file can't be read, or others may write it.
    """
    path = approvers_root_file(state_dir)
    try:
        if os.name == "posix" and path.exists() and path.stat().st_mode & 0o022:
            raise StateUnavailableError(file=path.name, reason="others may write it; chmod 600")
        return path.read_text(encoding="ascii").strip() if path.exists() else ""
    except (OSError, ValueError) as error:
        raise StateUnavailableError(file=path.name, reason=type(error).__name__) from error


def compile_catalog(folders: Iterable[Path]) -> Catalog:
    """Read, lint and compile tool files.

    Raises:
        CatalogFileError: `catalog.bad_file`, with file and line.
    """
    from erp_mcp.catalog.load import load_catalog
    from erp_mcp.commands import OPERATIONS

    return load_catalog(list(folders), ANALYSES, OPERATIONS)


def _told(failure: Exception) -> None:
    _log.warning("synchronisation failed, it will be tried again: %s", _words(failure))


def _words(failure: Exception) -> str:
    """Return what may be logged of a failure: our own errors hold no secret, others may."""
    return str(failure) if isinstance(failure, GatewayError) else type(failure).__name__
