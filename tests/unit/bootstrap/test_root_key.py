"""The public key that everything approvers do stands on: a file that nobody but its owner can write."""

from __future__ import annotations

from pathlib import Path

import pytest

from erp_mcp.bootstrap import approvers_root, approvers_root_file
from erp_mcp.errors import StateUnavailableError
from tests.guarantees import guarantees

KEY = "ab" * 32


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the key's file."""
    file = approvers_root_file(tmp_path)
    file.parent.mkdir()
    file.write_text(f"{KEY}\n", encoding="ascii")
    file.chmod(0o600)
    return file


@guarantees("P3.enrolled")
def test_the_key_is_what_the_file_says_and_empty_without_one(root: Path, tmp_path: Path) -> None:
    """Before the first enrolment nobody may decide."""
    assert approvers_root(tmp_path) == KEY
    root.unlink()
    assert not approvers_root(tmp_path)


@guarantees("P3.enrolled")
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_key_that_others_may_write_is_not_believed(root: Path, tmp_path: Path, mode: int) -> None:
    """Whoever can put in a key of their own can enrol themselves."""
    root.chmod(mode)
    with pytest.raises(StateUnavailableError):
        approvers_root(tmp_path)


@guarantees("P3.enrolled")
def test_a_key_that_is_no_text_is_not_believed(root: Path, tmp_path: Path) -> None:
    """A damaged file is told as such, not taken for an empty one."""
    root.write_bytes(b"\xff\xfe")
    with pytest.raises(StateUnavailableError):
        approvers_root(tmp_path)
