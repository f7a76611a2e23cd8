"""Where a pass over one entity stands, as kept beside its rows: the adapter's watermark and what it belongs to."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass

from erp_mcp.domain.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """`mapping` and `identity` are digests of the profile: when one differs, everything is read again.

    `done` says that the pass has ended, `snapshot` that it names every live record. `watermark` is the adapter's.
    """

    mapping: str
    identity: str
    pass_id: str
    snapshot: bool
    done: bool
    watermark: str

    @property
    def text(self) -> str:
        """Compact JSON, the form in which it is stored."""
        return json.dumps([1, *dataclasses.astuple(self)], separators=(",", ":"))


def parse_cursor(text: str) -> Cursor | None:
    """Return a stored cursor, or `None` for an empty one or one of another version: the pass starts anew."""
    try:
        version, mapping, identity, pass_id, snapshot, done, watermark = json.loads(text)
    except (ValueError, TypeError):
        return None
    if version != 1:
        return None
    return Cursor(
        mapping=str(mapping),
        identity=str(identity),
        pass_id=str(pass_id),
        snapshot=bool(snapshot),
        done=bool(done),
        watermark=str(watermark),
    )


def mapping_digest(profile: Profile, entity: str) -> str:
    """Return a digest of how a profile maps one entity; a raised `version` alone makes another one."""
    states = {name: dict(codes) for name, codes in profile.states.items() if name.startswith(f"{entity}.")}
    common = [profile.kind, profile.version, profile.head, profile.units]
    return _digest([*common, profile.entities.get(entity, {}), states])


def identity_digest(profile: Profile) -> str:
    """Return a digest of a profile's identity rules."""
    return _digest({entity: dataclasses.asdict(rule) for entity, rule in profile.identity.items()})


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=dict)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
