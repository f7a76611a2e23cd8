"""Composition root: the only module that names implementations, the clock and the source of ids.

Imports are made where they are needed: serving must not pay for what only administration uses.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from erp_mcp import settings
from erp_mcp.analyses import ANALYSES
from erp_mcp.catalog import compiled
from erp_mcp.catalog.registry import Catalog
from erp_mcp.domain.freshness import FreshnessBudget
from erp_mcp.domain.principal import Principal
from erp_mcp.errors import GatewayError
from erp_mcp.gateway import Gateway
from erp_mcp.reading import Keys
from erp_mcp.settings import Settings, SystemSettings
from erp_mcp.store.state.keys import deployment_key, derived_key
from erp_mcp.store.state.sqlite import State

if TYPE_CHECKING:
    from erp_mcp.domain.profile import Profile
    from erp_mcp.ports import Adapter
    from erp_mcp.store.read_model.reader import ReadModelReader as SqliteReadModelReader
    from erp_mcp.store.read_model.writer import ReadModelWriter as SqliteReadModelWriter
    from erp_mcp.sync import ManagedSystem


_log: Final = logging.getLogger("erp_mcp")
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


@dataclass(kw_only=True)
class Deployment:
    """Everything of one deployment, opened when first used; `close` gives it back."""

    settings: Settings
    clock: SystemClock
    ids: TimeOrderedIds

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
            deadline_s=float(self.settings.deadline_s),
        )

    def principal(self, agent: str = "") -> Principal:
        """Return a principal for an agent as declared; the applied policy decides what it is."""
        return Principal(agent=agent or self.settings.default_agent or "planner", owner="", role="")

    def system(self, name: str) -> SystemSettings:
        """Return the settings of a configured system."""
        return next(system for system in self.settings.systems if system.name == name)

    def profile(self, system: SystemSettings) -> Profile:
        """Return a system's profile: a shipped one, or a file of an operator's folder."""
        from erp_mcp.systems import load_profile

        return load_profile(system.profile, self.settings.profiles, id_prefix=system.id_prefix)

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


def compile_catalog(folders: Iterable[Path]) -> Catalog:
    """Read, lint and compile tool files.

    Raises:
        CatalogFileError: `catalog.bad_file`, with file and line.
    """
    from erp_mcp.catalog.load import load_catalog

    return load_catalog(list(folders), ANALYSES)


def _told(failure: Exception) -> None:
    _log.warning("synchronisation failed, it will be tried again: %s", _words(failure))


def _words(failure: Exception) -> str:
    """Return what may be logged of a failure: our own errors hold no secret, others may."""
    return str(failure) if isinstance(failure, GatewayError) else type(failure).__name__
