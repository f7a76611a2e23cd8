"""The one way out to other hosts, for adapters and credentials alike.

Names are imported when they are first used: what only counts traffic needs no HTTP.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from erp_mcp.egress.origin import Origin
    from erp_mcp.egress.transport import Egress, certainly_not_sent
    from erp_mcp.egress.wire import NO_CONNECTION, NO_TRUST, Answer, EgressLimits, Method

_MODULES: Final = {
    "NO_CONNECTION": "wire",
    "NO_TRUST": "wire",
    "Answer": "wire",
    "Egress": "transport",
    "EgressLimits": "wire",
    "Method": "wire",
    "Origin": "origin",
    "certainly_not_sent": "transport",
}

__all__ = [
    "NO_CONNECTION",
    "NO_TRUST",
    "Answer",
    "Egress",
    "EgressLimits",
    "Method",
    "Origin",
    "certainly_not_sent",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
