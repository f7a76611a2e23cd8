"""`erp-mcp systems add | remove | profiles`: a system in the configuration in one command, or nothing changed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from erp_mcp.cli.app import main
from erp_mcp.credentials.keeping import new_reference
from erp_mcp.settings import load
from tests.guarantees import guarantees
from tests.unit.cli.people_at_work import Desk

PROFILE: Final = """\
# The works' own part book. Nothing else is in it.
profile: works
version: 3
kind: sql
level: 4
zone: Europe/Berlin
entities:
  material:
    statement: |
      SELECT no AS source_key, no AS version_token, no AS changed_at, no AS material_id, 'EA' AS base_uom FROM part
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the configuration of a new deployment with a profile of its own beside it."""
    assert CliRunner().invoke(main, ["init", str(tmp_path / "d"), "--no-approver"]).exit_code == 0
    file = tmp_path / "d" / "erp-mcp.yaml"
    (file.parent / "profiles").mkdir()
    (file.parent / "profiles" / "works.yaml").write_text(PROFILE, encoding="utf-8")
    file.write_text(file.read_text(encoding="utf-8") + "profiles: [profiles]   # ours\n", encoding="utf-8")
    with closing(sqlite3.connect(file.parent / "works.sqlite")) as database:
        database.executescript("CREATE TABLE part (no TEXT); INSERT INTO part VALUES ('4711');")
    return file


def run(config: Path, *words: str) -> Result:
    """Run a command about the deployment, as a script does."""
    return CliRunner().invoke(main, ["systems", *words, "--config", str(config)])


def error(result: Result) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(result.stdout)["error"]
    return told


@guarantees("systems.added", "cli.teaches")
def test_a_system_is_added_and_every_next_command_is_named(config: Path) -> None:
    """Whoever added it reads on from its own output, without the manual."""
    before = config.read_text(encoding="utf-8")
    words = ("--profile", "tryton", "--url", "https://erp.example.com", "--database", "plant", "--account", "reader")
    result = run(config, "add", "erp", *words, "--zone", "Europe/Vienna", "--write-account", "writer")

    assert result.exit_code == 0, result.output
    (system,) = load(config).systems
    assert (system.name, system.profile, system.database, system.zone) == ("erp", "tryton", "plant", "Europe/Vienna")
    assert (system.account, system.secret) == ("reader", new_reference("erp", "plant"))
    assert system.write is not None
    assert (system.write.account, system.write.secret) == ("writer", new_reference("erp_write", "plant"))
    told = [line.strip() for line in result.stdout.splitlines()]
    place = f"--config {config}"
    assert [line for line in told if line[:1].isdigit()] == [
        f"1. erp-mcp secrets set erp {place}",
        f"2. erp-mcp secrets set erp --write {place}",
        f"3. erp-mcp systems probe erp {place}",
        f"4. erp-mcp sync erp {place}",
        f"5. erp-mcp policy apply {place}",
    ]
    assert (config.parent / "erp-mcp.yaml.bak").read_text(encoding="utf-8") == before


@guarantees("systems.added")
def test_comments_and_order_of_the_configuration_stay(config: Path) -> None:
    """It is a file that people read and review."""
    before = config.read_text(encoding="utf-8").splitlines()
    assert run(config, "add", "parts", "--profile", "works", "--url", "works.sqlite").exit_code == 0
    after = config.read_text(encoding="utf-8").splitlines()
    assert [line for line in before if line not in after] == ["systems: {}"]
    assert [line for line in after if line not in before] == [
        *("systems:", "  parts:", "    profile: works", "    url: works.sqlite"),
    ]
    assert run(config, "remove", "parts", "--yes").exit_code == 0
    assert config.read_text(encoding="utf-8").splitlines() == before


@guarantees("systems.added")
def test_what_was_added_answers(config: Path) -> None:
    """The shortest way from a profile to rows."""
    assert run(config, "add", "parts", "--profile", "works", "--url", "works.sqlite").exit_code == 0
    assert CliRunner().invoke(main, ["sync", "parts", "--config", str(config)]).exit_code == 0
    rows = json.loads(run(config, "list", "--json").stdout)
    assert [(row["system"], row["profile"], row["version"], row["verified"]) for row in rows] == [
        ("parts", "works", 3, ""),
    ]


@guarantees("input.clear_errors")
def test_a_profile_that_is_broken_hides_no_other_system(config: Path) -> None:
    """Whoever edits one profile still sees what else there is."""
    for name in ("parts", "more"):
        assert run(config, "add", name, "--profile", "works", "--url", "works.sqlite").exit_code == 0
    other = PROFILE.replace("profile: works", "profile: other").replace("kind: sql", "knid: sql")
    (config.parent / "profiles" / "other.yaml").write_text(other, encoding="utf-8")
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("profile: works", "profile: other", 1), encoding="utf-8")
    listed = run(config, "list", "--json")

    rows = json.loads(listed.stdout)
    assert (listed.exit_code, [row["system"] for row in rows]) == (1, ["more", "parts"])
    assert "systems.bad_profile" in rows[1]["problems"][0]
    assert "✗ parts" in run(config, "list").stdout


@guarantees("systems.added", "input.clear_errors")
@pytest.mark.parametrize(
    ("words", "code", "key"),
    [
        (("parts", "--profile", "works", "--url", "works.sqlite", "--zone", "Europe/Atlantis"), "settings", "zone"),
        (("parts", "--profile", "works", "--url", "works.sqlite", "--secret", "hunter2"), "settings", "secret"),
        (("parts", "--profile", "works", "--url", "x", "--network", "10.0.0.1/8"), "settings", "networks"),
        (("parts", "--profile", "works", "--url", "x", "--set", "limits.burst=0"), "settings", "limits.burst"),
        (("parts", "--profile", "works", "--url", "x", "--set", "colour=red"), "settings", "colour"),
        (("parts", "--profile", "wroks", "--url", "x"), "systems", "profile"),
        (
            ("erp", "--profile", "tryton", "--url", "ftp://x", "--database", "d", "--account", "a"),
            "settings",
            "systems.erp.url",
        ),
        (("parts", "--profile", "works", "--url", "x", "--id-prefix", "a b"), "settings", "id_prefix"),
    ],
)
def test_a_mistake_changes_nothing_and_is_named(config: Path, words: Sequence[str], code: str, key: str) -> None:
    """A configuration that does not load would take the whole deployment down."""
    before = sorted(config.parent.iterdir()), config.read_text(encoding="utf-8")
    result = run(config, "add", *words, "--json")

    assert result.exit_code == 2
    assert error(result)["code"].startswith(code)
    assert key in str(error(result)["facts"]["key"])
    assert "hunter2" not in result.output
    assert ".new" not in str(error(result)["facts"].get("file", ""))
    assert (sorted(config.parent.iterdir()), config.read_text(encoding="utf-8")) == before


@guarantees("systems.added", "input.clear_errors")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("Parts!", "--profile", "works", "--url", "x"), "no name of a system"),
        (("parts", "--profile", "works"), "--url is missing"),
        (("parts", "--profile", "tryton", "--url", "https://x"), "--database is missing"),
        (("parts", "--profile", "works", "--url", "x", "--set", "burst"), "KEY=VALUE"),
        (("parts", "--profile", "works", "--url", "x", "--set", "url.port=1"), "is a value, not a mapping"),
        (("parts", "--profile", "works", "--url", "x", "--set", "owns=["), "not one of YAML"),
    ],
)
def test_what_is_missing_or_misspelt_is_said_in_one_line(config: Path, words: Sequence[str], told: str) -> None:
    """A script has nobody to ask."""
    before = config.read_text(encoding="utf-8")
    result = run(config, "add", *words)
    assert (result.exit_code, config.read_text(encoding="utf-8")) == (2, before)
    assert told in result.output


@guarantees("systems.added", "cli.teaches")
def test_without_a_profile_those_there_are_are_shown_with_how_far_they_were_tried(config: Path) -> None:
    """Nobody knows their names by heart, and a mapping from documentation is not one that was tried."""
    result = run(config, "add", "erp")
    assert result.exit_code == 2
    assert "tryton" in result.output
    assert "verified live" in result.output
    assert "The works' own part book" in result.output
    assert "Name one of these profiles with --profile." in result.output


@guarantees("systems.added", "cli.teaches")
def test_a_person_at_a_terminal_is_asked_for_what_is_missing(config: Path) -> None:
    """The first system is connected by somebody who has never seen the options."""
    desk = Desk(directory=config.parent)
    answers = [("Profile (", "works"), ("Address", "works.sqlite")]
    status, shown = desk.at_terminal(answers, "systems", "add", "parts")
    assert (status, "Wrote parts into" in shown) == (0, True), shown
    assert [system.name for system in load(config).systems] == ["parts"]


@guarantees("systems.added", "input.clear_errors")
def test_a_name_that_is_taken_is_refused(config: Path) -> None:
    """Two systems of one name would be one."""
    words = ("add", "parts", "--profile", "works", "--url", "works.sqlite", "--json")
    assert run(config, *words).exit_code == 0
    assert "there is such a system already" in error(run(config, *words))["facts"]["reason"]


@guarantees("systems.added", "cli.teaches")
def test_a_name_that_is_taken_is_refused_before_anything_is_asked(config: Path) -> None:
    """Nobody answers five questions to hear that the first word was wrong."""
    assert run(config, "add", "parts", "--profile", "works", "--url", "works.sqlite").exit_code == 0
    desk = Desk(directory=config.parent)
    status, shown = desk.at_terminal([], "systems", "add", "parts")
    assert (status, "settings.bad_configuration" in shown) == (2, True), shown
    assert "Profile" not in shown
    alone = run(config, "add", "parts", "--json")  # a script is told the same, and not what else is missing
    assert error(alone)["facts"]["key"] == "systems.parts"


@guarantees("systems.added", "input.clear_errors")
def test_a_system_that_is_not_there_is_not_removed(config: Path) -> None:
    """And nobody is asked whether it should be."""
    assert run(config, "add", "parts", "--profile", "works", "--url", "works.sqlite").exit_code == 0
    refused = run(config, "remove", "prats", "--json")
    assert (refused.exit_code, error(refused)["facts"]) == (2, {"system": "prats", "suggestion": "parts"})
    unasked = run(config, "remove", "parts")
    assert (unasked.exit_code, len(load(config).systems)) == (2, 1)


@guarantees("systems.added")
def test_a_private_address_is_taken_as_meant(config: Path) -> None:
    """Most systems of record stand in one, and it is not reached unless it is listed."""
    words = ("--profile", "tryton", "--database", "d", "--account", "a")
    assert run(config, "add", "erp", "--url", "https://10.20.0.5", *words).exit_code == 0
    assert run(config, "add", "other", "--url", "https://erp.example.com", *words).exit_code == 0
    assert [system.networks for system in load(config).systems] == [("10.20.0.5/32",), ()]


@guarantees("docs.agree", "cli.teaches")
def test_profiles_are_listed_and_shown_with_their_gaps(config: Path) -> None:
    """What a profile leaves out decides whether it answers the question somebody has."""
    rows = {row["profile"]: row for row in json.loads(run(config, "profiles", "--json").stdout)}
    assert rows["works"]["about"] == "The works' own part book"
    assert (rows["tryton"]["verified"], rows["tryton"]["writes"], rows["works"]["writes"]) == ("live", True, False)
    one = json.loads(run(config, "profiles", "works", "--json").stdout)
    assert one["entities"] == ["material"]
    assert "stock" in one["missing_entities"]
    assert one["missing_fields"] == {"material": ["description", "material_type", "status"]}
    shown = run(config, "profiles", "tryton").stdout
    assert "customer_invoice" in shown
    assert "readback: keeps our reference" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80


@guarantees("docs.agree")
def test_every_shipped_profile_says_what_it_is_for_and_how_far_it_was_tried(config: Path) -> None:
    """The list is what an integrator chooses from."""
    for row in json.loads(run(config, "profiles", "--json").stdout):
        assert row["about"], row["profile"]
        assert row["verified"] in {"live", "protocol", "documentation"} or row["profile"] == "works"
