"""What the store asks of a database: sessions that run statements, transactions, locks taken before a look.

Statements are written once, in the SQL that SQLite and PostgreSQL share, with `?` or `:name` for values. Who looks and
then writes takes a lock first, so that nobody comes between; where one writer holds the whole file, these do nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

Values = Sequence[object] | Mapping[str, object]

# Names of locks, in the order in which a transaction takes them: a proposal's row comes before all, `AUDIT` after all.
# Between them, of those it takes: `agent:…`, `SWITCHES`, `approver:…`, `FROZEN`, `glass`, `limit:…`, `approvers`.
# Behind `AUDIT` nothing is waited for, only passed by (`skipping`), so that no two transactions wait for each other.
SWITCHES: Final = "switches"
FROZEN: Final = "frozen"
AUDIT: Final = "audit"


class Rows(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """How many rows were written."""
        ...

    def fetchone(self) -> Any:  # noqa: ANN401 - the database's own values
        """Return the next row, `None` behind the last."""
        ...

    def fetchall(self) -> list[Any]:
        """Return all other rows."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Yield the other rows."""
        ...


class Session(Protocol):
    """A connection as statements see it, inside or outside a transaction.

    `holding` and `skipping` end a SELECT of one table: its rows are then this transaction's until its end. The one
    waits for others who have them, the other leaves such rows out.
    """

    holding: str
    skipping: str

    def execute(self, statement: str, values: Values = ()) -> Rows:
        """Run one statement.

        Raises:
            StateUnavailableError: `state.unavailable`.
        """
        ...

    def executemany(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of some rows; raises as `execute`."""
        ...

    def lock(self, *names: str, shared: bool = False) -> None:
        """Hold names until the transaction ends, alone or with others who share them; raises as `execute`."""
        ...

    def mark(self) -> int | None:
        """Return a number that stays while no other connection writes; `None` where nothing tells."""
        ...


class Engine(Protocol):
    """A database that holds the state of a deployment. Safe for several threads and several processes."""

    def reading(self) -> AbstractContextManager[Session]:
        """Give the session to read with, to one thread at a time.

        Raises:
            StateUnavailableError: `state.unavailable`, for whatever the database says inside the block.
        """
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """Let everything read inside the block be as of one moment, whatever other processes write meanwhile.

        Raises:
            StateUnavailableError: as `reading`.
        """
        ...

    def recording(self) -> AbstractContextManager[Session]:
        """Give a session inside one transaction that survives the death of the process; raises as `writing`."""
        ...

    def writing(self) -> AbstractContextManager[Session]:
        """Give a session inside one transaction that survives power loss: all of it is written or nothing.

        Raises:
            StateUnavailableError: `state.unavailable`, for whatever the database says inside the block, and where a
                newer version of the gateway has renewed it since we opened it; nothing was written, unless its fact
                `outcome` is `unknown`: the connection was lost while it was being confirmed.
        """
        ...

    def close(self) -> None:
        """Let go of the connections; nothing happens the second time."""
        ...
