"""`erp-mcp init`: a configuration and a policy to start from."""

from __future__ import annotations

import getpass
import re
import shlex
import shutil
import sys
from pathlib import Path
from subprocess import list2cmdline
from typing import Final
from zoneinfo import ZoneInfo

import click

from erp_mcp import administration, settings
from erp_mcp.administration import Signing
from erp_mcp.bootstrap import approvers_root_file
from erp_mcp.cli import passphrase, starter
from erp_mcp.cli.options import clear_errors
from erp_mcp.cli.person import opened
from erp_mcp.errors import ConfigurationError

_TEMPLATE: Final = """\
# One deployment of erp-mcp. Relative paths are relative to this file; secrets are references, never values.
version: 1
deployment: {deployment}
environment: development        # demo | development | production
plant: {{zone: {zone}}}
default_agent: planner          # who asks where no --as is given
state_dir: state
read_model: read_model.sqlite
policies: policies              # edit, then: erp-mcp policy check, erp-mcp policy apply
systems: {{}}
# systems:
#   erp:
#     profile: tryton           # a shipped profile, or a file in a folder named under `profiles:`
#     url: http://127.0.0.1:8000
#     database: plant
#     account: gateway_read     # an account that may read what it must, and nothing more
#     secret: file:secrets/erp  # a file that only its owner can read; or env:NAME in development
#     write: {{account: gateway_write, secret: file:secrets/erp_write}}   # without it nothing is ever written there
"""
_QUESTION: Final = "Enrol the first approver now? What agents propose is written only with an approver's signature."
_DEPLOYMENT: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_SITE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,19}")
_OWNER: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def _names(form: re.Pattern[str], rule: str) -> click.ParamType[str]:
    """Return a parameter type that accepts names of one form and says which."""

    class _Name(click.ParamType[str]):
        name = "name"

        def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
            return value if form.fullmatch(value) else self.fail(f"{value!r} is not {rule}.", param, ctx)

    return _Name()


class _Zone(click.ParamType[str]):
    name = "zone"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return ZoneInfo(value).key
        except (KeyError, ValueError, OSError):
            self.fail(f"{value!r} is no time zone; name one such as Europe/Berlin.", param, ctx)


@click.command(
    epilog="""
\b
Examples:
  erp-mcp init plant --site 1000 --site 2000 --owner anna --zone Europe/Berlin
  erp-mcp init plant --approver anna --passphrase-file FILE
  erp-mcp init plant          all sites of the systems; narrow them later
  erp-mcp doctor --config plant/erp-mcp.yaml
"""
)
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option(
    "--deployment",
    default="plant",
    show_default=True,
    type=_names(_DEPLOYMENT, "a name: a small letter, then small letters, digits, _ and -"),
    metavar="NAME",
    help="Name of the deployment.",
)
@click.option(
    "--zone", default="Europe/Berlin", show_default=True, type=_Zone(), metavar="ZONE", help="Time zone of the plant."
)
@click.option(
    "--site",
    "sites",
    multiple=True,
    type=_names(_SITE, "a site code: letters, digits, _ and -, at most 20"),
    metavar="CODE",
    help="Site that the agent may see, as the systems call it; repeat it.  [default: all of them]",
)
@click.option(
    "--owner",
    type=_names(_OWNER, "a name: a small letter, then small letters, digits, _ and -"),
    metavar="NAME",
    help="Person the agent acts for.  [default: the account that runs this]",
)
@click.option(
    "--approver",
    type=_names(_OWNER, "a name: a small letter, then small letters, digits, _ and -"),
    metavar="ID",
    help="Enrol this person as the first approver; their passphrase is asked for, or comes from --passphrase-file.",
)
@click.option("--passphrase-file", default="", metavar="FILE", help="Owner-only file with it, for scripts.")
@click.option("--no-approver", is_flag=True, help="Do not ask; an approver is needed before the first write.")
@clear_errors
def command(
    directory: Path | None,
    *,
    deployment: str,
    zone: str,
    sites: tuple[str, ...],
    owner: str | None,
    approver: str | None,
    passphrase_file: str,
    no_approver: bool,
) -> None:
    """Write DIRECTORY/erp-mcp.yaml and DIRECTORY/policies; nothing that exists is overwritten.

    The policy has one agent, `planner`, that may call every read at the sites named. Without DIRECTORY the user's
    configuration directory is used, where every command looks by itself.

    Nothing that agents propose is written unless an approver signs it. On a terminal the first one is asked for here.
    """
    if approver and no_approver:
        raise click.UsageError("--approver and --no-approver contradict each other.")
    target = (directory or settings.user_directory("config")).expanduser().resolve()
    file, policies = target / settings.FILE_NAME, target / "policies"
    if file.exists() or policies.exists():
        raise ConfigurationError(
            file=str(file), line=0, key="", reason="there is a deployment already; nothing was changed"
        )
    person = None if no_approver else _first_approver(approver, passphrase_file)
    unique = tuple(dict.fromkeys(sites))
    try:
        _write_policies(policies, unique, owner or _account())
        file.write_text(_TEMPLATE.format(deployment=deployment, zone=zone), encoding="utf-8")
    except OSError as failure:
        shutil.rmtree(policies, ignore_errors=True)  # half a deployment would refuse the next try
        reason = f"can't be written: {failure.strerror or type(failure).__name__}"
        raise ConfigurationError(file=str(failure.filename or target), line=0, key="", reason=reason) from failure
    click.echo(f"Wrote {file}\n  and {policies}, for {_told(unique)}")
    if person is not None:
        _enrol(file, person)
    click.echo(_next(file, person.approver_id if person else ""))


def _first_approver(named: str | None, file: str) -> Signing | None:
    """Return who is to be enrolled, with their passphrase; `None` where nobody is named and nobody can be asked."""
    if named is None:
        if not passphrase.is_terminal() or not click.confirm(_QUESTION, default=True, err=True):
            return None
        form = _names(_OWNER, "a name: a small letter, then small letters, digits, _ and -")
        named = click.prompt("Their id", default=_account(), type=form, err=True)
    return Signing(approver_id=named, passphrase=passphrase.new(named, file))


def _enrol(file: Path, person: Signing) -> None:
    with opened(str(file), "") as deployment:
        enrolment = administration.enrol(deployment, person.approver_id, "", person.passphrase)
        root = approvers_root_file(deployment.settings.state_dir)
    click.echo(f"Enrolled {enrolment.approver_id} as the first approver; their public key is in {root}")


def _write_policies(folder: Path, sites: tuple[str, ...], owner: str) -> None:
    (folder / "tests").mkdir(parents=True)
    (folder / "base.yaml").write_text(starter.base(sites, owner), encoding="utf-8")
    (folder / "tests" / "base.yaml").write_text(starter.cases(sites), encoding="utf-8")
    shutil.copyfile(settings.data_root() / "policies" / "_schema.json", folder / "_schema.json")


def _account() -> str:
    """Return the account that runs this where it makes a name; a container may have none."""
    try:
        name = re.sub(r"[^a-z0-9_-]", "-", getpass.getuser().lower())
    except (KeyError, OSError):
        return "owner"
    return name if _OWNER.fullmatch(name) else "owner"


def _told(sites: tuple[str, ...]) -> str:
    if sites:
        return f"site {', '.join(sites)}"
    return f"all sites of your systems: name them in base.yaml in place of {starter.PLACEHOLDER}"


def _next(file: Path, enrolled: str) -> str:
    place = list2cmdline([str(file)]) if sys.platform == "win32" else shlex.quote(str(file))
    first = "" if enrolled else "erp-mcp approvals enrol FIRST, then "
    return f"""
Next:
  1. erp-mcp systems add NAME --config {place}
  2. erp-mcp doctor --connect --config {place}
  3. erp-mcp sync --config {place}
  4. erp-mcp policy apply --config {place}
  5. let an MCP client start: erp-mcp serve --config {place} --as planner
In {file.parent} every command but `serve` needs no --config.

Nothing can be written so far. To turn one write on:
  1. two approvers, since whoever signs a policy decides about nothing for 24 hours:
     {first}erp-mcp approvals enrol SECOND --as {enrolled or "FIRST"}
  2. `write:` under the system in {file.name}
  3. the lines at the end of policies/base.yaml, two cases in policies/tests/base.yaml
  4. apply the policy as in step 4 above, signed by an approver; `doctor` names what is missing"""
