from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from erp_mcp.domain.entities import ENTITIES
from erp_mcp.domain.profile import IdentityRule
from erp_mcp.domain.select_text import select_columns
from erp_mcp.errors import ConfigurationError, ProfileFileError
from erp_mcp.sync.cursor import mapping_digest
from erp_mcp.systems import load_budgets, load_profile, profile_names
from tests.guarantees import guarantees

SHIPPED: Final = Path(__file__).parents[3] / "erp_mcp" / "systems"

GOOD: Final = """\
profile: plant
version: 1
kind: sql
level: 4
zone: Europe/Berlin
identity:
  material: {rule: pad_left, width: 8}
states:
  material.status: {A: active}
entities:
  material:
    statement: |
      SELECT no AS source_key, chg AS version_token, chg AS changed_at, no AS material_id, unit AS base_uom, status
        FROM part
    tombstones: SELECT no AS source_key, at AS changed_at FROM gone
"""

COMMANDS: Final = """\
commands:
  via: works
  operations:
    material.rename: {contract: readback, settle_s: 30, model: part}
"""

# (what is replaced, by what, line of the error, key)
# fmt: off
BROKEN: Final = {
    "duplicate key": ("version: 1", "version: 1\nversion: 1", 3, ""),
    "unknown key": ("version: 1", "version: 1\nwrites: true", 3, "writes"),
    "the head of another kind": ("version: 1", "version: 1\nodata: {version: 2}", 3, "odata"),
    "a head of a kind that has none": ("version: 1", "version: 1\nsql: {views: yes}", 3, "sql"),
    "a misspelt kind": ("kind: sql", "kind: wroks\nworks: {views: yes}", 4, "works"),
    "a head that is no mapping": ("kind: sql", "kind: works\nworks: [views]", 4, "works"),
    "a way of verifying that there is not": ("level: 4", "level: 4\nverified: surely", 5, "verified"),
    "a declaration that is no name": ("level: 4", "level: 4\ndeclaration: SAP access", 5, "declaration"),
    "a unit that is no code": ("level: 4", "level: 4\nunits: {ST: pieces}", 5, "units.ST"),
    "wrong type": ("version: 1", "version: one", 2, "version"),
    "level 2": ("level: 4", "level: 2", 4, "level"),
    "level 3 with commands": ("level: 4", f"level: 3\n{COMMANDS}", 5, "commands"),
    "commands without operations": ("level: 4", "level: 4\ncommands: {via: works}", 5, "commands.operations"),
    "an empty list of operations": ("level: 4", "level: 4\ncommands: {operations: {}}", 5, "commands.operations"),
    "an unknown key of commands": (
        "level: 4", f"level: 4\n{COMMANDS}  retries: 3\n", 9, "commands.retries",
    ),
    "a via that is no name": (
        "level: 4", f"level: 4\n{COMMANDS}".replace("works", "../works"), 6, "commands.via",
    ),
    "an operation without an entity": (
        "level: 4", f"level: 4\n{COMMANDS}".replace("material.rename", "rename"), 8, "commands.operations.rename",
    ),
    "an operation of no entity": (
        "level: 4", f"level: 4\n{COMMANDS}".replace("material.rename", "widget.rename"), 8,
        "commands.operations.widget.rename",
    ),
    "an unknown contract": (
        "level: 4", f"level: 4\n{COMMANDS}".replace("readback", "hope"), 8,
        "commands.operations.material.rename.contract",
    ),
    "an operation without a contract": (
        "level: 4", f"level: 4\n{COMMANDS}".replace("contract: readback, ", ""), 8,
        "commands.operations.material.rename.contract",
    ),
    "an operation without a time to settle": (
        "level: 4", f"level: 4\n{COMMANDS}".replace("settle_s: 30, ", ""), 8,
        "commands.operations.material.rename.settle_s",
    ),
    "a negative time to settle": (
        "level: 4", f"level: 4\n{COMMANDS}".replace("settle_s: 30", "settle_s: -1"), 8,
        "commands.operations.material.rename.settle_s",
    ),
    "an operation that touches nothing": (
        "level: 4", f"level: 4\n{COMMANDS}".replace("model: part", "touches: []"), 8,
        "commands.operations.material.rename.touches",
    ),
    "an operation that touches no entity": (
        "level: 4", f"level: 4\n{COMMANDS}".replace("model: part", "touches: [material, widget]"), 8,
        "commands.operations.material.rename.touches.1",
    ),
    "an operation that touches one twice": (
        "level: 4", f"level: 4\n{COMMANDS}".replace("model: part", "touches: [material, material]"), 8,
        "commands.operations.material.rename.touches.1",
    ),
    "an operation that does not touch what it writes": (
        "level: 4", f"level: 4\n{COMMANDS}".replace("model: part", "touches: [stock]"), 8,
        "commands.operations.material.rename.touches",
    ),
    "no such zone": ("Europe/Berlin", "Europe/Atlantis", 5, "zone"),
    "other name than the file": ("profile: plant", "profile: works", 1, "profile"),
    "unknown rule": ("rule: pad_left, width: 8", "rule: eval", 7, "identity.material.rule"),
    "rule without its width": ("rule: pad_left, width: 8", "rule: pad_left", 7, "identity.material"),
    "rule with too much": ("rule: pad_left, width: 8", "rule: same, width: 8", 7, "identity.material"),
    "identity of no entity": ("  material: {rule", "  widget: {rule", 7, "identity.widget"),
    "states of no entity": ("material.status", "widget.status", 9, "states.widget.status"),
    "states of no field": ("material.status", "material.colour", 9, "states.material.colour"),
    "states of a text": ("material.status", "material.description", 9, "states.material.description"),
    "unknown entity": ("  material:\n    statement", "  widget:\n    statement", 11, "entities.widget"),
    "unknown key of an entity": ("    tombstones:", "    graves:", 15, "entities.material.graves"),
    "unknown field": ("unit AS base_uom", "unit AS base_uom, x AS colour", 12, "entities.material.statement"),
    "missing mandatory field": ("unit AS base_uom, ", "", 12, "entities.material.statement"),
    "missing watermark": ("chg AS changed_at, ", "", 12, "entities.material.statement"),
    "a field of ours": ("unit AS base_uom", "unit AS base_uom, 'x' AS system", 12, "entities.material.statement"),
    "a star": ("no AS source_key,", "*,", 12, "entities.material.statement"),
    "no name": ("no AS source_key,", "no || 1,", 12, "entities.material.statement"),
    "column twice": ("no AS source_key,", "no AS source_key, no AS source_key,", 12, "entities.material.statement"),
    "two statements": ("FROM part", "FROM part; DROP TABLE part", 12, "entities.material.statement"),
    "no SELECT": (
        "SELECT no AS source_key, chg AS version_token",
        "DELETE FROM part",
        12,
        "entities.material.statement",
    ),
    "open parenthesis": ("FROM part", "FROM (part", 12, "entities.material.statement"),
    "tombstones without a watermark": ("at AS changed_at", "at", 15, "entities.material.tombstones"),
}
# fmt: on


def write(folder: Path, text: str, name: str = "plant") -> Path:
    file = folder / f"{name}.yaml"
    file.write_text(text, encoding="utf-8")
    return file


READS_BY: Final = """\
profile: plant
version: 1
kind: rest
level: LEVEL
zone: Europe/Berlin
rest: {}
entities:
  lot:
    request:
      path: /orders/release
      method: POST
      body: {all: true}
    items: data
    key: [no]
    version: hash
    fields: {lot_id: no, material_id: part, site: site, lot_disposition: {const: released}}
"""


@guarantees("P6.planning_side", "input.clear_errors")
@pytest.mark.parametrize("by_key", [True, False])
def test_a_level_3_system_is_asked_by_get_alone(tmp_path: Path, *, by_key: bool) -> None:
    """Nothing but its name tells a POST that reads from one that releases an order."""
    text = READS_BY
    if by_key:
        post = "method: POST\n      body: {all: true}\n"
        text = text.replace(post, "method: GET\n").replace(
            "    items:", f"    by_key:\n      path: /of\n      {post}    items:"
        )
    write(tmp_path, text.replace("LEVEL", "4"))
    assert load_profile("plant", [tmp_path]).level == 4
    write(tmp_path, text.replace("LEVEL", "3"))
    with pytest.raises(ProfileFileError) as wrong:
        load_profile("plant", [tmp_path])
    assert wrong.value.facts["key"] == f"entities.lot.{'by_key' if by_key else 'request'}.method"


@guarantees("input.clear_errors")
@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_profile_is_refused_with_its_line_and_key(tmp_path: Path, what: str) -> None:
    """An integrator mends what is named, and nothing is read by a profile that is half right."""
    old, new, line, key = BROKEN[what]
    assert old in GOOD
    write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ProfileFileError) as caught:
        load_profile("plant", [tmp_path])
    facts = caught.value.facts
    assert (facts["file"], facts["line"], facts["key"]) == ("plant.yaml", line, key)
    assert facts["reason"]


@guarantees("input.clear_errors")
def test_all_missing_mandatory_fields_are_named(tmp_path: Path) -> None:
    """Fifty columns and no name would be no help, one name per attempt little."""
    write(tmp_path, GOOD.replace("unit AS base_uom, ", "").replace("no AS material_id, ", ""))
    with pytest.raises(ProfileFileError) as caught:
        load_profile("plant", [tmp_path])
    reason = str(caught.value.facts["reason"])
    assert "material.base_uom" in reason
    assert "material.material_id" in reason


@guarantees("adapter.contract")
def test_a_good_profile_is_what_its_file_says(tmp_path: Path) -> None:
    """Operators add profiles by adding files."""
    write(tmp_path, GOOD)
    profile = load_profile("plant", [SHIPPED, tmp_path])
    assert (profile.name, profile.kind, profile.level) == ("plant", "sql", 4)
    assert profile.identity == {"material": IdentityRule(rule="pad_left", width=8)}
    assert profile.states == {"material.status": {"A": "active"}}
    assert set(profile.entities["material"]) == {"statement", "tombstones"}


@guarantees("adapter.contract")
def test_a_profile_says_what_may_be_written_and_keeps_the_keys_of_the_implementation(tmp_path: Path) -> None:
    """Contract and time to settle mean the same everywhere; how it is done is the business of who does it."""
    write(tmp_path, GOOD.replace("level: 4\n", f"level: 4\n{COMMANDS}"))
    profile = load_profile("plant", [tmp_path])
    assert profile.commands == {"material.rename": {"contract": "readback", "settle_s": 30, "model": "part"}}
    assert profile.commands_via == "works"


@guarantees("P7.refresh", "adapter.contract")
def test_a_profile_says_what_an_operation_touches_and_whoever_writes_is_told_nothing_of_it(tmp_path: Path) -> None:
    """Also what the profile does not map; an operation of which it says nothing is not in it."""
    told = COMMANDS.replace(
        "model: part}", "touches: [material, stock]}\n    material.burn: {contract: none, settle_s: 1}"
    )
    write(tmp_path, GOOD.replace("level: 4\n", f"level: 4\n{told}"))
    profile = load_profile("plant", [tmp_path])
    assert profile.touches == {"material.rename": ("material", "stock")}
    assert profile.commands == {
        "material.rename": {"contract": "readback", "settle_s": 30},
        "material.burn": {"contract": "none", "settle_s": 1},
    }


@guarantees("adapter.contract")
def test_a_profile_says_how_it_was_verified_and_keeps_the_head_of_its_kind(tmp_path: Path) -> None:
    """What a kind needs for all entities stands under its own name, and is that kind's business."""
    more = "works: {schema: main}\nverified: protocol\ndeclaration: licensed_access\nunits: {ST: EA}\n"
    write(tmp_path, GOOD.replace("kind: sql\n", f"kind: works\n{more}"))
    profile = load_profile("plant", [tmp_path])
    assert (profile.head, profile.verified) == ({"schema": "main"}, "protocol")
    assert (profile.declaration, profile.units) == ("licensed_access", {"ST": "EA"})


@guarantees("P7.sync_exact")
@pytest.mark.parametrize(
    "change", [("version: 1", "version: 2"), ("{schema: main}", "{schema: old}"), ("ST: EA", "ST: KGM")]
)
def test_another_version_head_or_unit_makes_synchronisation_begin_again(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    """Rows by two mappings must not stand beside each other."""
    text = GOOD.replace("kind: sql\n", "kind: works\nworks: {schema: main}\nunits: {ST: EA}\n")
    write(tmp_path, text)
    before = mapping_digest(load_profile("plant", [tmp_path]), "material")
    write(tmp_path, text.replace(*change))
    assert mapping_digest(load_profile("plant", [tmp_path]), "material") != before


@guarantees("docs.agree")
def test_a_profile_that_ships_says_how_it_was_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever chooses one must know whether it ever saw the product; an operator's own may leave it out."""
    write(tmp_path, GOOD)
    assert load_profile("plant", [tmp_path]).verified == ""
    monkeypatch.setattr("erp_mcp.systems.load.SHIPPED", tmp_path.resolve())
    with pytest.raises(ProfileFileError) as caught:
        load_profile("plant", [tmp_path])
    assert caught.value.facts["key"] == "verified"


@guarantees("P2.opened_system", "catalog.kept")
def test_a_profile_counts_as_its_file_is_now_and_is_read_once(tmp_path: Path) -> None:
    """What became of a file is kept in a process, for that file with those bytes; what is wrong is told each time."""
    write(tmp_path, GOOD)
    first = load_profile("plant", [tmp_path])
    assert load_profile("plant", [tmp_path]) is first
    write(tmp_path, GOOD.replace("version: 1", "version: 2"))
    assert (first.version, load_profile("plant", [tmp_path]).version) == (1, 2)
    write(tmp_path, GOOD + "unheard: of\n")
    for _ in range(2):
        with pytest.raises(ProfileFileError):
            load_profile("plant", [tmp_path])
    (tmp_path / "plant.yaml").unlink()
    with pytest.raises(ProfileFileError):
        load_profile("plant", [tmp_path])


@guarantees("P2.no_writes")
def test_a_profile_without_commands_takes_no_writes(tmp_path: Path) -> None:
    """What nobody wrote down can't be done."""
    write(tmp_path, GOOD)
    profile = load_profile("plant", [tmp_path])
    assert (profile.commands, profile.commands_via) == ({}, "")


@guarantees("P7.sync_exact")
def test_a_prefix_keeps_the_numbers_of_two_systems_apart(tmp_path: Path) -> None:
    """Two plants with the same product both have an order 1; ids that another system owns are left to their rule."""
    write(tmp_path, GOOD)
    rules = load_profile("plant", [tmp_path], id_prefix="N-").identity
    assert rules["sales_order"] == rules["purchase_order"] == IdentityRule(rule="add_prefix", prefix="N-")
    assert rules["material"] == IdentityRule(rule="pad_left", width=8)


@guarantees("input.clear_errors")
def test_a_name_in_two_folders_is_an_error_and_never_an_override(tmp_path: Path) -> None:
    """Which of two files counts must not depend on an order nobody sees."""
    write(tmp_path, GOOD.replace("profile: plant", "profile: demo-erp"), "demo-erp")
    with pytest.raises(ProfileFileError):
        load_profile("demo-erp", [SHIPPED, tmp_path])


@guarantees("input.clear_errors")
@pytest.mark.parametrize("name", ["no-such-system", "freshness"])
def test_an_unknown_profile_is_refused_with_those_there_are(name: str) -> None:
    """`freshness.yaml` lies beside the profiles and is none."""
    with pytest.raises(ProfileFileError) as caught:
        load_profile(name, [SHIPPED])
    assert "demo-erp" in str(caught.value.facts["reason"])


@guarantees("adapter.contract")
@pytest.mark.parametrize("name", profile_names([SHIPPED]))
def test_every_shipped_profile_loads(name: str) -> None:
    """A profile that ships is right."""
    profile = load_profile(name, [SHIPPED])
    assert profile.level in {3, 4}
    assert set(profile.entities) <= set(ENTITIES)


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        ("SELECT a, t.b, c AS d FROM t", ["a", "b", "d"]),
        ("select distinct f(a, 'x, FROM') AS b, (SELECT c FROM u) AS e from t;", ["b", "e"]),
        ("WITH w AS (SELECT 1 AS x) SELECT x AS y FROM w", ["y"]),
        ('SELECT a AS "Odd Name", b AS [c], /* , */ d -- , e\n FROM t', ["Odd Name", "c", "d"]),
        ("SELECT a AS b UNION ALL SELECT c", ["b"]),
        ("SELECT CASE WHEN a = '' THEN 1 ELSE 2 END AS flag FROM t", ["flag"]),
    ],
)
def test_output_columns_are_read_from_the_text(statement: str, columns: list[str]) -> None:
    """Commas in strings, comments, calls and sub-queries separate nothing."""
    assert select_columns(statement) == columns


# --- Freshness --------------------------------------------------------------------------------------------------------


@guarantees("P7.freshness")
def test_every_entity_has_a_budget_that_its_cadence_keeps() -> None:
    """The shop floor in minutes, orders in a quarter of an hour, master data in a day."""
    budgets = load_budgets(SHIPPED / "freshness.yaml")
    assert set(budgets) == set(ENTITIES)
    assert all(budget.cadence_s * 2 <= budget.budget_s for budget in budgets.values())
    known = {
        "job": 300,
        "downtime": 300,
        "stock": 900,
        "sales_order_line": 900,
        "customer_invoice": 3600,
        "material": 86400,
    }
    assert {entity: budgets[entity].budget_s for entity in known} == known


@guarantees("input.clear_errors", "P7.freshness")
@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("job: {", "robot: {", "entities.robot"),
        ("  job: {budget_s: 300, cadence_s: 60}\n", "", "entities"),
        ("job: {budget_s: 300, cadence_s: 60}", "job: {budget_s: 60, cadence_s: 300}", "entities.job"),
        ("version: 1", "version: 2", "version"),
    ],
)
def test_a_broken_freshness_file_is_refused(tmp_path: Path, old: str, new: str, key: str) -> None:
    """An entity without a budget would never be called stale."""
    text = (SHIPPED / "freshness.yaml").read_text(encoding="utf-8")
    assert old in text
    file = write(tmp_path, text.replace(old, new, 1), "freshness")
    with pytest.raises(ConfigurationError) as caught:
        load_budgets(file)
    assert caught.value.facts["key"] == key
