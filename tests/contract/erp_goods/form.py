"""What the contract of commands is tried with, for one operation of the demo ERP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from erp_mcp.domain.call import JsonValue

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A command without its reference. `key` and `version` are those of a record that changes, empty for a new one."""

    fields: Mapping[str, JsonValue]
    key: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goods:
    """How commands of one operation are made.

    Attributes:
        records: A SELECT on the untouched ERP. A command that changes a record is made of one row each, so there must
            be many (about a hundred); one that makes a record is made of the first.
        good: Make a command of a row and a number that is another each time.
        wrong: Fields that take the place of others so that the ERP's own rules refuse.
        touch: A statement with one parameter, the key: what somebody at the ERP does to the record, so that its
            version moves. Empty for what makes a record.
        each: Whether a command that makes a record uses one row of `records` up, so that each needs another.
        before: A statement that is run once on the copy, where the plant has too few records to change.
    """

    records: str
    good: Callable[[Row, int], Made]
    wrong: Mapping[str, JsonValue] = field(default_factory=dict)
    touch: str = ""
    before: str = ""
    each: bool = False
