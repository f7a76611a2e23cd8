"""Replaces the configuration of a deployment by an edited one: tried first, with a backup, all or nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from erp_mcp.errors import ConfigurationError


def text_of(file: Path) -> str:
    """Return the text of the configuration, with its line ends as they are."""
    with file.open(encoding="utf-8", newline="") as opened:
        return opened.read()


def edited(text: str, edit: Callable[[str], str]) -> str:
    """Return an edited text with the line ends that it had; `edit` sees plain ones."""
    done = edit(text.replace("\r\n", "\n"))
    return done.replace("\n", "\r\n") if "\r\n" in text else done


@contextmanager
def trying(file: Path, text: str) -> Iterator[Path]:
    """Give a file beside the configuration with the new text, owner-only; it is gone at the end.

    Raises:
        ConfigurationError: `settings.bad_configuration`, when it can't be written; errors in it are told of the real
            file, without a line, since nobody ever saw this one.
    """
    trial = file.with_name(f".{file.name}.{os.getpid()}.new")
    try:
        handle = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            out.write(text)
        yield trial
    except OSError as failure:
        reason = f"can't be written: {failure.strerror or type(failure).__name__}"
        raise ConfigurationError(file=file.name, key="", reason=reason) from failure
    except ConfigurationError as error:
        if error.facts.get("file") != trial.name:
            raise
        facts = {**error.facts, "file": file.name, "line": 0}
        raise ConfigurationError(**facts) from error
    finally:
        trial.unlink(missing_ok=True)


def put(file: Path, trial: Path, was: str) -> Path:
    """Put the new file in the place of the old one, which stays as a backup.

    Args:
        file: The configuration.
        trial: What `trying` gave.
        was: The text that was edited.

    Returns:
        The backup.

    Raises:
        ConfigurationError: `settings.bad_configuration`: somebody else changed the file meanwhile; it stays theirs.
    """
    if text_of(file) != was:
        raise ConfigurationError(file=file.name, key="", reason="was changed meanwhile; look at it and try again")
    backup = file.with_name(f"{file.name}.bak")
    shutil.copy2(file, backup)
    shutil.copymode(file, trial)
    trial.replace(file)
    return backup
