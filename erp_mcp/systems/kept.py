"""What the YAML of profiles and budgets says, kept beside the catalogue in the state directory for the next process.

Parsing a profile takes a third of a second of a core, the budgets a twelfth, and every command, server and worker needs
them. What is kept is the parsed text alone: each process checks it as ever. It stands for those very bytes and for the
code and the library that parsed them; a file that is damaged or another one's is none.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

import ruamel.yaml

from erp_mcp import strict_yaml
from erp_mcp.catalog.compiled import put, taken


class KeptText:
    """What one file has been parsed into, in a file of its own."""

    def __init__(self, file: Path) -> None:
        """Keep it in `file`, whose folder need not be there; where it can't be written, nothing is kept."""
        self._file = file

    def get(self, text: str) -> object:
        """Return the plain values of a file's text; `None` where they are not known."""
        body = taken(self._file, _wanted(text))
        return json.loads(body) if body else None

    def put(self, text: str, data: object) -> None:
        """Keep them in place of what was there."""
        put(self._file, _wanted(text), json.dumps(data, ensure_ascii=False))


def _wanted(text: str) -> str:
    return hashlib.sha256(f"{_made_by()}\n{text}".encode()).hexdigest()


@cache
def _made_by() -> str:
    """Return what decides what a text becomes, beside the text."""
    return f"{hashlib.sha256(Path(strict_yaml.__file__).read_bytes()).hexdigest()} {ruamel.yaml.__version__}"
