"""What a system says of itself when it is looked at closely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityBinding:
    """How much of one canonical entity the system really has.

    Names are canonical fields. `mandatory` ones that are missing refuse the system; `missing` optional ones are gaps.
    """

    entity: str
    bound: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    mandatory: tuple[str, ...] = ()
    source: str = ""  # what it is read from: an entity set, a path, a view


@dataclass(frozen=True, slots=True, kw_only=True)
class Introspection:
    """What was found by looking, without writing anything.

    `excess` names rights that the account that reads has and does not need (what it could write); empty is right.
    `revoke` says what takes them away: statements for whoever administers the system, where they are known.
    `rights_seen` is false where the system does not tell what an account may do: then empty says nothing.
    `told` is what else a person wants to know: paging, page limit, rate limits, replica lag.
    """

    entities: tuple[EntityBinding, ...] = ()
    excess: tuple[str, ...] = ()
    revoke: tuple[str, ...] = ()
    rights_seen: bool = True
    told: Mapping[str, str] = field(default_factory=dict)

    @property
    def usable(self) -> bool:
        """Whether every mandatory field is there and the account can do no more than it needs."""
        return not self.excess and not any(one.mandatory for one in self.entities)
