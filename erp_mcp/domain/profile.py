"""How one product's data becomes canonical records: a system profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from erp_mcp.domain.call import JsonValue

Verified = Literal["live", "protocol", "documentation", ""]
IdentityRuleName = Literal["same", "pad_left", "strip_prefix", "add_prefix", "table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRule:
    """How a local id of an entity becomes its canonical id."""

    rule: IdentityRuleName = "same"
    width: int = 0
    prefix: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Identity rules per entity, native to canonical codes per `entity.field`, and the kind's own mappings.

    `head` is what stands under the key named like the kind, as the kind reads it. `units` maps the product's unit codes
    to UN/ECE Recommendation 20. `verified` says how far the mapping was tried: against the product itself, against a
    server of its protocol, or from documentation; empty where its author does not say. `declaration` names what an
    operator has to declare before the system is opened at all, empty for none. `touches` names the entities of which
    an operation can change anything in this system; one that is not in it may change everything.
    """

    name: str
    version: int
    kind: str
    level: int
    zone: str
    identity: Mapping[str, IdentityRule]
    states: Mapping[str, Mapping[str, str]]
    entities: Mapping[str, Mapping[str, JsonValue]] = field(default_factory=dict)
    commands: Mapping[str, JsonValue] = field(default_factory=dict)  # as the implementation that writes reads them
    touches: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    commands_via: str = ""  # which implementation writes: the profile's own kind where empty
    head: Mapping[str, JsonValue] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    verified: Verified = ""
    declaration: str = ""
