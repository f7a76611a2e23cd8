"""`erp-mcp systems add | remove`: writes a system into the configuration, tried before it counts."""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from erp_mcp import administration, settings
from erp_mcp.bootstrap.profiles import check_profile
from erp_mcp.cli import passphrase
from erp_mcp.cli.options import clear_errors, deployment_file, deployment_options, json_option, print_json
from erp_mcp.cli.person import ask
from erp_mcp.cli.systems_profiles import profile_folders, wrong_profiles
from erp_mcp.cli.systems_show import print_heads
from erp_mcp.credentials import keeping
from erp_mcp.domain.profile import Profile
from erp_mcp.systems import load_profile
from erp_mcp.systems.overview import profile_heads

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_KEY: Final = re.compile(r"[a-z_]+(\.[A-Za-z0-9_-]+)*")
_FORM: Final = "a small letter, then small letters, digits, _ and -, at most 40"
# What a kind can't do without, beside the address.
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "jsonrpc": ("database", "account"),
    "odata": ("account",),
    "rest": ("account",),
}
_QUESTIONS: Final = {
    "url": "Address (a file of a SQLite database, or https://…)",
    "database": "Database behind the address",
    "account": "Account that reads, and can do nothing more",
    "secret": "Where its secret is kept (keyring:NAME, file:PATH, vault:MOUNT/PATH#FIELD, env:NAME)",
}


@click.command(
    short_help="Write a system into the configuration.",
    epilog="""
\b
Examples:
  erp-mcp systems add erp             asks for what it needs
  erp-mcp systems add erp --profile tryton --url https://erp.example.com \\
      --database plant --account gateway_read
  erp-mcp systems add mes --profile works --url works.sqlite
  erp-mcp systems add sap --profile s4hana --url https://sap.example.com \\
      --account GATEWAY --network 10.20.0.0/16
""",
)
@click.argument("name")
@click.option("--profile", default="", metavar="PROFILE", help="Which product it is; `systems profiles` lists them.")
@click.option(
    "--url", default="", metavar="URL", help="Its address; of a file the path, relative to the configuration."
)
@click.option("--database", default="", metavar="NAME", help="Database behind the address, where there are several.")
@click.option("--account", default="", metavar="NAME", help="The account that reads.")
@click.option("--secret", default="", metavar="REF", help="Where its secret is kept.  [default: keyring, else a file]")
@click.option("--zone", default="", metavar="ZONE", help="Its time zone.  [default: that of the profile]")
@click.option("--id-prefix", default="", metavar="TEXT", help="Put before its ids, where two systems share numbers.")
@click.option("--network", "networks", multiple=True, metavar="CIDR", help="Private network it stands in; repeat it.")
@click.option("--write-account", default="", metavar="NAME", help="The account that writes; without it nothing does.")
@click.option("--write-secret", default="", metavar="REF", help="Where its secret is kept.")
@click.option("--set", "more", multiple=True, metavar="KEY=VALUE", help="Any other key, as limits.requests_per_s=2.")
@deployment_options
@json_option
@clear_errors
def add(
    name: str,
    profile: str,
    more: tuple[str, ...],
    config: str,
    demo_dir: str,
    *,
    as_json: bool,
    **given: str | tuple[str, ...],
) -> None:
    """Write the system NAME into the configuration, and say what comes next.

    Comments and order of the file stay, a backup lies beside it. What is wrong is refused before anything is changed.
    On a terminal it asks for what is missing. Nothing is contacted; `systems probe` does that.
    """
    if not _NAME.fullmatch(name):
        raise click.UsageError(f"{name!r} is no name of a system: {_FORM}.")
    file = deployment_file(config, demo_dir)
    deployment = administration.check_name_free(file, name).deployment  # what is wrong is told before anybody is asked
    folders = profile_folders(config, demo_dir)
    chosen = load_profile(profile or _profile(folders), folders)
    check_profile(chosen, folders)
    values = _values(chosen, name, deployment, given, more)
    backup = administration.add_system(file, name, values)
    steps = _next(file, name, chosen, values)
    if as_json:
        print_json({"system": name, "file": str(file), "backup": str(backup), "next": [*steps]})
        return
    click.echo(f"Wrote {name} into {file}\n  (as it was before: {backup})\n\nNext:")
    for number, step in enumerate(steps, 1):
        click.echo(f"  {number}. {step}")


@click.command(
    short_help="Take a system out of the configuration.",
    epilog="""
\b
Examples:
  erp-mcp systems remove mes
  erp-mcp systems remove mes --yes          asks nothing, for scripts
""",
)
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@deployment_options
@json_option
@clear_errors
def remove(name: str, config: str, demo_dir: str, *, yes: bool, as_json: bool) -> None:
    """Take the system NAME out of the configuration; a backup lies beside it.

    What was read from it goes with the next synchronisation. Its secret and its declaration stay where they are.
    """
    file = deployment_file(config, demo_dir)
    if not yes and any(system.name == name for system in settings.load(file).systems):
        ask(f"Take {name} out of {file}?")
    backup = administration.remove_system(file, name)
    if as_json:
        print_json({"system": name, "file": str(file), "backup": str(backup)})
        return
    click.echo(f"Took {name} out of {file}\n  (as it was before: {backup})")
    click.echo("  → erp-mcp sync: forgets what was read from it; policies may still name its sites")


# --- What is written --------------------------------------------------------------------------------------------------


def _profile(folders: list[Path]) -> str:
    """Ask which profile; without a terminal, show those there are and leave.

    Raises:
        click.UsageError: there is nobody to ask.
    """
    heads = profile_heads(folders)
    print_heads(heads, wrong_profiles(heads, folders), err=True)
    if not passphrase.is_terminal():
        raise click.UsageError("Name one of these profiles with --profile.")
    return str(click.prompt("Profile", type=click.Choice([head.name for head in heads]), err=True))


def _values(
    profile: Profile, name: str, deployment: str, given: Mapping[str, str | tuple[str, ...]], more: tuple[str, ...]
) -> dict[str, object]:
    """Return the keys of the system in the order of the file, with what was asked for on a terminal."""
    told = {key: str(value) for key, value in given.items() if isinstance(value, str)}
    for key in ("url", *(() if _given(more, "auth.kind") else _NEEDED.get(profile.kind, ()))):
        told[key] = told[key] or _asked(key)
    if told["account"] and not told["secret"] and not _given(more, "secret"):
        told["secret"] = _asked("secret", default=keeping.new_reference(name, deployment))
    values: dict[str, object] = {"profile": profile.name}
    keys = ("url", "database", "account", "secret", "zone", "id_prefix")
    values |= {key: told[key] for key in keys if told[key]}
    networks = _networks(told["url"], given.get("networks", ()))
    if networks:
        values["networks"] = networks
    if told["write_account"] or told["write_secret"]:
        write = {"account": told["write_account"], "secret": told["write_secret"]}
        if write["account"] and not write["secret"]:
            write["secret"] = keeping.new_reference(f"{name}_write", deployment)
        values["write"] = {key: value for key, value in write.items() if value}
    for one in more:
        _put(values, one)
    return values


def _asked(key: str, default: str = "") -> str:
    """Ask for one value on a terminal; elsewhere take the default.

    Raises:
        click.UsageError: there is nobody to ask, and no default.
    """
    if passphrase.is_terminal():
        return str(click.prompt(_QUESTIONS[key], default=default or None, err=True)).strip()
    if not default:
        other = "; or how it signs in without one: --set auth.kind=bearer, api_key or none" if key == "account" else ""
        raise click.UsageError(f"--{key} is missing: {_QUESTIONS[key]}{other}.")
    return default


def _networks(url: str, given: str | tuple[str, ...]) -> list[str]:
    """Return the private networks that the address may lead to; a private address in it is taken as meant."""
    named = [one for one in given if isinstance(given, tuple)]
    try:
        address = ipaddress.ip_address(urlsplit(url).hostname or "")
    except ValueError:
        return named
    if named or address.is_global or address.is_loopback or address.is_link_local:
        return named
    return [f"{address}/{address.max_prefixlen}"]


def _given(more: tuple[str, ...], key: str) -> bool:
    return any(one.partition("=")[0] == key for one in more)


def _put(values: dict[str, object], told: str) -> None:
    """Put `a.b=value` where it belongs; the value is read as YAML.

    Raises:
        click.UsageError: it has another form.
    """
    path, equals, text = told.partition("=")
    if not equals or not _KEY.fullmatch(path):
        raise click.UsageError(f"--set takes KEY=VALUE, as limits.requests_per_s=2, not {told[:60]!r}.")
    try:
        value: object = YAML(typ="safe", pure=True).load(text)
    except YAMLError as failure:
        raise click.UsageError(f"--set {path}: the value is not one of YAML.") from failure
    *above, last = path.split(".")
    place = values
    for part in above:
        inner = place.setdefault(part, {})
        if not isinstance(inner, dict):
            raise click.UsageError(f"--set {path}: {part} is a value, not a mapping.")
        place = inner
    place[last] = value


# --- What comes next --------------------------------------------------------------------------------------------------


def _next(file: Path, name: str, profile: Profile, values: Mapping[str, object]) -> list[str]:
    """Return the commands that come next, with real names."""
    place = "" if settings.find_file(working=Path.cwd()) == file else f" --config {shlex.quote(str(file))}"
    steps = [f"erp-mcp secrets set {name}{option}{place}" for option in _secrets(values)]
    if profile.declaration:
        steps.append(f'erp-mcp systems declare {name} --by PERSON --pathway "…"{place}   (see docs/sap.md)')
    steps += [f"erp-mcp systems probe {name}{place}", f"erp-mcp sync {name}{place}", f"erp-mcp policy apply{place}"]
    return steps


def _secrets(values: Mapping[str, object]) -> list[str]:
    """Return the options of `secrets set` for what is to be stored: that of each account, where we can store it."""
    write = values.get("write")
    named = {"": values.get("secret"), " --write": write.get("secret") if isinstance(write, dict) else None}
    return [option for option, one in named.items() if isinstance(one, str) and one.startswith(("keyring:", "file:"))]
