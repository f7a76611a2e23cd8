"""The configuration file: strict, with file, line and key of every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from erp_mcp import settings
from erp_mcp.errors import ConfigurationError
from tests.guarantees import guarantees

GOOD = """\
version: 1
deployment: north
environment: development
plant: {zone: Europe/Berlin}
state_dir: state
systems:
  erp: {profile: tryton, url: "http://127.0.0.1:8000", account: reader, secret: "file:secrets/erp"}
"""


def write(folder: Path, text: str) -> Path:
    """Write a configuration and return its path."""
    file = folder / "erp-mcp.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@guarantees("docs.agree")
def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """A deployment is a folder that can be moved."""
    found = settings.load(write(tmp_path, GOOD))

    assert found.state_dir == tmp_path / "state"
    assert found.read_model == tmp_path / "state" / "read_model.sqlite"
    assert found.systems[0].account == "reader"


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("before", "after", "key", "line"),
    [
        ("version: 1", "version: 2", "version", 1),
        ("environment: development", "environment: testing", "environment", 3),
        ("zone: Europe/Berlin", "zone: Europe/Atlantis", "plant.zone", 4),
        ("state_dir: state", "statedir: state", "statedir", 5),
        ("profile: tryton, ", "", "systems.erp.profile", 7),
        ('secret: "file:secrets/erp"', "secret: hunter2", "systems.erp.secret", 7),
        ("account: reader", "account: reader, timeout_s: 0", "systems.erp.timeout_s", 7),
        ("account: reader", "account: reader, write: true", "systems.erp.write", 7),
        ("account: reader", "account: reader, write: {user: writer}", "systems.erp.write.user", 7),
        ("account: reader", "account: reader, write: {secret: hunter2}", "systems.erp.write.secret", 7),
    ],
)
def test_a_mistake_is_named_with_key_and_line(tmp_path: Path, before: str, after: str, key: str, line: int) -> None:
    """The person who edits the file finds the place at once."""
    with pytest.raises(ConfigurationError) as refused:
        settings.load(write(tmp_path, GOOD.replace(before, after)))

    assert (refused.value.facts["key"], refused.value.facts["line"]) == (key, line)
    assert "hunter2" not in str(refused.value)


@guarantees("P2.no_writes")
def test_nothing_is_written_to_a_system_unless_it_says_so(tmp_path: Path) -> None:
    """The account that reads never writes: writing needs its own, or for a demo at least the word."""
    told = "account: reader, write: {account: writer, secret: 'env:WRITER'}"

    assert settings.load(write(tmp_path, GOOD)).systems[0].write is None
    assert settings.load(write(tmp_path, GOOD.replace("account: reader", told))).systems[0].write == (
        settings.WriteSettings(account="writer", secret="env:WRITER")
    )
    with_nothing = GOOD.replace("account: reader", "account: reader, write: {}")
    assert settings.load(write(tmp_path, with_nothing)).systems[0].write == settings.WriteSettings()


@guarantees("input.clear_errors")
def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    """The first thing a newcomer meets must lead on."""
    with pytest.raises(ConfigurationError) as refused:
        settings.load(tmp_path / "erp-mcp.yaml")

    assert "erp-mcp init" in str(refused.value)
    assert "--demo-dir" in str(refused.value)


@guarantees("input.clear_errors")
@pytest.mark.parametrize("key", ["tools", "profiles"])
def test_a_folder_that_is_not_there_is_a_mistake_with_its_line(tmp_path: Path, key: str) -> None:
    """A folder misspelt would otherwise just bring nothing, and nobody would learn why."""
    with pytest.raises(ConfigurationError) as refused:
        settings.load(write(tmp_path, f"{GOOD}{key}: [no-such-folder]\n"))

    assert refused.value.facts["key"] == f"{key}.0"
    assert refused.value.facts["line"] == len(GOOD.splitlines()) + 1


@guarantees("docs.agree")
def test_a_flag_goes_before_the_environment_and_that_before_the_default(tmp_path: Path) -> None:
    """Nearer wins."""
    named = {"ERP_MCP_CONFIG": str(tmp_path / "b.yaml")}

    assert settings.find_file(config=str(tmp_path / "a.yaml"), environ=named).name == "a.yaml"
    assert settings.find_file(demo_dir=str(tmp_path), environ=named) == tmp_path / "erp-mcp.yaml"
    assert settings.find_file(environ=named).name == "b.yaml"
    assert settings.find_file(environ={}).name == "erp-mcp.yaml"


@guarantees("docs.agree")
def test_the_working_directory_counts_where_nothing_is_named_and_only_for_who_asks(tmp_path: Path) -> None:
    """A person works beside the file; what a client starts must not pick up a stranger's."""
    here = write(tmp_path, GOOD)
    named = {"ERP_MCP_CONFIG": str(tmp_path / "b.yaml")}

    assert settings.find_file(environ={}, working=tmp_path) == here
    assert settings.find_file(environ=named, working=tmp_path).name == "b.yaml"
    assert settings.find_file(environ={}) != here


@guarantees("P8.no_leaks")
def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """A secret readable by everybody is no secret; it is not used and not shown."""
    secret = tmp_path / "erp"
    secret.write_text("canary-91", encoding="utf-8")
    secret.chmod(0o644)

    with pytest.raises(ConfigurationError) as refused:
        settings.secret_of("file:erp", tmp_path)
    assert "canary-91" not in str(refused.value)

    secret.chmod(0o600)
    assert settings.secret_of("file:erp", tmp_path) == "canary-91"


@guarantees("input.clear_errors")
def test_an_unset_secret_variable_is_named(tmp_path: Path) -> None:
    """The name helps; the value of any other variable would not."""
    with pytest.raises(ConfigurationError) as refused:
        settings.secret_of("env:ERP_MCP_NO_SUCH_VARIABLE", tmp_path)

    assert "ERP_MCP_NO_SUCH_VARIABLE" in str(refused.value)
