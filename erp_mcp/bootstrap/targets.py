"""What an approver signs of a system that takes writes: where it is and how it is written to."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from erp_mcp.settings import Settings, SystemSettings

if TYPE_CHECKING:
    from erp_mcp.domain.profile import Profile

_TARGET_DOMAIN: Final = b"erp-mcp/target/v1\n"
_FREE: Final = frozenset({"secret", "timeout_s", "page_rows", "write"})  # may be changed without anybody's leave


def target_of(settings: Settings, system: SystemSettings, profile: Profile) -> str:
    """Return the digest of where a system is, how it is read and written to, and by which clock it is judged.

    Secrets are left out, and so are time-outs; of `write:` the account counts.
    """
    told = {name: value for name, value in asdict(system).items() if name not in _FREE}
    clock = [settings.environment, settings.zone, settings.clock]
    account = system.write.account if system.write is not None else ""
    whole = {"system": told, "account": account, "clock": clock, "profile": asdict(profile)}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"))  # profiles hold what canonical JSON has no form for
    return hashlib.sha256(_TARGET_DOMAIN + text.encode()).hexdigest()
