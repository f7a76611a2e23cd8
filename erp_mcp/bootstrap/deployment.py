"""One deployment: everything that its settings describe, put together from the implementations.

Imports are made where they are needed: serving must not pay for what only administration uses.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from erp_mcp import settings
from erp_mcp.analyses import ANALYSES
from erp_mcp.bootstrap.declared import check_declared, guarded
from erp_mcp.bootstrap.keeping_state import LocalLeases, open_state
from erp_mcp.bootstrap.machine import SystemClock, TimeOrderedIds, jump_recorder
from erp_mcp.bootstrap.opened import AdapterReads, OpenedSystems
from erp_mcp.bootstrap.root_key import approvers_root
from erp_mcp.bootstrap.targets import target_of
from erp_mcp.catalog import compiled
from erp_mcp.catalog.registry import Catalog, catalog_of
from erp_mcp.domain import human_task
from erp_mcp.domain.clock_watch import ClockWatch
from erp_mcp.domain.freshness import FreshnessBudget
from erp_mcp.domain.principal import Principal
from erp_mcp.errors import (
    GatewayError,
    SystemNotConfiguredError,
    SystemReadOnlyError,
    SystemUnreachableError,
)
from erp_mcp.gateway import Gateway
from erp_mcp.reading import Keys
from erp_mcp.settings import Settings, SystemSettings
from erp_mcp.store.state.keys import deployment_key, derived_key

if TYPE_CHECKING:
    from erp_mcp.bootstrap.access import AccessMaker
    from erp_mcp.bootstrap.least_rights import WritingRights
    from erp_mcp.committing import Committer
    from erp_mcp.domain.declaration import Declaration
    from erp_mcp.domain.profile import Profile
    from erp_mcp.domain.proposal import Content
    from erp_mcp.notices.following import Notifier
    from erp_mcp.ports import Adapter, Commands, Leases
    from erp_mcp.preparing import Preparation
    from erp_mcp.proposing import Proposing
    from erp_mcp.store.read_model.reader import ReadModelReader as SqliteReadModelReader
    from erp_mcp.store.read_model.writer import ReadModelWriter as SqliteReadModelWriter
    from erp_mcp.store.state.deployment_state import DeploymentState
    from erp_mcp.store.traffic import SqliteTraffic


_log: Final = logging.getLogger("erp_mcp")
DEMO_ERP: Final = "demo-erp"  # `commands.via` of a profile whose system is written to by the demo ERP's own service


async def _as_it_is(_system: str, _entities: Sequence[str]) -> None:
    """Stand in for bringing the read model up to date."""


@dataclass(kw_only=True)
class Deployment:
    """Everything of one deployment, opened when first used; `close` gives it back."""

    settings: Settings
    clock: SystemClock
    ids: TimeOrderedIds
    watch: ClockWatch = field(init=False)  # of the clock, from the beginning of the process on
    _catalog_seen: tuple[str, Catalog] = ("", catalog_of(()))

    def __post_init__(self) -> None:
        """Begin to watch the clock."""
        self.watch = ClockWatch(self.clock, jump_recorder(lambda: self.state.audit, self.ids))

    @cached_property
    def state(self) -> DeploymentState:
        """The state store: audit, applied policy, leases."""
        return open_state(self.settings, self.clock, self.ids)

    @property
    def sync_leases(self) -> Leases:
        """Who may fill the read model, which is one of this machine even where the state is not."""
        return LocalLeases(self.state.leases, self.settings) if self.settings.state is not None else self.state.leases

    @cached_property
    def catalog(self) -> Catalog:
        """The compiled catalogue, from its cache where the tool files have not changed."""
        return self._compiled(self._tool_folders())

    @cached_property
    def budgets(self) -> Mapping[str, FreshnessBudget]:
        """Freshness budgets per entity."""
        from erp_mcp.systems import load_budgets

        return load_budgets(self.settings.freshness, kept=self.settings.state_dir / "budgets.json")

    @cached_property
    def reader(self) -> SqliteReadModelReader:
        """The read model, read-only."""
        from erp_mcp.store.read_model.reader import ReadModelReader

        return ReadModelReader(self.settings.read_model)

    @cached_property
    def gateway(self) -> Gateway:
        """What answers the calls of agents."""
        secret = deployment_key(self.settings.state_dir)
        return Gateway(
            catalog=self.catalog,
            analyses=ANALYSES,
            bundles=self.state.bundles,
            read_model=self.reader,
            audit=self.state.audit,
            clock=self.clock,
            watch=self.watch,
            zone=ZoneInfo(self.settings.zone),
            budgets=self.budgets,
            keys=Keys(masks=derived_key(secret, "masks"), cursors=derived_key(secret, "cursors")),
            proposing=lambda: self.proposing,
            deadline_s=float(self.settings.deadline_s),
        )

    def expire(self) -> None:
        """Let proposals go whose time is over; none while the clock has jumped.

        Raises:
            StateUnavailableError: `state.unavailable`. AuditUnavailableError: `audit.unavailable`.
        """
        if self.watch.is_steady():
            self.state.proposals.expire()

    def key(self, purpose: str) -> bytes:
        """Return the key of this deployment for one purpose, the same in all its processes."""
        return derived_key(deployment_key(self.settings.state_dir), purpose)

    def is_tainted(self, principal: Principal, seconds: int) -> bool:
        """Whether an agent has read, so many seconds back, text that outsiders wrote, and no approver has cleared it.

        Raises:
            StateUnavailableError: `state.unavailable`. RegistryDamagedError: `approval.broken_registry`.
        """
        from erp_mcp.approval import registry, taint

        read = self.state.taint.of(principal.agent)
        if read is None or not taint.is_within(read, seconds, self.clock.wall()):
            return False
        said = self.state.taint.clearings(principal.agent)
        if not said:
            return True
        name = self.settings.deployment
        trusted = registry.trusted(self.state.approvers.all(), approvers_root(self.settings.state_dir), name)
        return not taint.is_cleared(read, said, trusted, principal, name)

    def is_canary(self, content: Content) -> bool:
        """Whether a proposal was seeded to see whether people look; nothing carries it out."""
        from erp_mcp.approval.canaries import is_canary

        return is_canary(self._canaries, content)

    @cached_property
    def _canaries(self) -> bytes:
        return self.key("canaries")

    @cached_property
    def live(self) -> AdapterReads:
        """Records as their systems have them this moment, read with read credentials."""

        def open_system(name: str) -> Adapter:
            system = self.system(name)
            try:
                return self.adapter(system)
            except GatewayError as failure:  # it names files and variables, which is nothing for an agent
                _log.warning("system %s can't be opened: %s", name, failure)
                raise SystemUnreachableError(system=name) from None

        return AdapterReads(open_system)

    @cached_property
    def traffic(self) -> SqliteTraffic:
        """What all processes together do to the systems."""
        from erp_mcp.store.traffic import SqliteTraffic

        return SqliteTraffic(self.settings.state_dir, clock=self.clock)

    @cached_property
    def access(self) -> AccessMaker:
        """What makes secrets and identities of the references in the settings."""
        from erp_mcp.bootstrap.access import AccessMaker

        return AccessMaker(self.settings, self.clock)

    @cached_property
    def writable(self) -> Mapping[str, frozenset[str]]:
        """Which operations each system takes: those of its profile on what it owns, where `write:` is configured."""
        systems = {one.name: self._operations(one) for one in self.settings.systems if one.write is not None}
        return {**systems, human_task.SYSTEM: frozenset((human_task.CREATE, human_task.REQUEST_RELEASE))}

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
            watch=self.watch,
            ids=self.ids,
            cursor_key=derived_key(deployment_key(self.settings.state_dir), "cursors"),
            deployment=self.settings.deployment,
            environment=self.settings.environment,
            target=self.target_named,
            is_canary=self.is_canary,
            is_tainted=self.is_tainted,
        )

    @cached_property
    def task_key(self) -> bytes:
        """What seals the ids of tasks that agents are given for their proposals."""
        return derived_key(deployment_key(self.settings.state_dir), "tasks")

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
    def writing(self) -> OpenedSystems[Commands]:
        """Ports that write to systems, with write credentials; the worker alone asks for one."""
        return OpenedSystems(self._open_commands)

    async def commands(self, name: str) -> Commands:
        """Return the port that writes to a system.

        Raises:
            SystemNotConfiguredError: `adapter.not_configured`. SystemReadOnlyError: `adapter.read_only`, for a system
            without `write:`. DeclarationMissingError: `adapter.not_declared`. ConfigurationError:
            `settings.bad_configuration`.
        """
        if name != human_task.SYSTEM and self.system(name).write is not None:
            self.check_declared(self.system(name))
        return self.writing.of(name)

    async def signed_commands(self, name: str) -> Commands:
        """Return the port that writes to a system, where it is the one that the policy in force was signed for.

        Raises:
            HeldBackError: `target_changed`; what the name stands for, or how it is written to, was changed in the
            configuration or its profile since an approver signed. AccountTooPowerfulError:
            `adapter.account_too_powerful`, where what writes says that its account can do more than it needs.
            Otherwise as `commands`.
        """
        from erp_mcp.approval.bundles import targets_of
        from erp_mcp.committing.held_back import HeldBackError

        if name == human_task.SYSTEM:  # our own records, which no configuration points elsewhere
            return await self.commands(name)
        newest = next(iter(self.state.bundles.applied(since="9999")), None)
        system = self.system(name)
        if system.write is not None and targets_of(newest).get(name) != self.target(system):
            raise HeldBackError("deny", "target_changed", {"system": name})
        commands = await self.commands(name)
        await self._writing_rights.check(commands)
        return commands

    @cached_property
    def _writing_rights(self) -> WritingRights:
        from erp_mcp.bootstrap.least_rights import WritingRights

        return WritingRights()

    def targets(self) -> dict[str, str]:
        """Return per system that takes writes where and how, as an approver signs it."""
        return {one.name: self.target(one) for one in self.settings.systems if self.writable.get(one.name)}

    def target(self, system: SystemSettings) -> str:
        """Return the digest of a system that takes writes, as `targets`.

        Raises:
            ProfileFileError: `systems.bad_profile`.
        """
        return target_of(self.settings, system, self.profile(system))

    def target_named(self, name: str) -> str:
        """Return the digest of what a system's name stands for: of one configured, or of the gateway's own records.

        Raises:
            SystemNotConfiguredError: `adapter.not_configured`. ProfileFileError: `systems.bad_profile`.
        """
        if name == human_task.SYSTEM:
            from erp_mcp.bootstrap import own_records

            return own_records.own_target(self.settings.deployment)
        return self.target(self.system(name))

    def committer(
        self,
        *,
        refresh: Callable[[str, Sequence[str]], Awaitable[None]] = _as_it_is,
        at: Callable[[str], None] = lambda _: None,
    ) -> Committer:
        """Return what commits approved proposals.

        Args:
            refresh: Brings entities of a system in the read model up to what it has now, before something of it is
                taken back.
            at: Told each point at which a process may die, for tests.
        """
        from erp_mcp.committing import Committer, Signatures

        return Committer(
            target=self.target_named,
            is_canary=self.is_canary,
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
            watch=self.watch,
            ids=self.ids,
            refresh=refresh,
            at=at,
        )

    def notifier(self) -> Notifier:
        """Return what tells people that a proposal waits for them; the caller closes it.

        Raises:
            ConfigurationError: `settings.bad_configuration`. SecretUnavailableError: `credentials.unavailable`.
        """
        from erp_mcp.bootstrap.noticing import channels
        from erp_mcp.notices.following import Notifier

        settings = self.settings.notices
        return Notifier(
            proposals=self.state.proposals,
            followers=self.state.followers,
            leases=self.state.leases,
            clock=self.clock,
            told=channels(settings, self.access),
            page=settings.page if settings is not None else "",
        )

    def catalog_now(self) -> Catalog:
        """Return the catalogue as the tool files are this moment; a worker may live long, and approvals bind to it."""
        folders = self._tool_folders()
        digest = compiled.source_digest(folders)
        if digest != self._catalog_seen[0]:
            self._catalog_seen = (digest, self._compiled(folders))
        return self._catalog_seen[1]

    def _tool_folders(self) -> list[Path]:
        return [folder for folder in self.settings.tools if folder.is_dir()]

    def _compiled(self, folders: list[Path]) -> Catalog:
        return compiled.cached(folders, self.settings.state_dir / "catalog.json", lambda: compile_catalog(folders))

    def check_declared(self, system: SystemSettings) -> None:
        """Refuse to open a system for which an operator has still to declare the licensed way in.

        Raises:
            DeclarationMissingError: `adapter.not_declared`. ProfileFileError: `systems.bad_profile`.
        """
        profile = self.profile(system)
        if profile.declaration:
            check_declared(system, profile, self.state.declarations.all().get(system.name))

    def declare(self, name: str, *, by: str, pathway: str, account: str) -> Declaration:
        """Store what a person declares about the way into a system, with its audit record, and return it.

        Args:
            name: The system.
            by: Who answers for it, 1 to 100 characters.
            pathway: What they declare, 1 to 500 characters.
            account: Who runs this.

        Raises:
            SystemNotConfiguredError: `adapter.not_configured`. InvalidArgumentError: `call.invalid_argument`, for empty
            or overlong texts and for a system that wants no declaration. ProfileFileError: `systems.bad_profile`.
            StateUnavailableError: `state.unavailable`.
        """
        from erp_mcp.bootstrap.declared import declaration_of

        system = self.system(name)
        declared = declaration_of(system, self.profile(system), by=by, pathway=pathway, account=account)
        self.state.declarations.declare(declared)
        return declared

    def _open_commands(self, name: str) -> Commands:
        """Open one system for writing, with the account of `write:` and never that of reading."""
        if name == human_task.SYSTEM:
            from erp_mcp.bootstrap import own_records

            return own_records.OwnRecords(tasks=self.state.tasks)
        system = self.system(name)
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
        from erp_mcp.bootstrap.profiles import placing

        secret = self.access.local(system.write.secret)
        access = self.access.to_write(system, profile.commands_via or profile.kind, self.traffic)
        with placing(profile, self.profile_folders):
            return open_commands(system, profile, clock=self.clock, root=root, secret=secret, access=access)

    def principal(self, agent: str = "") -> Principal:
        """Return a principal for an agent as declared; the applied policy decides what it is."""
        return Principal(agent=agent or self.settings.default_agent or "planner", owner="", role="")

    def system(self, name: str) -> SystemSettings:
        """Return the settings of a system.

        Raises:
            SystemNotConfiguredError: `adapter.not_configured`.
        """
        found = next((system for system in self.settings.systems if system.name == name), None)
        if found is None:
            raise SystemNotConfiguredError(system=name)
        return found

    def profile(self, system: SystemSettings) -> Profile:
        """Return a system's profile: a shipped one, a file of an operator's folder, or one of an installed package.

        A `url` that leads to SAP's services makes it one that asks for the declaration, whatever its file says.
        """
        from erp_mcp.systems import licensed, load_profile

        wanted = (system.profile, system.id_prefix)
        if wanted not in self._profiles:  # reading one costs more than a call
            self._profiles[wanted] = load_profile(
                system.profile,
                self.profile_folders,
                id_prefix=system.id_prefix,
                kept=self.settings.state_dir / "profiles",
            )
        profile = self._profiles[wanted]
        return replace(profile, declaration=licensed.SAP) if licensed.is_sap(system.url) else profile

    @cached_property
    def profile_folders(self) -> list[Path]:
        """Where profiles lie: shipped ones, those of the configuration's folders, those of installed packages."""
        from erp_mcp.systems import with_installed

        return with_installed(self.settings.profiles)

    @cached_property
    def _profiles(self) -> dict[tuple[str, str], Profile]:
        return {}

    def adapter(self, system: SystemSettings) -> Adapter:
        """Return an adapter for one system; the caller closes it.

        Raises:
            DeclarationMissingError: `adapter.not_declared`. ConfigurationError: `settings.bad_configuration`.
            ProfileFileError: `systems.bad_profile`.
        """
        from erp_mcp.adapters import KINDS, open_adapter
        from erp_mcp.bootstrap.least_rights import least_rights
        from erp_mcp.bootstrap.profiles import placing

        self.check_declared(system)
        root, profile = self.settings.file.parent, self.profile(system)
        secret, access = self.access.local(system.secret), self.access.to_read(system, profile.kind, self.traffic)
        with placing(profile, self.profile_folders):
            adapter = open_adapter(system, profile, clock=self.clock, root=root, secret=secret, access=access)
        adapter = adapter if profile.kind in KINDS else least_rights(adapter)  # ours look at rights themselves
        return guarded(adapter, lambda: self.check_declared(system)) if profile.declaration else adapter

    def described(self, system: SystemSettings) -> Adapter:
        """Return an adapter as a system is described, to see whether its kind takes that; it has no secret.

        Nothing is looked up or contacted, and nobody may read with it; the caller closes it. Raises as `adapter`.
        """
        from erp_mcp.adapters import open_adapter
        from erp_mcp.bootstrap.profiles import placing

        profile, root = self.profile(system), self.settings.file.parent
        secret, access = "not looked up" if system.secret else "", self.access.to_read(system, profile.kind)
        with placing(profile, self.profile_folders):
            return open_adapter(system, profile, clock=self.clock, root=root, secret=secret, access=access)

    def writer(self) -> SqliteReadModelWriter:
        """Return the writing side of the read model; the caller closes it."""
        from erp_mcp.analyses import DERIVATIONS
        from erp_mcp.store.read_model.writer import ReadModelWriter

        return ReadModelWriter(self.settings.read_model, DERIVATIONS)

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
        if "traffic" in self.__dict__:
            self.traffic.close()
        if "state" in self.__dict__:
            self.state.close()


def open_deployment(config: Path) -> Deployment:
    """Open the deployment that a configuration file describes.

    Raises:
        ConfigurationError: `settings.bad_configuration`.
    """
    found = settings.load(config)
    return Deployment(settings=found, clock=SystemClock(found.clock), ids=TimeOrderedIds())


def compile_catalog(folders: Iterable[Path]) -> Catalog:
    """Read, lint and compile tool files.

    Raises:
        CatalogFileError: `catalog.bad_file`, with file and line.
    """
    from erp_mcp.catalog import kept
    from erp_mcp.catalog.load import load_catalog
    from erp_mcp.commands import OPERATIONS

    return load_catalog(list(folders), ANALYSES, OPERATIONS, kept.of_package(settings.data_root() / "tools"))
