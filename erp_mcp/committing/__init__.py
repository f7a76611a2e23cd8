"""Commits approved proposals: one piece of work at a time, in the worker alone.

`committer.Committer` is the way of one proposal from its approval to its end; `signatures` believes no row that is not
signed, `today` asks policy and catalogue once more, `held_back` says what becomes of what can't be sent.
"""

from __future__ import annotations

from erp_mcp.committing.committer import Committer, Done
from erp_mcp.committing.signatures import Signatures

__all__ = ["Committer", "Done", "Signatures"]
