"""One deployment per back end, made by the command line as an integrator makes it; all stand for the same firm."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from click.testing import CliRunner

from erp_mcp.cli.app import main
from tests.systems.cap.server import Cap
from tests.systems.same_answers import reduced

REFERENCE: Final = "memory"  # the demo plant itself: what all others are compared with
PATHWAY: Final = "test system of ours with the protocols alone, no software of SAP's licensed pathways is used"
_SITES: Final = ("1000", "2000")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackEnd:
    """One way to the same firm: a profile, where it is, and who reads; a file's `secret` holds the password.

    `database` and `profiles` (a folder of profiles beside the shipped ones) are for kinds that need them.
    """

    name: str
    profile: str
    url: str
    account: str = ""
    secret: str = field(default="", repr=False)
    networks: tuple[str, ...] = ()
    declared: bool = False
    database: str = ""
    profiles: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A synchronised deployment; `rows` by entity as `erp-mcp sync` reports them, `sync_s` its seconds."""

    name: str
    directory: Path
    rows: Mapping[str, int]
    sync_s: float

    @property
    def configuration(self) -> Path:
        """Its configuration file."""
        return self.directory / "erp-mcp.yaml"

    @property
    def read_model(self) -> Path:
        """Its copy of the records."""
        return self.directory / "read_model.sqlite"


def back_ends(cap: Cap, profiles: Path) -> list[BackEnd]:
    """Return the ways to the plant that a CAP rig holds, the reference first; `profiles` holds the reference's own."""
    reader = {"account": cap.reader, "secret": cap.reader_password, "networks": ("127.0.0.0/8",), "declared": True}
    return [
        BackEnd(name=REFERENCE, profile=reduced.NAME, url=str(Path(cap.plant) / "erp.sqlite"), profiles=profiles),
        BackEnd(name="cap-v2", profile="s4hana", url=cap.url, **reader),  # type: ignore[arg-type]
        BackEnd(name="cap-v4", profile="s4hana-v4", url=cap.url, **reader),  # type: ignore[arg-type]
        BackEnd(
            name="replica", profile="s4hana-replica", url=cap.replica_url, account=cap.replica_role,
            secret=cap.replica_password, networks=("127.0.0.0/8",), declared=True,
        ),
    ]  # fmt: skip


def deploy(back_end: BackEnd, base: Path, *, plant: Path, clock: str) -> Deployment:
    """Make, declare and fill a deployment; its MES is the plant's own everywhere.

    Raises:
        RuntimeError: when a command of the gateway fails; the text says what it said.
    """
    directory = base / back_end.name
    cli(
        "init", str(directory), "--deployment", f"same-{back_end.name}", *_sites(), "--owner", "tester", "--no-approver"
    )
    _configure(back_end, directory, plant, clock)
    at = ("--config", str(directory / "erp-mcp.yaml"))
    if back_end.declared:
        cli("systems", "declare", "erp", "--by", "tester", "--pathway", PATHWAY, *at)
    cli("policy", "apply", "--yes", *at)
    began = time.perf_counter()
    report = json.loads(cli("sync", "--json", *at))
    seconds = round(time.perf_counter() - began, 2)
    return Deployment(name=back_end.name, directory=directory, rows=_rows(report), sync_s=seconds)


def cli(*arguments: str) -> str:
    """Run a command of the gateway in this process, which compiles the tools once, and return what it printed."""
    done = CliRunner().invoke(main, list(arguments))
    if done.exit_code:
        raise RuntimeError(f"erp-mcp {' '.join(arguments)}: {done.output[-3000:]}") from done.exception
    return done.stdout


def _sites() -> list[str]:
    return [part for site in _SITES for part in ("--site", site)]


def _configure(back_end: BackEnd, directory: Path, plant: Path, clock: str) -> None:
    """Name the systems, and let the plant's clock stand where the demo's stands."""
    file = directory / "erp-mcp.yaml"
    text = file.read_text(encoding="utf-8").split("systems: {}")[0]
    text = text.replace("environment: development", "environment: demo")
    text = text.replace("plant: {zone: Europe/Berlin}", f'plant: {{zone: Europe/Berlin, clock: "{clock}"}}')
    lines = [f"  erp:\n    profile: {back_end.profile}\n    url: {back_end.url}"]
    if back_end.secret:
        secret = directory / "secrets" / "erp"
        secret.parent.mkdir(mode=0o700)
        secret.touch(mode=0o600)
        secret.write_text(back_end.secret, encoding="utf-8")
        lines.append(f"    account: {back_end.account}\n    secret: file:secrets/erp")
    if back_end.database:
        lines.append(f"    database: {back_end.database}")
    if back_end.profiles:
        text += f"profiles: [{json.dumps(str(back_end.profiles))}]\n"
    if back_end.networks:
        lines.append(f"    networks: {json.dumps(list(back_end.networks))}")
    lines.append(f"  mes: {{profile: demo-mes, url: {plant / 'mes.sqlite'}}}")
    file.write_text(text + "systems:\n" + "\n".join(lines) + "\n", encoding="utf-8")


def _rows(report: object) -> Mapping[str, int]:
    found: dict[str, int] = {}
    if isinstance(report, dict):
        for one in report.get("entities", []):
            found[f"{one['system']}.{one['entity']}"] = int(one.get("rows", 0))
    return found
