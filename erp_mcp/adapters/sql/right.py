"""One right of an account beside reading."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """What an account may do, by name, and what takes it away.

    `revoke` is a statement for whoever administers the database, several joined by `; `; empty where none is known.
    `everywhere` marks a right that a replica does not stop either: it reaches beyond the tables. `everybody` marks one
    that the server itself gives to everybody, and that touches no data: it is told and refuses nobody.
    """

    name: str
    revoke: str = ""
    everywhere: bool = False
    everybody: bool = False


def once(found: Iterable[Right]) -> tuple[Right, ...]:
    """Return each right once, with all statements that it takes: it may have come by several ways.

    What everybody may stays apart from the same right that was given to the account: the two are judged differently.
    """
    ways: dict[tuple[str, bool], list[Right]] = {}
    for right in found:
        ways.setdefault((right.name, right.everybody), []).append(right)
    return tuple(
        Right(
            name=name,
            revoke="; ".join(dict.fromkeys(one.revoke for one in same if one.revoke)),
            everywhere=any(one.everywhere for one in same),
            everybody=everybody,
        )
        for (name, everybody), same in ways.items()
    )
