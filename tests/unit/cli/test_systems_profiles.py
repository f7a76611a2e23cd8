"""`erp-mcp systems profiles`: what a profile gives, and where it is wrong, also where its kind alone knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from erp_mcp.cli.app import main
from erp_mcp.domain.entities import COMMON_FIELDS, ENTITIES, field_specs
from erp_mcp.domain.kept_fields import WORKED_OUT
from erp_mcp.systems import SHIPPED, load_profile, profile_names
from tests.guarantees import guarantees
from tests.unit.cli.toys import toy

REST: Final = """\
# Lots of the works.
profile: works
version: 1
kind: rest
level: 4
zone: UTC
rest:
  base: /api
  errors: {found: [detail]}
  probe:
    path: /health
entities:
  lot:
    request: {path: /lots}
    key: number
    version: hash
    fields:
      lot_id: number
      material_id: material
      site: {const: "1000"}
"""
ODATA: Final = """\
# Lots of the works.
profile: works
version: 1
kind: odata
level: 4
zone: UTC
odata:
  version: 4
  services:
    lots: lots/v1
entities:
  lot:
    set: lots/Lots
    key: [Number]
    version: etag
    filter:
      to_Type.Name: [batch]
    fields:
      lot_id: Number
      material_id: Material
      site: {const: "1000"}
"""
JSONRPC: Final = """\
# Lots of the works.
profile: works
version: 1
kind: jsonrpc
level: 4
zone: UTC
entities:
  lot:
    model: stock.lot
    fields:
      lot_id: {ref: number}
      material_id: {ref: product}
      site: {const: "1000"}
"""
WRONG: Final = {
    "a key under rest": (REST, "  errors:", "  erors:", 9, "rest.erors"),
    "a key deep under rest": (REST, "    path: /health", "    path: /health\n    verb: GET", 12, "rest.probe.verb"),
    "a key that is missing under rest": (REST, "    path: /health", "    product: Works", 10, "rest.probe"),
    "a key of an entity read over REST": (REST, "request: {path", "reqest: {path", 14, "entities.lot.reqest"),
    "a key under odata": (ODATA, "  services:", "  servises:", 9, "odata.servises"),
    "a value under odata": (ODATA, "lots: lots/v1", "lots: /lots", 10, "odata.services.lots"),
    "a name with dots": (ODATA, "[batch]", "{like: batch}", 17, "entities.lot.filter.to_Type.Name.like"),
    "a key that is missing under odata": (ODATA, "  version: 4\n", "", 7, "odata.version"),
    "a key of an entity read over OData": (
        ODATA,
        "    key: [Number]",
        "    kee: [Number]\n    key: [N]",
        14,
        "entities.lot.kee",
    ),
    "a key of an entity read over JSON-RPC": (JSONRPC, "    model:", "    modle:", 8, "entities.lot.model"),
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the configuration of a new deployment with a folder for profiles of its own."""
    assert CliRunner().invoke(main, ["init", str(tmp_path / "d"), "--no-approver"]).exit_code == 0
    file = tmp_path / "d" / "erp-mcp.yaml"
    (file.parent / "profiles").mkdir()
    file.write_text(file.read_text(encoding="utf-8") + "profiles: [profiles]\n", encoding="utf-8")
    return file


def run(config: Path, *words: str) -> Result:
    """Run a command about the deployment, as a script does."""
    return CliRunner().invoke(main, ["systems", *words, "--config", str(config)])


def written(config: Path, text: str) -> None:
    """Put the profile `works` into the deployment's folder."""
    (config.parent / "profiles" / "works.yaml").write_text(text, encoding="utf-8")


def facts(result: Result) -> dict[str, Any]:
    """Return the facts of the error that a command ends with."""
    told: dict[str, Any] = json.loads(result.stdout)["error"]
    assert (result.exit_code, told["code"]) == (2, "systems.bad_profile")
    found: dict[str, Any] = told["facts"]
    return found


@guarantees("input.clear_errors")
@pytest.mark.parametrize(("text", "before", "after", "line", "key"), WRONG.values(), ids=list(WRONG))
def test_what_only_the_kind_knows_is_told_with_file_line_and_key(
    config: Path, text: str, before: str, after: str, line: int, key: str
) -> None:
    """Whoever writes a profile sees it before there is a system, by the command that shows profiles."""
    written(config, text)
    assert run(config, "profiles", "works", "--json").exit_code == 0
    assert text.count(before) == 1
    written(config, text.replace(before, after))

    found = facts(run(config, "profiles", "works", "--json"))

    assert (found["file"], found["line"], found["key"]) == ("works.yaml", line, key)


@guarantees("input.clear_errors", "cli.teaches")
def test_the_list_of_profiles_marks_those_of_ones_own_that_are_wrong(config: Path) -> None:
    """A slip in one file is seen where one looks for it, and hides no other."""
    written(config, REST.replace("  errors:", "  erors:"))
    listed, shown = run(config, "profiles", "--json"), run(config, "profiles")

    problems = {row["profile"]: row["problem"] for row in json.loads(listed.stdout)}
    assert (listed.exit_code, shown.exit_code) == (1, 1)
    assert {name for name, problem in problems.items() if problem} == {"works"}
    assert "works.yaml:9: rest.erors" in problems["works"]
    assert "✗ works.yaml:9: rest.erors" in shown.stdout
    written(config, REST)
    assert run(config, "profiles").exit_code == 0


@guarantees("input.clear_errors", "systems.added")
def test_a_profile_that_its_kind_can_not_read_is_not_added_and_not_listed_as_right(config: Path) -> None:
    """Every command that meets it says where it is wrong."""
    written(config, REST)
    words = ("works", "--profile", "works", "--url", "https://works.example.com", "--set", "auth.kind=none")
    assert run(config, "add", *words).exit_code == 0
    written(config, REST.replace("  errors:", "  erors:"))

    assert facts(run(config, "add", "more", *words[1:], "--json"))["line"] == 9
    (row,) = json.loads(run(config, "list", "--json").stdout)
    assert "works.yaml:9: rest.erors" in row["problems"][0]
    assert facts(run(config, "probe", "works", "--json"))["line"] == 9
    doctor = json.loads(CliRunner().invoke(main, ["doctor", "--config", str(config), "--json"]).stdout)
    (found,) = [one for one in doctor["checks"] if one["name"] == "system works"]
    assert (found["status"], "works.yaml:9: rest.erors" in found["detail"]) == ("bad", True)


@guarantees("input.clear_errors")
def test_what_a_kind_of_a_third_party_complains_about_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its adapter names a key, as ours do; the file knows the line."""
    opens = (
        "from erp_mcp.errors import ProfileFileError\n"
        "        raise ProfileFileError(profile=profile.name, key='entities.stock.fields.qty', reason='no such place')"
    )
    config = toy(tmp_path, monkeypatch, opens=opens)

    report = json.loads(run(config, "probe", "toy", "--json").stdout)

    (problem,) = report["problems"]
    assert "toy.yaml:11: entities.stock.fields.qty" in problem


@guarantees("cli.teaches", "docs.agree")
@pytest.mark.parametrize("name", profile_names([SHIPPED]))
def test_a_profile_is_shown_with_every_field_that_it_gives_or_leaves_out(config: Path, name: str) -> None:
    """What stands in neither list would be a surprise in the first answer."""
    told = json.loads(run(config, "profiles", name, "--json").stdout)

    profile = load_profile(name, [SHIPPED])
    assert sorted(told["fields"]) == sorted(profile.entities)
    for entity, given in told["fields"].items():
        ours = {*COMMON_FIELDS, *WORKED_OUT.get(entity, ()), "native_state"}
        left_out = set(told["missing_fields"].get(entity, ()))
        assert not left_out & set(given)
        assert {spec.name for spec in field_specs(ENTITIES[entity])} - ours - left_out <= set(given), entity


@guarantees("cli.teaches")
def test_a_profile_is_shown_to_people_with_fields_gaps_and_how_far_it_was_tried(config: Path) -> None:
    """All of it on eighty columns."""
    written(config, REST.replace("      site:", "      expiry_date: {date: best_before}\n      site:"))
    shown = run(config, "profiles", "works").stdout
    lines = [line.strip() for line in shown.splitlines()]

    assert "lot_id, material_id, site, expiry_date" in lines
    assert "without: lot_disposition, supplier_id, supplier_lot" in lines
    assert "not said how it was verified" in shown
    assert "reads 1 entity" in run(config, "profiles").stdout
    for words in (("profiles", "s4hana"), ("profiles",)):
        assert max(len(line) for line in run(config, *words).stdout.splitlines()) <= 80
