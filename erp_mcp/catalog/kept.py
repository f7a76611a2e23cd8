"""What the shipped tool files became, kept beside the package's byte code, so that the next process compiles none.

Compiling all takes seconds, and every first start, check and lint would pay for it. An entry stands for a file of that
name with those very bytes, wherever it lies, and for the code and libraries that compile it; a file with a finding has
none. It lies where Python keeps the byte code of this package: who can write there can change the code itself.
"""

from __future__ import annotations

import hashlib
import json
import sys
from functools import cache
from importlib.metadata import version
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any, Final

from erp_mcp import strict_yaml
from erp_mcp.catalog.compiled import FORMAT, canonical, code_digest, plain, put, taken, tool_of
from erp_mcp.domain.tool import Tool

_FILE: Final = "tools.json"
_LIBRARIES: Final = ("pydantic", "ruamel.yaml", "sqlglot")


class KeptTools:
    """Compiled tools by toolset and name of their file, for the analyses and operations that the package has.

    Args:
        shipped: The folder of tools whose outcome is kept; others are only looked up.
        file: Where it lies; `None` has nothing.
        writes: Whether what is new is written there.
    """

    def __init__(self, shipped: Path, file: Path | None, *, writes: bool = True) -> None:
        self._shipped = shipped.resolve()
        self._file = file
        self._writes = writes
        self._tools: dict[str, list[Any]] | None = None  # name -> digest of the file, plain tool; read when first asked
        self._changed = False

    def tool(self, name: str, digest: str) -> Tool | None:
        """Return what a file of this name and SHA-256 becomes, `None` where that is not known."""
        there = self._known().get(name)
        if there is None or there[0] != digest:
            return None
        return tool_of(there[1])

    def add(self, path: Path, name: str, digest: str, tool: Tool) -> None:
        """Take in what a shipped file became without any finding; others are let go."""
        if path.resolve().parent.parent == self._shipped:
            self._known()[name] = [digest, plain(tool)]
            self._changed = True

    def save(self) -> None:
        """Write what was added, with what of before still stands for a file."""
        if self._changed and self._writes and self._file is not None:
            there = {name: one for name, one in self._known().items() if (self._shipped / name).is_file()}
            put(self._file, _made_by(), canonical(there))
        self._changed = False

    def _known(self) -> dict[str, list[Any]]:
        if self._tools is None:
            body = taken(self._file, _made_by()) if self._file is not None else ""
            self._tools = json.loads(body) if body else {}
        return self._tools


def of_package(shipped: Path) -> KeptTools:
    """Return what is kept of the shipped folder beside this package's byte code, and written where Python writes it."""
    try:
        file = Path(cache_from_source(__file__)).with_name(f"{sys.implementation.cache_tag}.{_FILE}")
    except NotImplementedError:  # a Python without byte code
        return KeptTools(shipped, None)
    return KeptTools(shipped, file, writes=not sys.dont_write_bytecode)


@cache
def _made_by() -> str:
    """Return a digest of all that decides what a file becomes, beside the file itself."""
    reader = Path(strict_yaml.__file__).read_bytes()
    libraries = [version(name) for name in _LIBRARIES]
    parts = (str(FORMAT), code_digest(), hashlib.sha256(reader).hexdigest(), *libraries)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
