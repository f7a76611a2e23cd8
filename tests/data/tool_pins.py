"""What every tool's definition was at its version: `python -m tests.data.tool_pins` writes `tool_pins.json` anew.

A client, an approval and an audit record name a tool by its version, so one version must mean one definition.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from erp_mcp.catalog.schemas import input_schema, output_schema
from erp_mcp.domain.tool import Tool
from erp_mcp.errors import CatalogFileError
from erp_mcp.strict_yaml import Document
from tests.unit.projections.small_plant import shipped

FILE: Final = Path(__file__).with_suffix(".json")
TOOLS: Final = Path(__file__).parents[2] / "tools"
# `stock` is no part of the definition that a grant is for either: a bundle keeps beside it what follows from it.
_NOT_BOUND: Final = ("version", "title", "description", "examples", "stock")
Pin = Mapping[str, str | int]


def pin_of(tool: Tool, folder: Path = TOOLS) -> Pin:
    """Return a tool's version, the hash of what an agent sees and the hash of what it stands for.

    The second is taken from the file as written, spaces and comments aside: another release of the SQL compiler that
    writes the same statement differently is no change of the tool.
    """
    seen = [tool.name, tool.title, tool.description, input_schema(tool), output_schema(tool)]
    written = Document(folder / tool.toolset / f"{tool.name}.yaml", CatalogFileError).data
    assert isinstance(written, dict)
    bound = {key: value for key, value in written.items() if key not in _NOT_BOUND}
    return {"version": tool.version, "seen": _hash(seen), "bound": _hash(bound)}


def problems(pins: Mapping[str, Pin], tools: Iterable[Tool]) -> list[str]:
    """Return what forbids writing the pins anew: a definition that changed under its version, or a version lowered."""
    found = []
    for tool in tools:
        old, new = pins.get(tool.name), pin_of(tool)
        if old is None or old == new or int(new["version"]) > int(old["version"]):
            continue
        found.append(f"{tool.toolset}/{tool.name}.yaml changed: raise its version above {old['version']}")
    return found


def read() -> dict[str, Pin]:
    """Return the committed pins."""
    found: dict[str, Pin] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def text(tools: Iterable[Tool]) -> str:
    """Return the file as it should be."""
    pins = {tool.name: dict(pin_of(tool)) for tool in sorted(tools, key=lambda one: one.name)}
    return json.dumps(pins, indent=2) + "\n"


def _hash(value: object) -> str:
    plain = json.dumps(_folded(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(plain.encode("utf-8")).hexdigest()


def _folded(value: object) -> object:
    """Return a value with the white space of its texts folded."""
    if isinstance(value, dict):
        return {str(key): _folded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_folded(one) for one in value]
    return " ".join(value.split()) if isinstance(value, str) else value


if __name__ == "__main__":
    catalog = list(shipped())
    wrong = problems(read() if FILE.is_file() else {}, catalog)
    if wrong:
        sys.exit("\n".join(wrong))
    FILE.write_text(text(catalog), encoding="utf-8")
