"""`erp-mcp secrets`: stored where the configuration refers to, checked, and never shown."""

from __future__ import annotations

import errno
import getpass
import json
import os
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from click.testing import CliRunner, Result
from keyring.backends import fail

from erp_mcp import settings
from erp_mcp.administration.referring import refer
from erp_mcp.cli import passphrase
from erp_mcp.cli.app import main
from erp_mcp.cli.secrets import command
from erp_mcp.errors import ConfigurationError
from tests.guarantees import guarantees
from tests.unit.credentials.test_local import Entries

CANARY = "canary-52 ü"
SYSTEMS = """\
# where the plant's systems are
systems:
    erp:                        # the only one
        profile: tryton
        url: http://127.0.0.1:9
        database: plant
        account: reader   # may read
        write: {account: writer}
    mes: {profile: demo-mes, url: mes.sqlite, secret: "file:secrets/mes"}
# the end
"""


@pytest.fixture(autouse=True)
def no_keyring() -> Iterator[None]:
    """Begin without a keyring, whatever this machine has."""
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    yield
    keyring.set_keyring(before)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return the configuration of a deployment with two systems."""
    assert CliRunner().invoke(main, ["init", str(tmp_path / "d")]).exit_code == 0
    file = tmp_path / "d" / "erp-mcp.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text[: text.index("systems: {}")] + SYSTEMS, encoding="utf-8")
    return file


def run(config: Path, *words: str, said: str = "") -> Result:
    """Run a command about the deployment; no output ever shows the secret."""
    done = CliRunner().invoke(main, ["secrets", *words, "--config", str(config)], input=said or None)
    assert "canary" not in done.output
    return done


@guarantees("cli.teaches", "P8.secrets_stay")
def test_a_secret_without_a_place_goes_into_an_owner_only_file_and_its_reference_is_told(config: Path) -> None:
    """On a server there is no keyring; the next step is named."""
    done = run(config, "set", "erp", "--stdin", said=f"{CANARY}\n")

    path = config.parent / "secrets" / "erp"
    assert done.exit_code == 0, done.output
    assert path.read_text(encoding="utf-8").strip() == CANARY
    assert path.stat().st_mode & 0o777 == 0o600
    assert "systems.erp.secret: file:secrets/erp" in done.output
    assert "canary" not in config.read_text(encoding="utf-8")


@guarantees("P8.secrets_stay")
def test_where_there_is_a_keyring_it_goes_there(config: Path) -> None:
    """The operating system keeps it, under a name that says which deployment it belongs to."""
    entries = Entries()
    keyring.set_keyring(entries)

    done = run(config, "set", "erp", "--write", "--stdin", "--write-config", said=CANARY)

    assert done.exit_code == 0, done.output
    deployment = settings.load(config).deployment
    assert entries.entries == {("erp-mcp", f"{deployment}/erp_write"): CANARY}
    write = settings.load(config).systems[0].write
    assert write is not None
    assert write.secret == f"keyring:{deployment}/erp_write"
    assert not (config.parent / "secrets").exists()


@guarantees("P8.secrets_stay")
def test_the_reference_is_written_on_request_with_comments_kept_and_a_backup(config: Path) -> None:
    """One line more, nothing else changed, and the way back lies beside it."""
    before = config.read_text(encoding="utf-8")

    done = run(config, "set", "erp", "--stdin", "--write-config", "--json", said=CANARY)

    told = json.loads(done.stdout)
    after = config.read_text(encoding="utf-8")
    assert told["configured"] is True
    assert Path(told["backup"]).read_text(encoding="utf-8") == before
    assert [line for line in after.splitlines() if line not in before.splitlines()] == [
        '        secret: "file:secrets/erp"'
    ]
    assert set(before.splitlines()) <= set(after.splitlines())
    assert settings.load(config).systems[0].secret == "file:secrets/erp"


@guarantees("cli.teaches")
def test_a_reference_that_is_there_is_filled_and_not_moved(config: Path) -> None:
    """Whoever rotates need not know where it is kept."""
    keyring.set_keyring(Entries())

    done = run(config, "set", "mes", "--stdin", said=CANARY)

    assert "Stored: file:secrets/mes" in done.output
    assert (config.parent / "secrets" / "mes").exists()


@guarantees("input.clear_errors", "P8.no_leaks")
def test_on_a_full_disk_the_old_secret_stays_and_nothing_lies_beside_it(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a secret in a file that nobody knows of would be found by the next backup."""
    assert run(config, "set", "mes", "--stdin", said="the old one").exit_code == 0

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    refused = run(config, "set", "mes", "--stdin", "--json", said=CANARY)

    told = json.loads(refused.stdout)["error"]
    assert (refused.exit_code, told["code"]) == (2, "settings.bad_configuration")
    assert "the disk is full" in told["facts"]["reason"]
    assert [file.name for file in (config.parent / "secrets").iterdir()] == ["mes"]
    assert (config.parent / "secrets" / "mes").read_text(encoding="utf-8") == "the old one\n"


@guarantees("cli.teaches")
def test_a_place_may_be_chosen(config: Path) -> None:
    """A file although there is a keyring, for a service without a session."""
    keyring.set_keyring(Entries())

    assert "file:secrets/erp" in run(config, "set", "erp", "--keep-in", "file", "--stdin", said=CANARY).output
    moved = run(config, "set", "mes", "--keep-in", "keyring", "--stdin", "--write-config", said=CANARY)
    assert moved.exit_code == 0, moved.output
    assert settings.load(config).systems[1].secret.startswith("keyring:")


@guarantees("cli.teaches")
def test_a_person_types_it_twice_unseen(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip would lock the account at the system; two that differ change nothing."""
    typed = iter([CANARY, "another", CANARY, CANARY])
    monkeypatch.setattr(getpass, "getpass", lambda prompt: next(typed))
    monkeypatch.setattr("erp_mcp.cli.secrets.is_terminal", lambda: True)

    assert run(config, "set", "erp").exit_code == 2
    assert not (config.parent / "secrets").exists()
    assert run(config, "set", "erp").exit_code == 0
    assert passphrase.is_terminal() is False


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("words", "said", "status"),
    [
        (["set", "erp"], "", 2),
        (["set", "nothing", "--stdin"], "x", 2),
        (["set", "mes", "--write", "--stdin"], "x", 2),
        (["set", "erp", "--stdin"], " \n", 2),
        (["set", "env:NAME", "--stdin"], "x", 2),
        (["set", "vault:kv/a#b", "--stdin"], "x", 2),
        (["set", "file:x", "--write", "--stdin"], "x", 2),
        (["set", "hunter:2", "--stdin"], "x", 2),
        (["remove", "erp", "--yes"], "", 2),
        (["remove", "mes"], "", 2),
        (["check", "nothing"], "", 2),
    ],
)
def test_what_can_t_be_done_is_refused_and_changes_nothing(
    config: Path, words: list[str], said: str, status: int
) -> None:
    """A wrong name, no terminal, an empty secret, a place that others fill."""
    before = config.read_text(encoding="utf-8")

    assert run(config, *words, said=said).exit_code == status
    assert config.read_text(encoding="utf-8") == before
    assert not (config.parent / "secrets").exists()


@guarantees("P8.secrets_stay", "cli.teaches")
def test_check_says_of_every_reference_whether_it_gives_a_secret(config: Path) -> None:
    """For a person one line each, for a program JSON; never the secret."""
    assert run(config, "check").exit_code == 1
    missing = json.loads(run(config, "check", "mes", "--json").stdout)
    run(config, "set", "mes", "--stdin", said=CANARY)
    done = run(config, "check")

    assert [one["ok"] for one in missing] == [False]
    assert "can't be read" in missing[0]["reason"]
    assert done.exit_code == 0
    assert "1 of 1 secret there" in done.output
    assert json.loads(run(config, "list", "--json").stdout) == [
        {"key": "systems.mes.secret", "reference": "file:secrets/mes"}
    ]


@guarantees("cli.teaches")
def test_a_removed_secret_is_gone_and_its_reference_stays(config: Path) -> None:
    """The configuration says then what is missing."""
    run(config, "set", "mes", "--stdin", said=CANARY)

    assert "Removed" in run(config, "remove", "mes", "--yes").output
    assert "There was none" in run(config, "remove", "file:secrets/mes", "--yes").output
    assert run(config, "check").exit_code == 1


@guarantees("P8.secrets_stay", "cli.teaches")
def test_doctor_says_where_secrets_come_from_and_whether_they_are_there(config: Path) -> None:
    """And what to run where one is missing."""

    def secrets_of_mes() -> dict[str, str]:
        output = CliRunner().invoke(main, ["doctor", "--json", "--config", str(config)]).stdout
        assert "canary" not in output
        return next(check for check in json.loads(output)["checks"] if check["name"] == "secrets of mes")

    missing = secrets_of_mes()
    run(config, "set", "mes", "--stdin", said=CANARY)
    there = secrets_of_mes()

    assert (missing["status"], there["status"]) == ("bad", "ok")
    assert "erp-mcp secrets set file:secrets/mes" in missing["advice"]
    assert there["detail"] == "file:secrets/mes (there)"


@guarantees("P8.secrets_stay", "P1.write_identity")
def test_doctor_leaves_the_writer_s_secret_alone_and_says_what_is_for_development(config: Path) -> None:
    """The worker may run under another account; variables and files are no place for secrets of a production."""
    text = config.read_text(encoding="utf-8").replace("environment: development", "environment: production")
    config.write_text(text.replace("{account: writer}", "{account: writer, secret: 'env:ERP_MCP_NOT_SET'}"), "utf-8")
    checks = json.loads(CliRunner().invoke(main, ["doctor", "--json", "--config", str(config)]).stdout)["checks"]

    erp = next(check for check in checks if check["name"] == "secrets of erp")
    notes = [check["detail"] for check in checks if check["name"] == "secrets"]
    assert erp["status"] == "ok"
    assert "fetched by the worker alone" in erp["detail"]
    assert [note.split(":")[0] for note in notes] == [
        "1 secret in production from env",
        "1 secret in production from file",
    ]


@guarantees("cli.teaches")
@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("systems:\n  erp: {profile: tryton, url: 'http://e'}\n", 'erp: {secret: "env:A", profile'),
        ("systems:\n  erp: {secret: 'env:B', profile: tryton, url: 'http://e'}\n", 'erp: {secret: "env:A", profile'),
        ("systems:\r\n  erp:\r\n    profile: tryton\r\n    url: http://e\r\n", '    secret: "env:A"\r\n    profile'),
        (
            "systems:\n  erp:\n    url: http://e\n    secret: env:B # why\n    profile: tryton\n",
            'secret: "env:A" # why\n',
        ),
    ],
)
def test_a_reference_is_written_into_any_form_of_the_file(config: Path, text: str, written: str) -> None:
    """People write YAML in many ways; each stays as it is."""
    head = "version: 1\ndeployment: d\nenvironment: development\nplant: {zone: UTC}\n"
    with config.open("w", encoding="utf-8", newline="") as out:
        out.write(head + text)

    refer(config, "erp", "env:A", write=False)

    with config.open(encoding="utf-8", newline="") as found:
        assert written in found.read()
    assert settings.load(config).systems[0].secret == "env:A"


@guarantees("input.clear_errors")
def test_a_reference_that_would_break_the_file_is_not_written(config: Path) -> None:
    """No such account, or a vault that the file does not know: nothing changes, nothing is left behind."""
    before = config.read_text(encoding="utf-8")

    for system, reference, write in (("mes", "env:A", True), ("erp", "vault:kv/a#b", False), ("no", "env:A", False)):
        with pytest.raises(ConfigurationError):
            refer(config, system, reference, write=write)

    assert config.read_text(encoding="utf-8") == before
    assert sorted(path.name for path in config.parent.iterdir() if "erp-mcp.yaml" in path.name) == ["erp-mcp.yaml"]


@guarantees("cli.teaches")
@pytest.mark.parametrize("name", ["set", "list", "check", "remove"])
def test_every_command_shows_examples(name: str) -> None:
    """Help is read by people in a hurry."""
    told = CliRunner().invoke(command, [name, "--help"]).output

    assert f"erp-mcp secrets {name}" in told
    assert "./erp-mcp.yaml" in told
