"""MCP bundles (.mcpb): a zip with a manifest that Claude Desktop installs by a double-click.

Two forms. `installed` names the program that is installed on the machine and works without a network; its manifest is
of version 0.3. `portable` carries the program and lets the client's uv fetch the libraries, pinned to the versions that
are installed here; that form (`server.type: uv`) came with manifest version 0.4 and is called experimental there.
Neither holds data or secrets: whoever installs it names the configuration file and the agent. The same input gives the
same bytes.
"""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

import erp_mcp
from erp_mcp import settings
from erp_mcp.administration.outlook import Outlook
from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import ConfigurationError

MANIFEST: Final = "manifest.json"
DISTRIBUTION: Final = "erp-mcp-gateway"
_SERVE: Final = ("serve", "--config", "${user_config.configuration}", "--as", "${user_config.agent}")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can name
# What the program is made of. Anything else beside it is somebody's own: keys, notes, copies of an editor. And a name
# that is no plain one could lead out of the folder where a bundle is unpacked, as a backslash does on Windows.
_SHIPPED: Final = frozenset({".py", ".typed", ".yaml", ".json", ".sql", ".html", ".css", ".js", ".svg", ".md"})
_PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LAUNCHER: Final = '''\
"""Starts the installed erp-mcp; used by clients that run the entry point with their own Python."""

from erp_mcp.__main__ import main

if __name__ == "__main__":
    main()
'''
_PROJECT: Final = """\
[project]
name = "erp-mcp-bundle"
version = "{version}"
requires-python = ">=3.11"
dependencies = [
{dependencies}
]

[tool.uv]
package = false
constraint-dependencies = [
{constraints}
]
"""


def installed(seen: Outlook, start: Sequence[str]) -> dict[str, bytes]:
    """Return the files of a bundle that starts the program installed on the machine.

    Args:
        seen: What the proposed agent may do.
        start: The command as `client_entry.deployment_command` gives it: program, its own words, `serve`, the file.
    """
    at = start.index("serve")
    asked: dict[str, JsonValue] = {
        "program": {
            "type": "file",
            "title": "Program",
            "description": "erp-mcp as it is installed on this machine (`pip install erp-mcp-gateway`).",
            "required": True,
            "default": start[0],
        },
        **_asked(seen, start[start.index("--config") + 1]),
    }
    manifest = _manifest(seen, "0.3", asked)
    manifest["server"] = {
        "type": "python",
        "entry_point": "server/main.py",
        "mcp_config": {"command": "${user_config.program}", "args": [*start[1:at], *_SERVE], "env": {}},
    }
    return {MANIFEST: _json(manifest), "server/main.py": _LAUNCHER.encode()}


def portable(seen: Outlook) -> dict[str, bytes]:
    """Return the files of a bundle that carries the program.

    Raises:
        ConfigurationError: `settings.bad_configuration`: this program runs uninstalled, so its libraries are not known.
    """
    manifest = _manifest(seen, "0.4", _asked(seen, ""))
    manifest["server"] = {
        "type": "uv",
        "entry_point": "erp_mcp/__main__.py",
        "mcp_config": {
            "command": "uv",
            "args": ["run", "--quiet", "--directory", "${__dirname}", "python", "-m", "erp_mcp", *_SERVE],
            "env": {},
        },
    }
    return {MANIFEST: _json(manifest), "pyproject.toml": _project().encode(), **dict(_program())}


def write(target: Path, content: Mapping[str, bytes]) -> None:
    """Write a bundle; the same content gives the same bytes.

    It is made beside its place first, in a file that was not there: what others have put there is not written through.

    Raises:
        ConfigurationError: `settings.bad_configuration`: it can't be written.
    """
    trial = target.with_name(f".{target.name}.{secrets.token_hex(8)}.new")
    try:
        handle = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(_packed(content))
            trial.replace(target)
        finally:
            trial.unlink(missing_ok=True)
    except OSError as failure:
        reason = f"can't be written: {failure.strerror or type(failure).__name__}"
        raise ConfigurationError(file=str(target), line=0, key="", reason=reason) from failure


def _packed(content: Mapping[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(content, key=lambda one: (one != MANIFEST, one)):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = 0o644 << 16
            archive.writestr(member, content[name])
    return held.getvalue()


def _manifest(seen: Outlook, version: str, asked: dict[str, JsonValue]) -> dict[str, JsonValue]:
    tools: list[JsonValue] = [
        {"name": tool.name, "description": tool.description} for tool in (*seen.reads, *seen.writes)
    ]
    return {
        "manifest_version": version,
        "name": "erp-mcp",
        "display_name": "ERP and MES",
        "version": erp_mcp.__version__,
        "description": "Typed, audited reads over ERP and MES; changes are proposed, people commit them.",
        "long_description": (
            "The gateway between AI agents and the systems that run a factory. What an agent may do is said by the"
            " policy that is applied on this machine; the tools listed here are those of one role on the day the"
            " bundle was made."
        ),
        "author": {"name": "The erp-mcp authors"},
        "license": "Apache-2.0",
        "keywords": ["erp", "mes", "manufacturing", "isa-95"],
        "tools": tools,
        "tools_generated": True,
        "compatibility": {"platforms": ["darwin", "win32", "linux"], "runtimes": {"python": ">=3.11"}},
        "user_config": asked,
    }


def _asked(seen: Outlook, file: str) -> dict[str, JsonValue]:
    configuration: dict[str, JsonValue] = {
        "type": "file",
        "title": "Configuration",
        "description": "erp-mcp.yaml of the deployment, as `erp-mcp init` writes it.",
        "required": True,
    }
    return {
        "configuration": {**configuration, "default": file} if file else configuration,
        "agent": {
            "type": "string",
            "title": "Agent",
            "description": "Which agent this client is, as the applied policy declares it.",
            "required": True,
            "default": seen.agent,
        },
    }


def _program() -> Iterator[tuple[str, bytes]]:
    """Yield the package with its data, as a wheel has them."""
    package = Path(erp_mcp.__file__).parent
    shipped = settings.data_root()
    sources = [(package, "erp_mcp"), *((shipped / name, f"erp_mcp/_data/{name}") for name in ("tools", "policies"))]
    for root, prefix in sources:
        for path in sorted(root.rglob("*")):
            parts = path.relative_to(root).parts
            if _is_shipped(path, parts) and (prefix != "erp_mcp" or parts[0] != "_data"):
                yield f"{prefix}/{'/'.join(parts)}", path.read_bytes()


def _is_shipped(path: Path, parts: Sequence[str]) -> bool:
    """Whether a file is one of the program's: a real one, of a kind that it is made of, with a plain name."""
    plain = all(_PLAIN.fullmatch(part) for part in parts)
    return plain and path.suffix in _SHIPPED and path.is_file() and not path.is_symlink()


def libraries() -> tuple[list[str], dict[str, str]]:
    """Return what this distribution asks for, and the version of each library that is installed for it here.

    Raises:
        PackageNotFoundError: this program runs uninstalled.
    """
    wanted = [one for one in distribution(DISTRIBUTION).requires or () if "extra ==" not in one]
    return wanted, dict(sorted(_installed(wanted)))


def _project() -> str:
    """Return a project that asks for the libraries of this installation, in the versions that it has."""
    try:
        wanted, pins = libraries()
    except PackageNotFoundError:
        reason = f"install {DISTRIBUTION} first: a portable bundle pins the libraries of the installation"
        raise ConfigurationError(file="", line=0, key="", reason=reason) from None
    return _PROJECT.format(
        version=erp_mcp.__version__,
        dependencies="\n".join(f"    {json.dumps(one)}," for one in wanted),
        constraints="\n".join(f"    {json.dumps(f'{name}=={version}')}," for name, version in pins.items()),
    )


def _installed(wanted: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield name and version of each library that is installed here for those wanted, and for these in turn."""
    seen: set[str] = set()
    waiting = [*wanted]
    while waiting:
        named = _NAME.match(waiting.pop())
        name = re.sub(r"[-_.]+", "-", named[0]).lower() if named else ""
        if not name or name in seen:
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # of another platform, or an extra that nobody installed
        yield name, found.version
        waiting += [one for one in found.requires or () if "extra ==" not in one]


def _json(manifest: Mapping[str, JsonValue]) -> bytes:
    return (json.dumps(manifest, ensure_ascii=False, indent=2) + "\n").encode()
