"""The compiled form: the same catalogue without YAML or SQL libraries, and never a stale one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from erp_mcp.catalog import compiled
from erp_mcp.catalog.registry import Catalog, catalog_of
from tests.guarantees import guarantees
from tests.unit.projections.small_plant import ROOT, shipped

CATALOG = shipped()
TOOLS = ROOT / "tools"


class _Builder:
    """Counts how often the catalogue had to be built."""

    def __init__(self, catalog: Catalog = CATALOG) -> None:
        self.catalog = catalog
        self.times = 0

    def __call__(self) -> Catalog:
        self.times += 1
        return self.catalog


@guarantees("catalog.lint")
def test_the_compiled_form_gives_back_an_equal_catalogue() -> None:
    """Serving from the cache and serving from the files is the same."""
    assert compiled.from_json(compiled.to_json(CATALOG)) == CATALOG


@guarantees("mcp.fast_first_answer")
def test_the_serving_side_imports_no_yaml_sql_or_schema_library() -> None:
    """They cost more time than the whole start is allowed."""
    code = (
        "import sys; from erp_mcp.catalog import arguments, compiled, registry, schemas;"
        "from erp_mcp.projections import freshness, paging, reads;"
        "heavy = ('pydantic', 'ruamel', 'ruamel.yaml', 'sqlglot', 'click', 'mcp', 'sqlalchemy');"
        "print([name for name in heavy if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == "[]"


@guarantees("catalog.lint")
def test_a_second_start_takes_the_cache_and_a_changed_file_does_not(tmp_path: Path) -> None:
    """A tool file that was edited must count at once."""
    folder, cache = tmp_path / "tools" / "orders", tmp_path / "state" / "catalog.json"
    folder.mkdir(parents=True)
    (folder / "find_order.yaml").write_text("version: 1")
    build = _Builder()
    assert compiled.cached([folder.parent], cache, build) == CATALOG
    assert compiled.cached([folder.parent], cache, build) == CATALOG
    assert build.times == 1
    (folder / "find_order.yaml").write_text("version: 2")
    compiled.cached([folder.parent], cache, build)
    (folder / "other.yaml").write_text("version: 2")
    compiled.cached([folder.parent], cache, build)
    assert build.times == 3


@guarantees("catalog.lint")
def test_a_process_makes_one_catalogue_of_one_text_and_another_of_another(tmp_path: Path) -> None:
    """Many deployments opened in one process share it; what two folders say stays two."""
    less = catalog_of(list(CATALOG)[1:], CATALOG.vocabulary)
    kept = {"one.json": (TOOLS, CATALOG), "same.json": (TOOLS, CATALOG), "less.json": (TOOLS / "orders", less)}
    for name, (folder, catalog) in kept.items():
        compiled.put(tmp_path / name, compiled.source_digest([folder]), compiled.to_json(catalog))

    def read(name: str) -> Catalog:
        return compiled.cached([kept[name][0]], tmp_path / name, _Builder())

    one, same, other, again = read("one.json"), read("same.json"), read("less.json"), read("one.json")
    assert one is same
    assert (one, other, again) == (CATALOG, less, CATALOG)


@guarantees("P10.survives")
@pytest.mark.parametrize("damage", ["", "garbage", "cut", "flipped"])
def test_a_damaged_cache_is_built_anew(tmp_path: Path, damage: str) -> None:
    """A file that was half written or touched is no catalogue."""
    cache = tmp_path / "catalog.json"
    compiled.cached([TOOLS], cache, _Builder())
    text = cache.read_text()
    ruined = {"": "", "garbage": "{}", "cut": text[:-10], "flipped": text.replace('"effect":"read"', '"effect":"rea_"')}
    cache.write_text(ruined[damage])
    build = _Builder()
    assert compiled.cached([TOOLS], cache, build) == CATALOG
    assert build.times == 1
    assert compiled.cached([TOOLS], cache, build) == CATALOG
    assert build.times == 1


@guarantees("P10.survives")
def test_a_place_that_cannot_be_written_costs_time_and_not_the_answer(tmp_path: Path) -> None:
    """A read-only state directory still serves."""
    (tmp_path / "file").write_text("")
    assert compiled.cached([TOOLS], tmp_path / "file" / "catalog.json", _Builder()) == CATALOG


@guarantees("catalog.lint")
def test_the_digest_follows_every_definition_and_no_order() -> None:
    """Decision records name it, so it must stand for exactly these tools."""
    tools = list(CATALOG)
    assert catalog_of(reversed(tools), CATALOG.vocabulary) == CATALOG
    assert catalog_of(tools).digest == CATALOG.digest  # words to search by are no part of a definition
    assert catalog_of(tools[1:]).digest != CATALOG.digest
    assert [tool.toolset for tool in CATALOG] == sorted(tool.toolset for tool in CATALOG)
