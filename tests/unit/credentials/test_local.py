"""Secrets that this machine keeps: read again when they change, refused when others may read them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import KeyringLocked, PasswordDeleteError

from erp_mcp.credentials import keeping
from erp_mcp.credentials.sources import local_secret, secret_source
from erp_mcp.errors import ConfigurationError, SecretUnavailableError
from tests.guarantees import guarantees
from tests.moments import Ticks, still


class Entries(KeyringBackend):
    """A keyring of the test's own."""

    priority = 5.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._check()
        if (service, username) not in self.entries:
            raise PasswordDeleteError("none")
        del self.entries[service, username]

    def _check(self) -> None:
        if self.locked:
            raise KeyringLocked("canary-91 is behind a lock")


@pytest.fixture
def entries() -> Iterator[Entries]:
    """Put the test's keyring in the place of the user's."""
    before = keyring.get_keyring()
    mine = Entries()
    keyring.set_keyring(mine)
    yield mine
    keyring.set_keyring(before)


def owned(path: Path, secret: str) -> Path:
    """Write an owner-only file."""
    path.touch(mode=0o600)
    path.write_text(secret, encoding="utf-8")
    return path


@guarantees("P8.no_leaks", "P8.secrets_stay")
def test_a_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """A secret readable by everybody is no secret; it is not used and not shown."""
    secret = owned(tmp_path / "erp", "canary-91")
    secret.chmod(0o644)

    with pytest.raises(ConfigurationError) as refused:
        local_secret("file:erp", tmp_path)
    assert "canary-91" not in str(refused.value)

    secret.chmod(0o600)
    assert local_secret("file:erp", tmp_path) == "canary-91"


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("content", "says"), [(b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe", "UTF-8"), (b"x" * 70_000, "64 kB")]
)
def test_a_file_that_holds_no_secret_is_refused_with_the_reason(tmp_path: Path, content: bytes, says: str) -> None:
    """A half-written or wrong file must not become an empty password."""
    owned(tmp_path / "erp", "").write_bytes(content)

    with pytest.raises(ConfigurationError) as refused:
        local_secret("file:erp", tmp_path)

    assert says in str(refused.value)


@guarantees("P10.rotation")
async def test_a_file_is_read_again_once_it_was_replaced(tmp_path: Path) -> None:
    """Rotation is a file put in the place of another; nobody restarts anything."""
    source = secret_source("file:erp", root=tmp_path)
    owned(tmp_path / "erp", "first\n")
    assert await source.current() == "first"

    owned(tmp_path / "new", "second\n").replace(tmp_path / "erp")

    assert await source.current() == "second"


@guarantees("P10.rotation")
async def test_a_refused_file_is_read_again_whatever_its_times_say(tmp_path: Path) -> None:
    """A file system with coarse times may show a changed file as unchanged."""
    source = secret_source("file:erp", root=tmp_path)
    path = owned(tmp_path / "erp", "first")
    before = path.stat()
    assert await source.current() == "first"
    with path.open("r+", encoding="utf-8") as file:
        file.write("other")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert await source.after_refusal("first") == "other"


@guarantees("P10.rotation")
async def test_a_file_that_went_away_is_named(tmp_path: Path) -> None:
    """What was read before is not used on: its owner took it away."""
    source = secret_source("file:erp", root=tmp_path)
    path = owned(tmp_path / "erp", "first")
    await source.current()
    path.unlink()

    with pytest.raises(ConfigurationError) as refused:
        await source.current()

    assert "erp" in str(refused.value.facts["reason"])


@guarantees("input.clear_errors")
async def test_an_unset_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name helps; the value of any other variable would not."""
    source = secret_source("env:ERP_MCP_NO_SUCH_VARIABLE", root=tmp_path)
    with pytest.raises(ConfigurationError) as refused:
        await source.current()
    assert "ERP_MCP_NO_SUCH_VARIABLE" in str(refused.value)

    monkeypatch.setenv("ERP_MCP_NO_SUCH_VARIABLE", "now")
    assert await source.current() == await source.after_refusal("before") == "now"


@guarantees("P10.rotation")
async def test_a_keyring_entry_is_kept_a_minute_and_looked_up_again_after_a_refusal(
    tmp_path: Path, entries: Entries
) -> None:
    """Asking a keyring may ask its user; not before each request, but at once when the secret was refused."""
    ticks = Ticks()
    keeping.keep("keyring:north/erp", "first", tmp_path)
    source = secret_source("keyring:north/erp", root=tmp_path, timing=still(ticks))
    assert await source.current() == "first"
    entries.entries["erp-mcp", "north/erp"] = "second"

    assert await source.current() == "first"
    assert await source.after_refusal("first") == "second"
    entries.entries["erp-mcp", "north/erp"] = "third"
    ticks.now += 61
    assert await source.current() == "third"


@guarantees("P8.secrets_stay", "input.clear_errors")
async def test_a_keyring_that_is_locked_or_lacks_the_entry_says_so(tmp_path: Path, entries: Entries) -> None:
    """Locked passes by itself, a missing entry does not; neither repeats what the keyring said."""
    source = secret_source("keyring:north/erp", root=tmp_path)
    with pytest.raises(ConfigurationError) as missing:
        await source.current()
    entries.locked = True
    with pytest.raises(SecretUnavailableError) as locked:
        await source.current()

    assert "secrets set" in str(missing.value)
    assert "canary" not in str(locked.value)
    for change in (lambda: keeping.keep("keyring:x", "y", tmp_path), lambda: keeping.take_away("keyring:x", tmp_path)):
        with pytest.raises(SecretUnavailableError):
            change()


@guarantees("input.clear_errors")
def test_a_machine_without_a_keyring_says_what_to_use_instead(tmp_path: Path) -> None:
    """Servers have none; the message names the way out instead of a traceback."""
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    try:
        with pytest.raises(ConfigurationError) as refused:
            local_secret("keyring:erp", tmp_path)
        assert "file:PATH" in str(refused.value)
        assert keeping.new_reference("erp", "north") == "file:secrets/erp"
    finally:
        keyring.set_keyring(before)


@guarantees("P10.rotation")
def test_a_keyring_is_the_first_choice_where_there_is_one(entries: Entries) -> None:
    """The operating system protects it better than a file."""
    assert keeping.new_reference("erp_write", "north") == "keyring:north/erp_write"
    assert not entries.entries


@guarantees("P10.rotation")
def test_what_is_kept_can_be_read_by_its_owner_alone_and_taken_away(tmp_path: Path, entries: Entries) -> None:
    """Both places are written, replaced and emptied in the same words."""
    for reference in ("file:secrets/erp", "keyring:erp"):
        for secret in ("first", "second"):
            keeping.keep(reference, f"{secret}\n", tmp_path)
            assert local_secret(reference, tmp_path) == secret
        assert keeping.take_away(reference, tmp_path)
        assert not keeping.take_away(reference, tmp_path)
    assert not entries.entries
    assert list((tmp_path / "secrets").iterdir()) == []
    keeping.keep("file:secrets/erp", "x", tmp_path)
    assert (tmp_path / "secrets" / "erp").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


@guarantees("input.clear_errors")
@pytest.mark.parametrize(
    ("reference", "secret"),
    [("env:X", "s"), ("vault:kv/a#b", "s"), ("file:x", " \n"), ("canary-1", "s"), ("file:d/x", "s")],
)
def test_what_can_t_be_stored_is_refused(tmp_path: Path, reference: str, secret: str) -> None:
    """A vault and the environment are filled by others; an empty secret and a blocked path are mistakes."""
    (tmp_path / "d").write_text("a file where a folder should be", encoding="utf-8")

    with pytest.raises(ConfigurationError) as refused:
        keeping.keep(reference, secret, tmp_path)

    assert "canary-1" not in str(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d"]
