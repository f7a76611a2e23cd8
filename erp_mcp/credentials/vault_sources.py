"""Secrets that a vault keeps or makes: fields of its key-value store, users of its database engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from erp_mcp.credentials.endpoint import Json, Reply
from erp_mcp.credentials.refreshing import Fetched, Refreshing, Timing
from erp_mcp.credentials.user_secret import UserSecret
from erp_mcp.credentials.vault import KEPT, Vault, refused, seconds
from erp_mcp.errors import ConfigurationError, SecretUnavailableError

_OK: Final = 200
_NOT_FOUND: Final = 404
_REFUSED_AGAIN_S: Final = 10.0
_NEW_USER_BELOW: Final = 0.5  # of the first lease: one that can't be renewed for longer is about to reach its last end


class FieldSource:
    """One field of a secret in a key-value store of version 1 or 2; which one it is, the vault says."""

    def __init__(self, vault: Vault, path: str, field: str, timing: Timing) -> None:
        """Read nothing yet; `path` starts with the mount."""
        self._vault = vault
        self._path = path
        self._field = field
        self._place = ""
        self._kept: Refreshing[str] = Refreshing(self._fetched, timing)
        self._look = Look(self._kept, timing)

    async def current(self) -> str:
        """Return the field.

        Raises:
            SecretUnavailableError: `credentials.unavailable`, when the vault gives none and none is kept that may still
            be used. ConfigurationError: `settings.bad_configuration`, when it is not there or we may not read it.
        """
        return await self._kept.current()

    async def after_refusal(self, refused: str) -> str:
        """Return the field as the vault has it now; raises as `current`."""
        return await self._look.again(refused)

    async def _fetched(self) -> Fetched[str]:
        reply = await self._vault.ask("GET", await self._where())
        found = _data(reply)
        if self._place != self._path:
            found = _mapping(found.get("data"))
        value = found.get(self._field)
        if reply.status == _NOT_FOUND or not found:
            self._place = ""  # a store that was made anew may be of the other version
            raise refused(f"the vault has nothing at {self._path}")
        if not isinstance(value, str) or not value:
            raise refused(f"the vault has no text field {self._field} at {self._path}")
        settings = self._vault.settings
        good_s = min(seconds(reply.content.get("lease_duration")) or settings.refresh_s, float(settings.refresh_s))
        return Fetched(value=value, good_s=good_s, stale_s=float(settings.stale_s))

    async def _where(self) -> str:
        """Return the path to be read, `data/` put after the mount where its version is 2."""
        if not self._place:
            found = await self._vault.mount_of(self._path)
            mount, options = found.get("path"), _mapping(found.get("options"))
            if isinstance(mount, str) and options.get("version") == "2" and self._path.startswith(mount):
                self._place = f"{mount}data/{self._path.removeprefix(mount)}"
            else:
                self._place = self._path
        return self._place


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lease:
    user: UserSecret
    lease_id: str
    first_s: float
    renewable: bool
    token_serial: int


class DatabaseSource:
    """Users that the vault makes in a database, each for the time of a lease that is renewed while it can be."""

    def __init__(self, vault: Vault, role: str, timing: Timing) -> None:
        """Ask for nothing yet; `role` is a role's name, after `MOUNT/` where that is not `database`."""
        mount, _, name = role.rpartition("/")
        self._vault = vault
        self._path = f"{mount or 'database'}/creds/{name}"
        self._held: _Lease | None = None
        self._kept: Refreshing[str] = Refreshing(self._fetched, timing)
        self._look = Look(self._kept, timing)

    async def current(self) -> str:
        """Return the password of the present user, a `UserSecret`; as `FieldSource.current`, but never used stale."""
        held = self._held
        if held is not None and not await self._lasts(held):
            return await self._kept.renewed(held.user)
        return await self._kept.current()

    async def after_refusal(self, refused: str) -> str:
        """Return the password of another user, made now."""
        if self._held is not None and self._held.user == refused:
            self._held = None
        return await self._look.again(refused)

    async def _fetched(self) -> Fetched[str]:
        held = self._held
        can_renew = held is not None and held.renewable and await self._lasts(held)
        lease = await self._renewed(held) if held is not None and can_renew else None
        if lease is None:
            lease = await self._made()
        self._held = lease[0]
        return Fetched(value=lease[0].user, good_s=lease[1])

    async def _lasts(self, held: _Lease) -> bool:
        """Say whether the token that a user was made under is still in use: the user goes with it."""
        return held.token_serial == (await self._vault.token()).serial

    async def _renewed(self, held: _Lease) -> tuple[_Lease, float] | None:
        """Return the lease for longer, `None` when it nears its last end, is gone, or can't be renewed now."""
        content: Mapping[str, Json] = {"lease_id": held.lease_id, "increment": int(held.first_s)}
        try:
            reply = await self._vault.ask("POST", "sys/leases/renew", content)
        except (SecretUnavailableError, ConfigurationError):
            return None
        left_s = seconds(reply.content.get("lease_duration"))
        if reply.status != _OK or left_s < _NEW_USER_BELOW * held.first_s:
            return None
        return held, left_s

    async def _made(self) -> tuple[_Lease, float]:
        serial = (await self._vault.token()).serial  # before: one that changes meanwhile must not seem to be ours
        reply = await self._vault.ask("GET", self._path)
        found, content = _data(reply), reply.content
        user, password = found.get("username"), found.get("password")
        if reply.status != _OK:
            raise refused(f"the vault makes no user at {self._path}")
        lease_id, good_s = content.get("lease_id"), seconds(content.get("lease_duration"))
        if not (isinstance(user, str) and isinstance(password, str) and isinstance(lease_id, str)) or not good_s:
            raise SecretUnavailableError(system="vault", kept=KEPT, reason="not an answer with a user")
        renewable = content.get("renewable") is True
        lease = _Lease(
            user=UserSecret(user, password),
            lease_id=lease_id,
            first_s=good_s,
            renewable=renewable,
            token_serial=serial,
        )
        return lease, good_s


class Look:
    """Looks again after a refusal, but not again and again for a secret that is simply wrong."""

    def __init__(self, kept: Refreshing[str], timing: Timing) -> None:
        """Nothing was refused yet."""
        self._kept = kept
        self._timing = timing
        self._refused = ""
        self._refused_at = 0.0

    async def again(self, refused: str) -> str:
        """Return what is there now, from the source unless it was asked about the same secret a moment ago."""
        now = self._timing.monotonic()
        if refused == self._refused and now - self._refused_at < _REFUSED_AGAIN_S:
            return await self._kept.current()
        found = await self._kept.renewed(refused)
        if found == refused:
            self._refused, self._refused_at = refused, now
        return found


def _data(reply: Reply) -> Mapping[str, Json]:
    return _mapping(reply.content.get("data"))


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}
