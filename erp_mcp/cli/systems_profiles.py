"""`erp-mcp systems profiles`: which products can be connected, and what each profile gives."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from erp_mcp import settings
from erp_mcp.bootstrap.profiles import check_profile
from erp_mcp.cli.options import any_deployment, clear_errors, deployment_options, details, json_option, print_json
from erp_mcp.cli.systems_show import print_heads, print_profile
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.kept_fields import given_fields
from erp_mcp.domain.profile import Profile
from erp_mcp.errors import GatewayError
from erp_mcp.systems import SHIPPED, load_profile, with_installed
from erp_mcp.systems.overview import Gaps, ProfileHead, gaps, profile_heads


@click.command(
    short_help="Show the profiles of products, or one closely.",
    epilog="""
\b
Examples:
  erp-mcp systems profiles           shipped ones, your own, those of packages
  erp-mcp systems profiles tryton    what one gives, leaves out and writes
  erp-mcp systems profiles --json

\b
Exit status: 0 all can be read, 1 one of your own or of a package can't.
""",
)
@click.argument("name", required=False)
@deployment_options
@json_option
@clear_errors
def profiles(name: str | None, config: str, demo_dir: str, *, as_json: bool) -> None:
    """Show the profiles of products, or one of them with its fields, gaps and operations.

    How far each was tried is said with it: live, against a server of its protocol, or from documentation.
    """
    folders = profile_folders(config, demo_dir)
    heads = profile_heads(folders)
    if name is None:
        _all(heads, wrong_profiles(heads, folders), as_json=as_json)
        return
    profile = load_profile(name, folders)
    check_profile(profile, folders)
    words = next((head.words for head in heads if head.name == name), "")
    if as_json:
        print_json(_whole(profile, words, gaps(profile)))
    else:
        print_profile(profile, words, gaps(profile))


def profile_folders(config: str, demo_dir: str) -> list[Path]:
    """Return where profiles lie; without a deployment those that are shipped or installed."""
    file = any_deployment(config, demo_dir)
    own = settings.load(file).profiles if file is not None else (SHIPPED,)
    return with_installed(own)


def wrong_profiles(heads: list[ProfileHead], folders: list[Path]) -> dict[str, str]:
    """Return what is wrong with profiles, by name; those that ship are right, which our own tests see to."""
    wrong: dict[str, str] = {}
    for head in heads:
        if head.folder == SHIPPED:
            continue
        try:
            check_profile(load_profile(head.name, folders), folders)
        except GatewayError as failure:
            wrong[head.name] = " — ".join([*details(failure), f"[{failure.code}]"])
    return wrong


def _all(heads: list[ProfileHead], wrong: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print_json([{**_json(head), "problem": wrong.get(head.name, "")} for head in heads])
    else:
        print_heads(heads, wrong)
        click.echo("\nOne of them: erp-mcp systems profiles NAME")
        click.echo("Connect it:  erp-mcp systems add SYSTEM --profile NAME")
    if wrong:
        sys.exit(1)


def _json(head: ProfileHead) -> dict[str, JsonValue]:
    return {
        "profile": head.name,
        "about": head.words,
        "kind": head.kind,
        "level": head.level,
        "version": head.version,
        "verified": head.verified,
        "declaration": head.declaration,
        "writes": head.writes,
        "entities": head.entities,
    }


def _whole(profile: Profile, words: str, missing: Gaps) -> dict[str, JsonValue]:
    return {
        "profile": profile.name,
        "about": words,
        "kind": profile.kind,
        "level": profile.level,
        "version": profile.version,
        "zone": profile.zone,
        "verified": profile.verified,
        "declaration": profile.declaration,
        "entities": [*sorted(profile.entities)],
        "fields": {entity: list(given_fields(profile, entity)) for entity in sorted(profile.entities)},
        "missing_entities": list(missing.entities),
        "missing_fields": {entity: list(fields) for entity, fields in missing.fields.items()},
        "operations": {
            name: form.get("contract") if isinstance(form, dict) else None for name, form in profile.commands.items()
        },
    }
