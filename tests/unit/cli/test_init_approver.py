"""`erp-mcp init`: the first approver is enrolled where there is somebody to ask."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from click.testing import CliRunner

from erp_mcp.cli.app import main
from tests.guarantees import guarantees
from tests.unit.cli.people_at_work import _TERMINAL, PASSPHRASE, Desk, at_terminal


def init(directory: Path, *answers: tuple[str, str]) -> tuple[int, str]:
    command = [sys.executable, "-c", _TERMINAL, sys.executable, "-m", "erp_mcp", "init", str(directory)]
    return at_terminal(command, answers, os.environ)


@guarantees("P3.enrolled", "cli.teaches")
def test_at_a_terminal_the_first_approver_is_asked_for(tmp_path: Path) -> None:
    """The passphrase is typed twice and never shown."""
    desk = Desk(directory=tmp_path / "p")

    status, shown = init(
        desk.directory,
        ("[Y/n]", ""),
        ("Their id", "anna"),
        ("New passphrase of anna", PASSPHRASE),
        ("The same again", PASSPHRASE),
    )

    assert status == 0, shown
    assert [one["approver"] for one in desk.json("approvals", "approvers")["approvers"]] == ["anna"]
    assert PASSPHRASE not in shown
    assert "approvals enrol FIRST" not in shown  # a second person is still wanted: who signs does not decide that day


@guarantees("P3.enrolled", "input.clear_errors")
def test_two_different_passphrases_leave_nothing_behind(tmp_path: Path) -> None:
    """Half a deployment would refuse the next try."""
    desk = Desk(directory=tmp_path / "p")

    status, shown = init(
        desk.directory,
        ("[Y/n]", "y"),
        ("Their id", "anna"),
        ("New passphrase of anna", PASSPHRASE),
        ("The same again", PASSPHRASE + "!"),
    )

    assert status == 2, shown
    assert not desk.directory.exists()


@guarantees("P3.enrolled")
def test_a_script_names_the_approver_and_a_file(tmp_path: Path) -> None:
    """And a weak passphrase or a file that others may read leaves nothing behind."""
    secret = tmp_path / "secret"
    desk = Desk(directory=tmp_path / "p")
    words = ["init", str(desk.directory), "--approver", "anna", "--passphrase-file", str(secret)]

    for text, mode, code in (("short", 0o600, 2), (PASSPHRASE, 0o644, 2), (PASSPHRASE, 0o600, 0)):
        secret.write_text(text + "\n", encoding="utf-8")
        secret.chmod(mode)
        assert CliRunner().invoke(main, words).exit_code == code
        assert desk.directory.exists() == (code == 0)

    assert [one["approver"] for one in desk.json("approvals", "approvers")["approvers"]] == ["anna"]


@guarantees("P3.enrolled", "cli.teaches")
def test_without_a_terminal_it_goes_on_and_says_how_to_enrol(tmp_path: Path) -> None:
    """Nothing hangs."""
    result = CliRunner().invoke(main, ["init", str(tmp_path / "p")])
    contradiction = CliRunner().invoke(main, ["init", str(tmp_path / "q"), "--approver", "a", "--no-approver"])

    assert result.exit_code == 0
    assert "approvals enrol FIRST" in result.output
    assert contradiction.exit_code == 2
