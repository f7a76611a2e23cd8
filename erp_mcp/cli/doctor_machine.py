"""What `erp-mcp doctor` finds on the machine: who may change the files, the clock, the disk, the clients."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from erp_mcp import settings
from erp_mcp.administration import client_files
from erp_mcp.administration.client_files import Found
from erp_mcp.administration.clients import Machine
from erp_mcp.administration.outlook import Outlook, outlook
from erp_mcp.bootstrap import Deployment
from erp_mcp.cli.checkup import Check
from erp_mcp.cli.client import hidden_state
from erp_mcp.cli.options import printable

_AHEAD: Final = timedelta(minutes=5)  # a record may be that much newer than now before the clock is called wrong
_A_DAY: Final = timedelta(days=1)
_JUMPED: Final = '"kind":"clock.jumped"'
_FULL_BYTES: Final = 100 * 2**20
_LOW_BYTES: Final = 2**30
_RECORDS: Final = 5  # newest records looked at


def permissions(deployment: Deployment) -> Iterator[Check]:
    """Name files that say what is allowed, or what is read from where, and that others can change."""
    if os.name != "posix":
        yield Check(name="permissions", status="ok", detail="not looked at on this platform: see the rights of folders")
        return
    found = deployment.settings
    shipped = settings.data_root()
    own = [path for path in (*found.tools, *found.profiles, found.policies) if not path.is_relative_to(shipped)]
    anybody, group = [], []
    for path in (found.file, found.file.parent, *_all_in(own)):
        mode = path.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            anybody.append(path)
        elif mode & stat.S_IWGRP:
            group.append(path)
    if anybody:
        detail = f"anybody on this machine may change {anybody[0]}{_more(anybody)}"
        advice = f"Run `chmod -R o-w {anybody[0]}`: whoever changes it changes what is read, or what an admin applies."
        yield Check(name="permissions", status="bad", detail=detail, advice=advice)
    elif group:
        advice = f"If that is not meant: `chmod -R g-w {group[0]}`."
        detail = f"the group may change {group[0]}{_more(group)}"
        yield Check(name="permissions", status="note", detail=detail, advice=advice)
    else:
        yield Check(
            name="permissions", status="ok", detail="configuration, policies and tools: their owner's to change"
        )


def clock(deployment: Deployment) -> Iterator[Check]:
    """Compare the clock with what was recorded: one that went back makes ages, leases and expiries wrong."""
    now = deployment.clock.wall()
    plant = deployment.clock.plant().astimezone(ZoneInfo(deployment.settings.zone))
    records = deployment.state.audit.last(_RECORDS)
    newest = max((datetime.fromisoformat(record.time) for record in records), default=now)
    newest = newest if newest.tzinfo else newest.replace(tzinfo=UTC)
    if newest - now > _AHEAD:
        detail = f"it is {_minute(now)} here, but the newest record was made at {_minute(newest)}"
        advice = "Set the clock of this machine (NTP): ages, leases and expiries are reckoned by it."
        yield Check(name="clock", status="bad", detail=detail, advice=advice)
        return
    yield from _jumped(deployment, now)
    stands = " (it stands still)" if deployment.settings.clock else ""
    detail = f"{_minute(now)}; in the plant {plant.strftime('%Y-%m-%d %H:%M')} {deployment.settings.zone}{stands}"
    yield Check(name="clock", status="ok", detail=detail)


def _jumped(deployment: Deployment, now: datetime) -> Iterator[Check]:
    """Name the newest jump of the last day: windows of limits may have opened by it, and what waited have expired."""
    for record in deployment.state.audit.find(_JUMPED, limit=1):
        at = datetime.fromisoformat(record.time)
        if now - at < _A_DAY:
            seconds = json.loads(record.leaf)["facts"]["seconds"]
            detail = f"a process saw it jump by {seconds:+d} s, to {_minute(at)}"
            advice = (
                "If nobody set it, see to NTP on this machine; `erp-mcp audit show` lists what was done around then."
            )
            yield Check(name="clock", status="note", detail=detail, advice=advice)


def disk(deployment: Deployment) -> Iterator[Check]:
    """Say how much room is left where records are kept: where none can be written, nothing is answered."""
    state, copy = deployment.settings.state_dir, deployment.settings.read_model
    held = sum(path.stat().st_size for path in state.glob("*.sqlite*")) if state.is_dir() else 0
    model = copy.stat().st_size if copy.exists() else 0
    free = min(shutil.disk_usage(_standing(path)).free for path in (state, copy))
    detail = f"{_size(free)} free; state {_size(held)}, read model {_size(model)}"
    if free < _FULL_BYTES + model:
        advice = "Make room: what can't be recorded is not answered, and a full synchronisation needs room for a copy."
        yield Check(name="disk", status="bad", detail=detail, advice=advice)
    elif free < _LOW_BYTES:
        yield Check(name="disk", status="note", detail=detail, advice="Make room soon: the audit log only grows.")
    else:
        yield Check(name="disk", status="ok", detail=detail)


def clients(deployment: Deployment, machine: Machine) -> Iterator[Check]:
    """Look at the clients of this account that start us: is what they name still there, and is it this deployment."""
    here = False
    for found in client_files.entries(machine):
        if found.problem:
            advice = "Mend the file: the client reads none of it as it is."
            detail = f"{found.client.title}: {found.file} {printable(found.problem)}"
            yield Check(name="clients", status="note", detail=detail, advice=advice)
            continue
        check = _client(deployment, machine, found)
        here = here or check is not None
        if check is not None:
            yield check
    if not here:
        advice = "`erp-mcp client install --client NAME` lets one start it."
        yield Check(name="clients", status="ok", detail="none of this account starts this deployment", advice=advice)


def environment(deployment: Deployment) -> Check:
    """Say what kind of deployment it is."""
    if deployment.settings.environment == "demo":
        detail = "a demo: invented data, a plant clock that stands still"
        return Check(
            name="environment", status="note", detail=detail, advice="For your own systems run `erp-mcp init`."
        )
    return Check(name="environment", status="ok", detail=deployment.settings.environment)


def _client(deployment: Deployment, machine: Machine, found: Found) -> Check | None:
    """Return how one entry stands; `None` for one of another deployment that works as far as can be seen."""
    file = _file_of(found)
    title, missing = f"{found.client.title} ({printable(found.name)})", _missing(found, file)
    again = f"`erp-mcp client install --client {found.client.name}` writes it anew, with --remove takes it out."
    if missing:
        return Check(name="clients", status="bad", detail=f"{title} starts {missing}, which is not there", advice=again)
    if file is None or file.resolve() != deployment.settings.file:
        return None
    seen = outlook(deployment, found.option("--as"))
    if seen.known and not seen.accepted:
        detail = f"{title} is agent {printable(seen.agent)[:64]!r}, which the applied policy does not declare"
        return Check(name="clients", status="bad", detail=detail, advice=f"{again} --as AGENT names one that it does.")
    hidden = hidden_state(deployment, machine) if found.client.name == "claude-desktop" else None
    if hidden is not None:
        detail = f"{title} is a packaged app, which sees its own copy of {hidden}"
        return Check(name="clients", status="bad", detail=detail, advice="Move the deployment out of AppData.")
    return Check(name="clients", status="ok", detail=f"{title} as agent {seen.agent}{_counted(seen)}")


def _file_of(found: Found) -> Path | None:
    """Return the configuration file that an entry names, `None` where it leaves that to the environment."""
    config, demo = found.option("--config"), found.option("--demo-dir")
    if demo:
        return Path(demo).expanduser() / settings.FILE_NAME
    return Path(config).expanduser() if config else None


def _missing(found: Found, file: Path | None) -> str:
    program = found.command[0]
    is_path = Path(program).is_absolute()
    if (is_path and not Path(program).exists()) or (not is_path and shutil.which(program) is None):
        return printable(program)
    return printable(str(file)) if file is not None and not file.is_file() else ""


def _counted(seen: Outlook) -> str:
    proposes = f", {len(seen.writes)} that propose" if seen.writes else ""
    return f": {len(seen.reads)} tools that read{proposes}" if seen.known else ""


def _all_in(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        if folder.is_dir():
            yield folder
            yield from folder.rglob("*")


def _standing(path: Path) -> Path:
    """Return the path, or its next parent that is there."""
    return next(one for one in (path, *path.parents) if one.exists())


def _more(paths: list[Path]) -> str:
    return f" and {len(paths) - 1} more" if len(paths) > 1 else ""


def _minute(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def _size(size_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:,.1f} TB"
