"""What the rigs of databases have in common: a server whose files are all ours, described in a state directory."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Generic, Self, TypeVar

from tests.needs import missing
from tests.systems import processes

DESCRIPTION: Final = "rig.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server: where it listens, and who may do everything on it. `directory` holds all its files."""

    host: str
    port: int
    user: str
    password: str
    version: str
    directory: str

    @classmethod
    def load(cls, state: Path) -> Self:
        """Return what `start` wrote."""
        return cls(**json.loads((state / DESCRIPTION).read_text(encoding="utf-8")))


_Rig = TypeVar("_Rig", bound=Served)


@dataclass(frozen=True, slots=True, kw_only=True)
class Database(Generic[_Rig]):
    """How the server of one rig is made and ended; each function but `answers` gets the directory of its files.

    Attributes:
        rig: Describes it.
        prefix: What the name of its directory begins with.
        variable: Of the environment: the state directory of one that runs already.
        make: Makes it and starts it.
        answers: Whether one that was described still does.
        pids: The ids of its processes.
        end: Ends its processes, where there are any.
    """

    rig: type[_Rig]
    prefix: str
    variable: str
    make: Callable[[Path], _Rig]
    answers: Callable[[_Rig], bool]
    pids: Callable[[Path], Sequence[str]]
    end: Callable[[Path], None]

    @contextlib.contextmanager
    def running(self, state: Path, *, installed: Callable[[], bool], lacks: str) -> Iterator[_Rig]:
        """Yield the rig that the environment names, or one of our own in `state`; skips where it is not installed."""
        if named := os.environ.get(self.variable):
            yield self.rig.load(Path(named))
            return
        if not installed():
            missing(lacks)
        try:
            yield self.start(state)
        finally:
            self.stop(state)

    def start(self, state: Path) -> _Rig:
        """Make a server and describe it in `state`; one that runs there already is kept."""
        state.mkdir(parents=True, exist_ok=True)
        if (state / DESCRIPTION).exists():
            rig = self.rig.load(state)
            if self.answers(rig):
                return rig
            self.stop(state)
        directory = Path(tempfile.mkdtemp(prefix=self.prefix))
        try:
            rig = self.make(directory)
        except BaseException:
            self._remove(directory)
            raise
        (state / "pid").write_text("\n".join(self.pids(directory)) + "\n", encoding="ascii")
        processes.describe(state / DESCRIPTION, json.dumps(asdict(rig), indent=1))
        return rig

    def stop(self, state: Path) -> None:
        """End the server and remove its files; what is stopped already is left alone."""
        if not (state / DESCRIPTION).exists():
            return
        self._remove(Path(self.rig.load(state).directory))
        for name in (DESCRIPTION, "pid"):
            (state / name).unlink(missing_ok=True)

    def _remove(self, directory: Path) -> None:
        self.end(directory)
        shutil.rmtree(directory, ignore_errors=True)
