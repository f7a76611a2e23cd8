"""The seam to the SDK: one module, one minor version."""

from __future__ import annotations

import ast
import importlib.metadata
from pathlib import Path

import erp_mcp.server
from tests.guarantees import guarantees

SDK = {"mcp", "mcp_types", "anyio", "pydantic"}


def imported_by(source: Path) -> set[str]:
    """Return the top packages that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


@guarantees("architecture.imports")
def test_one_module_knows_the_sdk() -> None:
    """So that the pin can move by changing one file."""
    modules = Path(erp_mcp.server.__file__).parent.glob("*.py")

    knowing = {module.name: known for module in modules if (known := SDK & imported_by(module))}
    assert knowing.pop("sdk.py") == SDK
    assert knowing == {"sparing.py": {"pydantic"}}  # knows how models are built, and none of them


@guarantees("mcp.both_eras")
def test_sdk_is_the_minor_version_whose_inner_parts_are_used() -> None:
    """They are provisional: a newer minor version wants a look at `sdk.py`, then a new number here."""
    assert importlib.metadata.version("mcp").split(".")[:2] == ["2", "3"]
