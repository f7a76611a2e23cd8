"""What a support bundle says of a deployment: how it is set up and how it is doing, in figures and codes.

No record of a system, no argument of a call, no text of a person and no secret is even read for it; names of hosts,
accounts and people are taken out of what is left (see `redaction`).
"""

from __future__ import annotations

import asyncio
import json
import platform
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError
from typing import Final

import erp_mcp
from erp_mcp.administration import bundles, client_files
from erp_mcp.administration.clients import Machine
from erp_mcp.administration.people import members
from erp_mcp.administration.redaction import is_shipped, origin_of
from erp_mcp.bootstrap import Deployment
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.instants import instant_text
from erp_mcp.domain.lifecycle import State
from erp_mcp.errors import GatewayError
from erp_mcp.policy.bundle import from_json
from erp_mcp.settings import SystemSettings

_OWN_NAME: Final = "erp-mcp"  # what a client calls us where nobody chose another name
_UNDECLARED: Final = "<no agent of the policy>"
_RECORDS: Final = 5_000  # newest records that are counted


def people_of(deployment: Deployment) -> dict[str, str]:
    """Return the people whom policy and approvals name, and what is shown instead of each."""
    digest, text = deployment.state.bundles.active()
    owners = {agent.owner for agent in from_json(text, digest).agents.values()} if digest else set()
    known = owners | {one.enrolment.approver_id for one in members(deployment)}
    known |= {one.enrolment.name for one in members(deployment)}
    return {name: f"<person {number}>" for number, name in enumerate(sorted(known - {""}), start=1)}


def of_clients(deployment: Deployment, machine: Machine) -> dict[str, str]:
    """Return what people called this server in their clients, and as whom it is started where policy names no such."""
    found = {}
    for one in client_files.entries(machine):
        agent = one.option("--as")
        if one.name != _OWN_NAME:
            found[one.name] = "<name in a client>"
        if agent not in _declared(deployment):
            found[agent] = _UNDECLARED
    return found


def _declared(deployment: Deployment) -> frozenset[str]:
    """Return the agents that the applied policy declares."""
    digest, text = deployment.state.bundles.active()
    return frozenset(from_json(text, digest).agents) if digest else frozenset()


def sections(deployment: Deployment, machine: Machine) -> dict[str, JsonValue]:
    """Return the sections of a bundle by file name; one that can't be made says which error stands in the way."""
    made: dict[str, Callable[[], JsonValue]] = {
        "summary.json": lambda: _summary(deployment),
        "configuration.json": lambda: _configuration(deployment),
        "libraries.json": _libraries,
        "tools.json": lambda: _tools(deployment),
        "policy.json": lambda: _policy(deployment),
        "read_model.json": lambda: _read_model(deployment),
        "traffic.json": lambda: [_json(asdict(one), without=("where",)) for one in deployment.traffic.states()],
        "audit.json": lambda: _audit(deployment),
        "proposals.json": lambda: _proposals(deployment),
        "clients.json": lambda: _clients(deployment, machine),
    }
    return {name: _guarded(make) for name, make in made.items()}


def _clients(deployment: Deployment, machine: Machine) -> JsonValue:
    declared = _declared(deployment)
    told: list[JsonValue] = []
    for one in client_files.entries(machine):
        agent = one.option("--as")
        shown = agent if agent in declared or not agent else _UNDECLARED
        told.append({"client": one.client.name, "agent": shown, "problem": one.problem})
    return told


def _guarded(make: Callable[[], JsonValue]) -> JsonValue:
    try:
        return make()
    except GatewayError as error:
        return {"error": error.code}
    except (OSError, sqlite3.Error) as error:
        return {"error": type(error).__name__}


def _summary(deployment: Deployment) -> JsonValue:
    found = deployment.settings
    return {
        "version": erp_mcp.__version__,
        "made_at": instant_text(deployment.clock.wall()),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "sqlite": sqlite3.sqlite_version,
        "environment": found.environment,
        "plant_clock_stands": bool(found.clock),
        "zone": found.zone,
        "deadline_s": found.deadline_s,
        "own_tool_folders": len(found.tools) - 1,
        "own_profile_folders": len(found.profiles) - 1,
        "vault": found.vault is not None,
    }


def _configuration(deployment: Deployment) -> JsonValue:
    found = deployment.settings
    return [_system(system, shipped=is_shipped(system, found)) for system in found.systems]


def _system(system: SystemSettings, *, shipped: bool) -> JsonValue:
    """Return what of a system is neither its address nor an account: which forms, which bounds."""
    write = system.write
    return {
        "name": system.name,
        "profile": system.profile if shipped else "<of its owner>",
        "scheme": system.url.partition("://")[0] if "://" in system.url else "file",
        "host": origin_of(system.url),
        "secret_from": system.secret.partition(":")[0],
        "auth": system.auth.kind if system.auth is not None else "",
        "own_certificate_authority": bool(system.tls.ca_file),
        "own_certificate": bool(system.tls.certificate),
        "networks": len(system.networks),
        "options": len(system.options),
        "owns": list(system.owns),
        "timeout_s": system.timeout_s,
        "page_rows": system.page_rows,
        "limits": _json(asdict(system.limits)),
        "write": None if write is None else {"secret_from": write.secret.partition(":")[0]},
    }


def _libraries() -> JsonValue:
    try:
        return dict(bundles.libraries()[1])
    except PackageNotFoundError:
        return {"error": "not installed"}


def _tools(deployment: Deployment) -> JsonValue:
    return {
        "digest": deployment.catalog.digest,
        "tools": [
            {"name": tool.name, "version": tool.version, "effect": tool.effect, "hash": tool.hash}
            for tool in deployment.catalog
        ],
    }


def _policy(deployment: Deployment) -> JsonValue:
    digest, text = deployment.state.bundles.active()
    if not digest:
        return {"applied": ""}
    bundle = from_json(text, digest)
    allowed = Counter(
        role for role, _ in {(role, tool) for (role, tool, _), cell in bundle.cells.items() if cell.allowed}
    )
    return {
        "applied": digest,
        "agents": len(bundle.agents),
        "sites": len(bundle.sites),
        "roles": {role: {"tools": allowed[role], "masks": len(terms.masks)} for role, terms in bundle.roles.items()},
        "rules": len(bundle.rules),
        "writes": [*sorted(bundle.writes)],
    }


def _read_model(deployment: Deployment) -> JsonValue:
    states = asyncio.run(deployment.reader.states())
    kept = ("watermark",)  # it may be a key of a record
    return [_json(asdict(one), without=kept) for some in states.values() for one in some]


def _audit(deployment: Deployment) -> JsonValue:
    """Return how often what happened lately; neither who asked nor what."""
    newest = [json.loads(record.leaf) for record in deployment.state.audit.last(_RECORDS)]
    counts: Counter[str] = Counter()
    for leaf in newest:
        parts = (leaf["kind"], leaf["facts"].get("tool", ""), leaf["facts"].get("code", ""))
        counts[" ".join(str(part) for part in parts if part)] += 1
    return {"counted": len(newest), "by_kind_tool_and_code": dict(sorted(counts.items()))}


def _proposals(deployment: Deployment) -> JsonValue:
    counts = {str(state): len(deployment.state.proposals.in_states((state,))) for state in State}
    return {state: number for state, number in counts.items() if number}


def _json(values: Mapping[str, object], *, without: tuple[str, ...] = ()) -> dict[str, JsonValue]:
    """Return the plain values of a dataclass as JSON."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if name not in without and (isinstance(value, str | int | float | bool | tuple) or value is None)
    }
