"""What a test of an adapter written elsewhere says about the system behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from erp_mcp.domain.entities import Record
from erp_mcp.ports import Adapter, Clock

Fault = Literal["none", "down", "slow", "nonsense"]


class ContractSource(Protocol):
    """The system behind the adapter under test, as a test moves it.

    `entity` is the one the tests change; it holds more than two pages of records at the start. Let what it
    offers show what can go wrong: a quantity of six decimals, an instant that the system keeps in another zone.
    `expected` says what the system holds now without asking the adapter; `as_of` and `version_token` of its records do
    not count. `edit`, `add` and `delete` change one record and return its source key; `add` and `delete` take another
    one each time. `fault` breaks the system for every later request, or mends it; what is `slow` is to be given up
    within 15 seconds, so open the adapter with a short time limit. `secrets` are texts that must never come out:
    passwords, and the text of the system's own messages.
    """

    @property
    def adapter(self) -> Adapter:
        """The adapter under test, open."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock the adapter was opened with."""
        ...

    @property
    def entity(self) -> str:
        """The entity that the tests change."""
        ...

    @property
    def page_rows(self) -> int:
        """The page size the adapter was opened with; small, so that there are several pages."""
        ...

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must not be in any error or probe."""
        ...

    def expected(self, entity: str) -> Mapping[str, Record]:
        """Return what the system holds now, by source key."""
        ...

    def edit(self) -> str:
        """Change an existing record of `entity`."""
        ...

    def add(self) -> str:
        """Add another record to `entity`."""
        ...

    def delete(self) -> str:
        """Delete another record of `entity`."""
        ...

    def fault(self, how: Fault) -> None:
        """Break the system, or mend it with `none`."""
        ...
