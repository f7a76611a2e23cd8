"""What `erp-mcp health --json` gives is what its table says, key by key and type by type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from click.testing import CliRunner

from erp_mcp.cli.app import main
from tests.guarantees import guarantees
from tests.prepared import DemoPlant

PAGE: Final = Path(__file__).parents[2] / "docs" / "protection.md"
ROW: Final = re.compile(r"^\| (`[a-z_.]+`(?:, `[a-z_.]+`)*) \| ([a-z ]+) \|", re.MULTILINE)
TYPES: Final[dict[str, tuple[type, ...]]] = {
    "text": (str,),
    "truth value": (bool,),
    "number": (int, float),
    "whole number": (int,),
    "whole number or null": (int, type(None)),
    "list of texts": (list,),
}


def flat(value: dict[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    """Yield every key of an object with dots, and what stands there."""
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from flat(inner, f"{before}{name}.")
        else:
            yield f"{before}{name}", inner


@guarantees("docs.agree")
def test_the_table_of_health_names_every_key_with_its_type(tmp_path: Path, demo_plant: DemoPlant) -> None:
    """Programs are written after the table; a key that is only there or only here would break one."""
    plant = demo_plant(tmp_path / "plant")
    told = json.loads(CliRunner().invoke(main, ["health", "--demo-dir", str(plant), "--json"]).stdout)
    text = PAGE.read_text(encoding="utf-8")
    section = text[text.index("## `erp-mcp health --json`") :].split("\n## ")[0]
    table = {key.strip("`"): kind for keys, kind in ROW.findall(section) for key in keys.split(", ")}

    for system in told:
        found = dict(flat(system))
        assert sorted(found) == sorted(table)
        assert [key for key, value in found.items() if type(value) not in TYPES[table[key]]] == []
