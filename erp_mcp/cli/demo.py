"""`erp-mcp demo`: a plant with ERP and MES, a gateway over it, and a tour."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

import erp_mcp
from erp_mcp import administration, settings, sync
from erp_mcp.administration import Signing
from erp_mcp.bootstrap import Deployment, SystemClock, open_deployment
from erp_mcp.cli import passphrase
from erp_mcp.cli.applying import DEMO_ADMIN, DEMO_CONTROLLER
from erp_mcp.cli.approvals import DEMO_APPROVER
from erp_mcp.cli.options import clear_errors
from erp_mcp.demo import cable, lock
from erp_mcp.demo.generate import DemoPlant, generate
from erp_mcp.demo.plant_calendar import FROZEN_MONDAY
from erp_mcp.errors import ConfigurationError

Size = Literal["S", "M", "L"]
MARK: Final = "plant.json"
_DECIDE: Final = {DEMO_APPROVER: "Approver of the demo", DEMO_CONTROLLER: "Controller of the demo"}
_CONFIGURATION: Final = """\
# The demo plant: two SQLite databases play ERP and MES; the plant clock stands on Monday, 06:00.
version: 1
deployment: demo-plant
environment: demo
plant: {{zone: Europe/Berlin, clock: "{clock}"}}
default_agent: planner
state_dir: state
read_model: read_model.sqlite
policies: policies              # edit, then: erp-mcp policy check, erp-mcp policy apply
systems:
  erp: {{profile: demo-erp, url: erp.sqlite, write: {{}}}}
  mes: {{profile: demo-mes, url: mes.sqlite}}
"""


@click.command(
    epilog="""
\b
Examples:
  erp-mcp demo                       build the plant (once) and take the tour
  erp-mcp demo --prepare --dir DIR   build all that it needs, and stop
  erp-mcp demo --seed 7 --size M --dir DIR
  erp-mcp demo --pull-cable          the ERP's next answer gets lost
  erp-mcp demo --lock-purchasing     the ERP takes no new purchase order
"""
)
@click.option("--prepare", is_flag=True, help="Build everything and stop before the tour.")
@click.option(
    "--seed", type=click.IntRange(1, 1_000_000), default=1, show_default=True, help="Another seed, another plant."
)
@click.option(
    "--size", type=click.Choice(["S", "M", "L"]), default="S", show_default=True, help="About 40,000 rows, x10, x100."
)
@click.option(
    "--clock",
    type=click.Choice(["frozen", "shift"]),
    default="frozen",
    show_default=True,
    help="Monday 2026-03-16, or all dates shifted by whole weeks to this week's Monday.",
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="Where the plant is built  [default: the user's data directory]",
)
@click.option("--pull-cable", is_flag=True, help="Let the ERP's next answer get lost, once it has written, and stop.")
@click.option(
    "--lock-purchasing/--unlock-purchasing",
    "locked",
    default=None,
    help="Let the ERP take no new purchase order, or take them again, and stop.",
)
@clear_errors
def command(
    prepare: bool,
    seed: int,
    size: Size,
    clock: str,
    directory: Path | None,
    *,
    pull_cable: bool,
    locked: bool | None,
) -> None:
    """Build the demo plant, its configuration and read model, and take a tour in the terminal.

    The tour starts the server as an MCP client does, asks why an order is late, shows what is refused and why, takes
    changes over one person and over two into the ERP, tampers with a copy of the state, loses an answer of the ERP,
    takes back what was written of several changes as one, and reads the audit log. It needs no terminal and no account.
    """
    target = (directory or settings.user_directory("data") / "demo").expanduser().resolve()
    console = Console(stderr=True)
    if pull_cable or locked is not None:
        if pull_cable:
            _pull_cable(target)
        if locked is not None:
            _lock_purchasing(target, locked=locked)
        return
    if not _is_prepared(target, seed, size, clock):
        _prepare(target, seed=seed, size=size, clock=clock, console=console)
    console.print(f"[bold]Demo plant ready[/] in {target} (seed {seed}, size {size})", soft_wrap=True, highlight=False)
    if prepare:
        return
    from erp_mcp.cli.tour import take_tour  # imports an MCP client

    take_tour(target)


def _pull_cable(target: Path) -> None:
    cable.pull(_erp_of(target))
    click.echo("The cable is pulled: the ERP carries out the next change, and its answer gets lost.", err=True)


def _lock_purchasing(target: Path, *, locked: bool) -> None:
    erp = _erp_of(target)
    if locked:
        lock.lock(erp)
        click.echo("Purchasing is locked: the ERP takes no new purchase order until --unlock-purchasing.", err=True)
    else:
        lock.unlock(erp)
        click.echo("Purchasing is open: the ERP takes purchase orders.", err=True)


def _erp_of(target: Path) -> Path:
    if not (target / MARK).is_file():
        raise ConfigurationError(key="--dir", reason=f"no demo plant stands in {target}: erp-mcp demo builds one")
    return target / "erp.sqlite"


def _is_prepared(target: Path, seed: int, size: str, clock: str) -> bool:
    """Whether exactly this plant stands ready; another one there is an error, never overwritten.

    A plant of another version of the package is built anew. The policies beside it stay where a person has changed
    them, and are those of this version where nobody has.
    """
    mark = target / MARK
    if not mark.is_file():
        return False
    told = json.loads(mark.read_text(encoding="utf-8"))
    if (told.get("seed"), told.get("size"), told.get("clock_mode")) == (seed, size, clock):
        return bool(told.get("made_by") == _made_by())
    raise ConfigurationError(
        file=str(target),
        line=0,
        key="--dir",
        reason=f"another demo plant stands here (seed {told.get('seed')}, size {told.get('size')}); name another --dir",
    )


def _prepare(target: Path, *, seed: int, size: Size, clock: str, console: Console) -> None:
    bars = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*bars, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("Building the plant: ERP, MES and the truth about both", total=None)

        def step(name: str, done: int, total: int) -> None:
            progress.update(task, description=name, completed=done, total=total or None)

        plant = generate(target, seed=seed, size=size, shift_weeks=_weeks(clock), progress=step)
        _write_configuration(target, plant)
        deployment = open_deployment(target / settings.FILE_NAME)
        try:
            _fill(deployment, step)
        finally:
            deployment.close()
        mark = {"seed": seed, "size": size, "clock_mode": clock, "made_by": _made_by(), "dump_hash": plant.dump_hash}
        mark["policies"] = content_of(settings.data_root() / "policies")
        (target / MARK).write_text(json.dumps(mark, indent=2) + "\n", encoding="utf-8")


def _made_by() -> str:
    """Return a digest of what a plant depends on: generator, canonical model, profiles, read model, tools, policies."""
    package = Path(erp_mcp.__file__).parent
    digest = hashlib.sha256()
    for folder in ("demo", "domain/entities", "store/read_model", "systems"):
        for path in sorted((package / folder).iterdir()):
            if path.suffix in (".py", ".yaml"):
                digest.update(path.read_bytes())
    for path in sorted((settings.data_root() / "tools").glob("*/propose_*.yaml")):  # the policy is signed for these
        digest.update(path.read_bytes())
    digest.update(content_of(settings.data_root() / "policies").encode())
    return digest.hexdigest()


def _fill(deployment: Deployment, step: Callable[[str, int, int], None]) -> None:
    step("Enrolling three people, applying the shipped policy", 0, 0)
    administration.apply_policy(deployment, applied_by="demo", signing=_enrolled(deployment))

    def page(progress: sync.Progress) -> None:
        step(f"Synchronising {progress.system}: {progress.entity}", 0, 0)

    administration.synchronise(deployment, full=True, progress=page)


def _enrolled(deployment: Deployment) -> Signing:
    """Enrol who signs the policy and the two who decide, where they are not yet; return the first one, ready to sign.

    Their passphrases are made up and lie beside the plant: it has nothing to protect, and the tour needs nobody.
    """
    there = {member.enrolment.approver_id for member in administration.members(deployment)}
    if DEMO_ADMIN not in there:
        secret = passphrase.generated(deployment.settings, DEMO_ADMIN)
        administration.enrol(deployment, DEMO_ADMIN, "Administrator of the demo", secret)
    admin = Signing(approver_id=DEMO_ADMIN, passphrase=passphrase.kept(deployment.settings, DEMO_ADMIN))
    for approver_id, name in _DECIDE.items():
        if approver_id not in there:
            secret = passphrase.generated(deployment.settings, approver_id)
            administration.enrol(deployment, approver_id, name, secret, by=admin)
    return admin


def _write_configuration(target: Path, plant: DemoPlant) -> None:
    (target / settings.FILE_NAME).write_text(_CONFIGURATION.format(clock=plant.clock), encoding="utf-8")
    policies, mark = target / "policies", target / MARK
    if policies.exists() and mark.is_file():
        delivered = json.loads(mark.read_text(encoding="utf-8")).get("policies")
        if delivered == content_of(policies):  # nobody has changed them: an earlier version's grants are not this one's
            shutil.rmtree(policies)
    if not policies.exists():
        shutil.copytree(settings.data_root() / "policies", policies)


def content_of(folder: Path) -> str:
    """Return a digest of the files of a folder, to see later whether somebody has changed one."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _weeks(clock: str) -> int:
    """Return by how many whole weeks the plant is shifted so that it stands in the current week."""
    days = (SystemClock().wall().date() - FROZEN_MONDAY).days
    return days // 7 if clock == "shift" else 0
