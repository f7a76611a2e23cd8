"""Secrets by reference, and identities made of them; nothing here is kept longer than it is needed.

`sources.secret_source` makes a source of a reference, `identities.identity_of` an identity of the settings of a system.
"""

from __future__ import annotations

from erp_mcp.credentials.identity import Identity
from erp_mcp.credentials.user_secret import UserSecret, account_of

__all__ = ["Identity", "UserSecret", "account_of"]
