"""The worker: the one process with write credentials; it commits what people approved and reads back what is unknown.

Any number of workers share one deployment: leases with fences see to it that each proposal is in one hand at a time.
"""

from __future__ import annotations

from erp_mcp.worker.loop import Told, work_on, work_once
from erp_mcp.worker.words import as_json, in_words

__all__ = ["Told", "as_json", "in_words", "work_on", "work_once"]
