"""Puts the entry that starts us into a client's configuration, takes it out again, and finds those that are there.

A file is edited as text (see `jsonc`), kept beside itself under a time stamp, and replaced as a whole.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, pairwise
from pathlib import Path, PurePath
from typing import Final

from erp_mcp.administration import jsonc
from erp_mcp.administration.clients import CLIENTS, Client, Machine, packaged, places
from erp_mcp.domain.call import JsonValue
from erp_mcp.errors import ClientFileError

_MAX_BYTES: Final = 64 * 2**20
_OURS: Final = re.compile(r"erp-mcp(-gateway)?([@=].*)?").fullmatch  # as installed, or as uvx runs it


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What would be done to a client's file; `before` is `None` where there is none yet.

    `entry` is what stands there afterwards, empty when it is taken out. Nothing is to do where both texts are equal.
    """

    client: Client
    file: Path
    name: str
    entry: dict[str, JsonValue]
    before: str | None
    after: str

    @property
    def needed(self) -> bool:
        """Whether the file would change."""
        return (self.before or "") != self.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One entry of a client's configuration that starts us, or a file that can't be read (`problem`)."""

    client: Client
    file: Path
    name: str = ""
    command: tuple[str, ...] = ()
    problem: str = ""

    def option(self, name: str) -> str:
        """Return the value of an option of `serve`, empty where it is not given."""
        for index, word in enumerate(self.command):
            if word == name:
                return self.command[index + 1] if index + 1 < len(self.command) else ""
            if word.startswith(f"{name}="):
                return word.partition("=")[2]
        return ""


def file_of(client: Client, machine: Machine) -> Path:
    """Return the file that counts for a client on a machine.

    Raises:
        ClientFileError: `settings.bad_client_file`: several packaged apps are installed, and none or several of them
            have a configuration.
    """
    found = packaged(machine) if client.name == "claude-desktop" else ()
    if len(found) > 1:
        there = [one for one in places(client, machine)[: len(found)] if one.is_file()]
        if len(there) != 1:
            raise ClientFileError(file=str(found[0]), reason="several installations; name one file: --file FILE")
        return there[0]
    return places(client, machine)[0]


def installed(client: Client, file: Path, name: str, command: Sequence[str]) -> Change:
    """Return the change that lets a client start a command; what else the entry says stays.

    Raises:
        ClientFileError: `settings.bad_client_file`: the file can't be read or edited, or the name stands for another
            server.
    """
    before = _text_of(file)
    entry, text = client.entry(command), before or ""
    was = _entry_of(client, file, text, name)
    if was is not None and not is_ours(was):
        raise ClientFileError(file=str(file), reason=f"{name!r} is another server there; choose a name: --name NAME")
    wanted: dict[tuple[str, ...], JsonValue] = {(client.section, name): entry}
    if was is not None:
        wanted = {(client.section, name, key): value for key, value in entry.items() if was.get(key) != value}
    try:
        for path, value in wanted.items():
            text = jsonc.put(text, path, value)
    except jsonc.NotJsonError as error:
        raise _refused(file, error) from error
    return Change(client=client, file=file, name=name, entry={**(was or {}), **entry}, before=before, after=text)


def removed(client: Client, file: Path, name: str) -> Change:
    """Return the change that takes our entry out; nothing else, and no other server's.

    Raises:
        ClientFileError: `settings.bad_client_file`, as `installed`.
    """
    before = _text_of(file)
    was = _entry_of(client, file, before or "", name)
    if was is not None and not is_ours(was):
        raise ClientFileError(file=str(file), reason=f"{name!r} is another server there; it stays")
    try:
        after = jsonc.remove(before, (client.section, name)) if before and was is not None else before or ""
    except jsonc.NotJsonError as error:
        raise _refused(file, error) from error
    return Change(client=client, file=file, name=name, entry={}, before=before, after=after)


def carry_out(change: Change, now: datetime) -> Path | None:
    """Write a change; the file as it was stays beside it.

    Args:
        change: What is to be done.
        now: For the name of the backup.

    Returns:
        The backup, `None` where there was no file.

    Raises:
        ClientFileError: `settings.bad_client_file`: it can't be written, or somebody else changed it meanwhile.
    """
    file = change.file.resolve()  # a link to it stays a link
    trial = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _write(trial, change.after)
        if _text_of(file) != change.before:
            raise ClientFileError(file=str(file), reason="was changed meanwhile; look at it and try again")
        backup = None
        if change.before is not None:
            backup = _free(file, now)
            shutil.copy2(file, backup)
            shutil.copymode(file, trial)
        trial.replace(file)
    except OSError as failure:
        reason = f"can't be written: {failure.strerror or type(failure).__name__}"
        raise ClientFileError(file=str(file), reason=reason) from failure
    finally:
        trial.unlink(missing_ok=True)
    return backup


def entries(machine: Machine) -> Iterator[Found]:
    """Yield every entry of this account's clients that starts us, and each file that can't be read."""
    for client in CLIENTS.values():
        for file in places(client, machine):
            yield from _ours_in(client, file)


def _ours_in(client: Client, file: Path) -> Iterator[Found]:
    try:
        section = _section_of(client, file, _text_of(file) or "")
    except ClientFileError as error:
        yield Found(client=client, file=file, problem=str(error.facts.get("reason", "")))
        return
    for name, entry in section.items():
        if isinstance(entry, dict) and is_ours(entry):
            yield Found(client=client, file=file, name=name, command=_command(entry))


def is_ours(entry: dict[str, JsonValue]) -> bool:
    """Whether an entry starts `erp-mcp serve`, wherever it is installed."""
    command = _command(entry)
    if "serve" not in command:
        return False
    before = command[: command.index("serve")]
    called = [PurePath(word.replace("\\", "/")).name.lower().removesuffix(".exe") for word in before]
    return any(map(_OURS, called)) or any(pair == ("-m", "erp_mcp") for pair in pairwise(before))


def _command(entry: dict[str, JsonValue]) -> tuple[str, ...]:
    arguments = entry.get("args")
    given = arguments if isinstance(arguments, list) else []
    return (str(entry.get("command", "")), *(str(one) for one in given))


def _entry_of(client: Client, file: Path, text: str, name: str) -> dict[str, JsonValue] | None:
    section = _section_of(client, file, text)
    if name not in section:
        return None
    entry = section[name]
    return entry if isinstance(entry, dict) else {}


def _section_of(client: Client, file: Path, text: str) -> dict[str, JsonValue]:
    if not text.strip(" \t\r\n\ufeff"):
        return {}
    data = _data_of(client, file, text)
    section = data.get(client.section) if isinstance(data, dict) else None
    return section if isinstance(section, dict) else {}


def _data_of(client: Client, file: Path, text: str) -> JsonValue:
    try:
        strict: JsonValue = json.loads(text)
    except (ValueError, RecursionError):  # comments, a byte-order mark, or no JSON
        pass
    else:
        return strict
    try:
        parsed = jsonc.parse(text)
    except jsonc.NotJsonError as error:
        raise _refused(file, error) from error
    if client.strict and parsed.relaxed_line:
        reason = f"a comment or a comma too many, which {client.title} does not read"
        raise ClientFileError(file=str(file), line=parsed.relaxed_line, reason=reason)
    return parsed.root.data


def _text_of(file: Path) -> str | None:
    """Return a file with its line ends as they are, `None` where there is none."""
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe or a device would never end
            raise ClientFileError(file=str(file), reason="is no file")
        if found.st_size > _MAX_BYTES:
            raise ClientFileError(file=str(file), reason="is too large for a configuration")
        return file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as failure:
        raise ClientFileError(file=str(file), reason="is not UTF-8") from failure
    except OSError as failure:
        reason = f"can't be read: {failure.strerror or type(failure).__name__}"
        raise ClientFileError(file=str(file), reason=reason) from failure


def _write(trial: Path, text: str) -> None:
    """Write a new file that only its owner reads: entries of other servers may hold their secrets."""
    trial.unlink(missing_ok=True)
    handle = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(text.encode("utf-8"))
        out.flush()
        os.fsync(out.fileno())


def _free(file: Path, now: datetime) -> Path:
    stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    names = (f"{file.name}.{stamp}{f'-{number}' if number > 1 else ''}.bak" for number in count(1))
    return next(path for path in map(file.with_name, names) if not path.exists())


def _refused(file: Path, error: jsonc.NotJsonError) -> ClientFileError:
    return ClientFileError(file=str(file), line=error.line, reason=error.reason)
