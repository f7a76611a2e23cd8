"""Adds a system to the configuration of a deployment, or takes one out: tried first, with a backup, all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from ruamel.yaml.error import YAMLError

from erp_mcp import settings
from erp_mcp.administration import replacing, yaml_edit
from erp_mcp.bootstrap import open_deployment
from erp_mcp.domain.nearest import nearest
from erp_mcp.errors import ConfigurationError, GatewayError, SystemNotConfiguredError
from erp_mcp.settings import Settings

_SECTION: Final = "systems"


def check_name_free(file: Path, name: str) -> Settings:
    """Return the settings that a system of this name can be added to.

    Raises:
        ConfigurationError: `settings.bad_configuration`: the name is taken, or the file is wrong.
    """
    found = settings.load(file)
    if name in _names(found):
        reason = "there is such a system already; choose another name, or `erp-mcp systems remove` first"
        raise ConfigurationError(file=file.name, key=f"{_SECTION}.{name}", reason=reason)
    return found


def add_system(file: Path, name: str, values: Mapping[str, object]) -> Path:
    """Write a system into the configuration, behind the others; comments and order stay.

    Args:
        file: The configuration.
        name: Name of the system.
        values: Its keys, as they stand in the file.

    Returns:
        The backup of the configuration as it was.

    Raises:
        ConfigurationError: `settings.bad_configuration`: the name is taken, or a value is wrong. ProfileFileError:
            `systems.bad_profile`. Nothing was changed.
    """
    before = check_name_free(file, name)
    text = replacing.text_of(file)
    new = _edited(file, text, lambda plain: yaml_edit.with_entry(plain, _SECTION, name, values))
    with replacing.trying(file, new) as trial:
        after = settings.load(trial)
        _check_same(before, after, file, beside=name)
        _check_opens(trial, name)
        return replacing.put(file, trial, text)


def remove_system(file: Path, name: str) -> Path:
    """Take a system out of the configuration; what was read from it goes with the next synchronisation.

    Returns:
        The backup of the configuration as it was.

    Raises:
        SystemNotConfiguredError: `adapter.not_configured`. ConfigurationError: `settings.bad_configuration`. Nothing
            was changed.
    """
    before = settings.load(file)
    if name not in _names(before):
        meant = nearest(name, _names(before))
        raise SystemNotConfiguredError(system=name[:64], **({"suggestion": meant} if meant else {}))
    text = replacing.text_of(file)
    new = _edited(file, text, lambda plain: yaml_edit.without_entry(plain, _SECTION, name))
    with replacing.trying(file, new) as trial:
        _check_same(settings.load(trial), before, file, beside=name)
        return replacing.put(file, trial, text)


def _names(of: Settings) -> list[str]:
    return [system.name for system in of.systems]


def _edited(file: Path, text: str, edit: Callable[[str], str]) -> str:
    try:
        return replacing.edited(text, edit)
    except (YAMLError, ValueError, KeyError) as failure:
        raise _by_hand(file) from failure


def _check_same(fewer: Settings, more: Settings, file: Path, *, beside: str) -> None:
    """Refuse an edit that changed more than it should: a file may be written in ways that only a person can edit."""
    theirs = [system for system in more.systems if system.name != beside]
    same = (
        *("deployment", "environment", "zone", "clock", "state_dir", "state", "read_model", "policies", "tools"),
        "profiles",
    )
    if theirs != list(fewer.systems) or any(getattr(fewer, name) != getattr(more, name) for name in same):
        raise _by_hand(file)


def _check_opens(trial: Path, name: str) -> None:
    """Refuse a system that its kind of adapter does not take as it is described; nothing is contacted."""
    deployment = open_deployment(trial)
    try:
        adapter = deployment.described(deployment.system(name))
        asyncio.run(adapter.close())
    finally:
        deployment.close()


def _by_hand(file: Path) -> GatewayError:
    reason = "is written in a way that can't be edited safely; edit `systems:` by hand"
    return ConfigurationError(file=file.name, key=_SECTION, reason=reason)
