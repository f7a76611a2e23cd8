"""Refuses accounts that can do more than they need, by what adapters and commands of third parties say of them.

Our own kinds look at rights themselves, where their systems tell them, on each connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from erp_mcp.bootstrap.checked_adapter import checked
from erp_mcp.errors import AccountTooPowerfulError
from erp_mcp.ports import Adapter, Commands, Introspects

LOOK_AGAIN_S: Final = 900.0  # as long as what was seen of an account holds
_NAMED: Final = 8  # rights in an error; `systems probe` shows more
_MAX_NAME: Final = 120
_MAX_STATEMENT: Final = 500


class RightsCheck:
    """Whether an account can do no more than it needs; looked at before its first use and from time to time."""

    def __init__(self, system: str, looks: Introspects, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Take the system's name and what tells of its rights; nothing is asked yet."""
        self._system = system
        self._looks = looks
        self._monotonic = monotonic
        self._good_until: float | None = None

    async def check(self) -> None:
        """Refuse the account that can do more than it needs.

        Raises:
            AccountTooPowerfulError: `adapter.account_too_powerful`; otherwise as `ports.Introspects.introspect`.
        """
        if self._good_until is not None and self._monotonic() < self._good_until:
            return
        self._good_until = None
        found = await self._looks.introspect()
        if found.excess:
            raise AccountTooPowerfulError(
                system=self._system, rights=_tamed(found.excess, _MAX_NAME), revoke=_shown(found.revoke)
            )
        self._good_until = self._monotonic() + LOOK_AGAIN_S


def least_rights(adapter: Adapter) -> Adapter:
    """Return the adapter behind a check of its account, where it can say what that account may do.

    `probe` and `introspect` answer all the same, since they are how a person finds out.
    """
    if not isinstance(adapter, Introspects):
        return adapter
    return checked(adapter, RightsCheck(adapter.system, adapter).check, looks_unchecked=True)


class WritingRights:
    """The same of the accounts that write, each looked at before what is sent with it."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Nothing is known yet."""
        self._monotonic = monotonic
        self._seen: dict[str, tuple[Commands, RightsCheck]] = {}

    async def check(self, commands: Commands) -> None:
        """Refuse the account of a port that says that it can do more than it needs; others are not asked.

        Raises:
            AccountTooPowerfulError: `adapter.account_too_powerful`; otherwise as `ports.Introspects.introspect`.
        """
        looks: object = commands
        if not isinstance(looks, Introspects):
            return
        known = self._seen.get(commands.system)
        if known is None or known[0] is not commands:
            known = (commands, RightsCheck(commands.system, looks, monotonic=self._monotonic))
            self._seen[commands.system] = known
        await known[1].check()


def _tamed(names: Sequence[str], most: int) -> tuple[str, ...]:
    """Return names fit to be shown: nobody vouches for what is in them."""
    return tuple("".join(sign if sign.isprintable() else "?" for sign in name)[:most] for name in names[:_NAMED])


def _shown(statements: Sequence[str]) -> tuple[str, ...]:
    """Return what can be shown exactly: a changed statement would be another one."""
    return tuple(text for text in statements[:_NAMED] if len(text) <= _MAX_STATEMENT and text.isprintable())
