"""What is known of one system: its settings and profile, what a probe finds, and how both look to programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from erp_mcp.bootstrap import Deployment
from erp_mcp.bootstrap.profiles import check_profile
from erp_mcp.cli.options import counted
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.introspection import EntityBinding
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import DeclarationMissingError
from erp_mcp.settings import SystemSettings

Status = Literal["ok", "note", "problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at; `do` is what mends or improves it, empty where nothing is to be done.

    `names` are the list that `detail` leads up to: people are shown its beginning, programs all of it. `statements` are
    what somebody with more rights can run to mend it.
    """

    name: str
    status: Status
    detail: str
    do: str = ""
    names: tuple[str, ...] = ()
    statements: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        """The detail with every name."""
        return f"{self.detail}{', '.join(self.names)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationReport:
    """One write operation: how an unknown outcome is found out, and whether the system keeps to it."""

    name: str
    contract: str
    settle_s: int
    verified: bool
    detail: str


@dataclass(slots=True, kw_only=True)
class SystemReport:
    """What is known of a system; a probe adds to it step by step, so that one that fails leaves the others."""

    name: str
    profile: Profile
    declaration: str = ""
    account: str = ""
    signs_in: bool = False
    called: bool = False
    reachable: bool = False
    told: dict[str, str] = field(default_factory=dict)
    clock_skew_s: int | None = None
    entities: tuple[str, ...] = ()
    bindings: tuple[EntityBinding, ...] = ()
    operations: list[OperationReport] = field(default_factory=list)
    writes: bool = False
    why: str = ""
    write_account: str = ""
    looked_at_writes: bool = False
    checks: list[Check] = field(default_factory=list)

    def add(
        self,
        name: str,
        status: Status,
        detail: str,
        do: str = "",
        *,
        names: tuple[str, ...] = (),
        statements: tuple[str, ...] = (),
    ) -> None:
        """Add a check."""
        check = Check(name=name, status=status, detail=detail, do=do, names=names, statements=statements)
        self.checks.append(check)

    @property
    def problems(self) -> list[str]:
        """What must be mended."""
        return [f"{one.name}: {one.whole}" for one in self.checks if one.status == "problem"]


def configured(deployment: Deployment, system: SystemSettings) -> SystemReport:
    """Return what is known of a system without calling it.

    Raises:
        ProfileFileError: `systems.bad_profile`, with file and line, also of what only its kind of adapter knows.
    """
    profile = deployment.profile(system)
    check_profile(profile, deployment.profile_folders)
    report = SystemReport(
        name=system.name,
        profile=profile,
        account=system.account,
        signs_in=bool(system.secret or (system.auth and system.auth.kind != "none")),
        entities=tuple(sorted(profile.entities)),
    )
    for name, form in sorted(profile.commands.items()):
        keys = form if isinstance(form, dict) else {}
        settle_s = keys.get("settle_s")
        report.operations.append(
            OperationReport(
                name=name,
                contract=str(keys.get("contract", "")),
                settle_s=settle_s if isinstance(settle_s, int) else 0,
                verified=False,
                detail="not looked at",
            )
        )
    report.writes, report.why = _writes(deployment, system, profile)
    report.declaration = _declaration(deployment, system, profile)
    if system.write is not None and not profile.commands:
        detail = "`write:` is configured, and the profile has no operations"
        report.add("settings", "problem", detail, "take `write:` out, or choose a profile that writes")
    if system.write is not None and system.account and system.write.account == system.account:
        detail = "the account that writes is the one that reads"
        report.add("settings", "problem", detail, "give `write:` an account of its own")
    return report


def skew(seconds: int) -> str:
    """Return how far a clock is from ours, in the two units that fit best; positive is ahead."""
    if seconds == 0:
        return "the same as ours"
    minutes, hours, days = (abs(seconds) // of for of in (60, 3_600, 86_400))
    if not minutes:
        told = f"{abs(seconds)} s"
    elif not hours:
        told = f"{minutes} min {abs(seconds) % 60} s"
    elif not days:
        told = f"{hours} h {minutes % 60} min"
    else:
        told = f"{counted(days, 'day')} {hours % 24} h"
    return f"{told} {'ahead of' if seconds > 0 else 'behind'} ours"


def as_json(report: SystemReport) -> dict[str, JsonValue]:
    """Return a report for programs."""
    operations: list[JsonValue] = [
        {
            "name": one.name,
            "contract": one.contract,
            "settle_s": one.settle_s,
            "verified": one.verified,
            "detail": one.detail,
        }
        for one in report.operations
    ]
    checks: list[JsonValue] = [
        {
            "name": one.name,
            "status": one.status,
            "detail": one.whole,
            "do": one.do,
            **({"statements": list(one.statements)} if one.statements else {}),
        }
        for one in report.checks
    ]
    return {
        "system": report.name,
        "profile": report.profile.name,
        "version": report.profile.version,
        "kind": report.profile.kind,
        "level": report.profile.level,
        "verified": report.profile.verified,
        "declaration": {"name": report.profile.declaration, "state": report.declaration},
        "reachable": report.reachable if report.called else None,
        "told": {**report.told},
        "clock_skew_s": report.clock_skew_s,
        "entities": list(report.entities),
        "fields": [_binding(one) for one in report.bindings],
        "operations": operations,
        "writes": {"on": report.writes, "why": report.why, "account": report.write_account},
        "checks": checks,
        "problems": list(report.problems),
    }


def _binding(one: EntityBinding) -> JsonValue:
    return {
        "entity": one.entity,
        "source": one.source,
        "bound": list(one.bound),
        "missing": list(one.missing),
        "mandatory_missing": list(one.mandatory),
    }


def _declaration(deployment: Deployment, system: SystemSettings, profile: Profile) -> str:
    """Return where the declaration stands: empty where none is asked for."""
    if not profile.declaration:
        return ""
    try:
        deployment.check_declared(system)
    except DeclarationMissingError as missing:
        return f"missing: {missing.facts['reason']}" if "reason" in missing.facts else "missing"
    declared = deployment.state.declarations.all()[system.name]
    return f"declared by {declared.by}, {declared.at[:10]}: {declared.pathway}"


def _writes(deployment: Deployment, system: SystemSettings, profile: Profile) -> tuple[bool, str]:
    """Return whether approved changes are written to this system, and why."""
    if profile.level == 3:
        return False, "a level-3 system is only read"
    if not profile.commands:
        return False, "its profile has no operations"
    if system.write is None:
        return False, "the configuration has no `write:` for it"
    taken = deployment.writable.get(system.name, frozenset())
    if not taken:
        return False, "it owns none of the entities that its profile writes"
    stops = [
        stop.scope for stop in deployment.state.switches.stopped() if stop.scope in {"all", f"system:{system.name}"}
    ]
    if stops:
        return False, f"stopped ({', '.join(stops)}); see `erp-mcp writes status`"
    return True, f"{counted(len(taken), 'operation')}, each approved by a person"
