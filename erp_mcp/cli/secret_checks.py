"""What `erp-mcp doctor` finds about secrets: where each comes from, and whether it is there. Never the secret."""

from __future__ import annotations

from collections.abc import Iterator

from erp_mcp.bootstrap import Deployment
from erp_mcp.bootstrap.secrets_of import Named, named_secrets, resolves
from erp_mcp.cli.checkup import Check
from erp_mcp.cli.options import counted

_PRODUCTION = "production"


def secret_checks(deployment: Deployment, *, connect: bool) -> Iterator[Check]:
    """Yield one check per system that refers to secrets.

    Those of accounts that write are named and not fetched: that is the worker's, perhaps under another account. What a
    vault keeps is fetched with `--connect` alone.
    """
    by_system: dict[str, list[Named]] = {}
    for named in named_secrets(deployment.settings):
        by_system.setdefault(named.system, []).append(named)
    for system, found in by_system.items():
        yield _check(deployment, system, found, connect=connect)
    yield from _unfit(deployment, [named for found in by_system.values() for named in found])


def _check(deployment: Deployment, system: str, found: list[Named], *, connect: bool) -> Check:
    name = f"secrets of {system or 'the vault'}"
    told, missing = [], []
    for named in found:
        why = "" if not _is_fetched(named, connect=connect) else resolves(deployment, named)
        told.append(f"{named.reference} ({_state(named, why, connect=connect)})")
        missing += [named] if why else []
    if not missing:
        return Check(name=name, status="ok", detail=", ".join(told))
    kept_here = missing[0].reference.startswith(("file:", "keyring:"))
    command = f"erp-mcp secrets set {missing[0].reference}"
    advice = f"Run `{command}`." if kept_here else "Run `erp-mcp secrets check` once that is mended."
    return Check(name=name, status="bad", detail=", ".join(told), advice=advice)


def _is_fetched(named: Named, *, connect: bool) -> bool:
    in_vault = named.reference.startswith(("vault:", "vault-db:"))
    return not named.writes and (connect or not in_vault)


def _state(named: Named, why: str, *, connect: bool) -> str:
    if named.writes:
        return "fetched by the worker alone; `erp-mcp secrets check` looks"
    if not _is_fetched(named, connect=connect):
        return "not asked; --connect does"
    return why or "there"


def _unfit(deployment: Deployment, found: list[Named]) -> Iterator[Check]:
    """Note what is for development: variables are seen by every child process, files by every backup."""
    if deployment.settings.environment != _PRODUCTION:
        return
    for scheme, why in (("env", "every process started from there sees it"), ("file", "whoever copies it has it")):
        unfit = [named for named in found if named.reference.startswith(f"{scheme}:")]
        if unfit:
            detail = f"{counted(len(unfit), 'secret')} in production from {scheme}: ({why})"
            advice = "Better keep it in a keyring (keyring:) or a vault (vault:)."
            yield Check(name="secrets", status="note", detail=detail, advice=advice)
