"""A vault of a few lines: two stores, sign-in by AppRole, users of a database; real ones are in tests/systems."""

from __future__ import annotations

from typing import Any

from tests.unit.credentials.service import Asked, Said

SECRET_ID = "canary-secret-id"


class FakeVault:
    """Answers as OpenBao does, as far as we ask."""

    def __init__(self) -> None:
        self.password: Any = "canary-password"
        self.secret_id = SECRET_ID
        self.tokens: dict[str, int] = {}
        self.token_s = 100
        self.lease_s = 60
        self.renews_for: int | None = None
        self.forbids_renewal = False
        self.status = 0
        self.raw: bytes | None = None
        self.users = 0
        self.calls: list[str] = []

    def __call__(self, asked: Asked) -> Said:
        """Answer one request."""
        path = asked.path.removeprefix("/v1/")
        self.calls.append(path)
        if self.status or self.raw is not None:
            return Said(status=self.status or 200, raw=self.raw, content={"errors": ["canary-words of the vault"]})
        if path == "auth/approle/login":
            return self._login(asked)
        token = asked.headers.get("x-vault-token", "")
        if token not in self.tokens:
            return Said(status=403, content={"errors": ["permission denied"]})
        return self._signed_in(path, token)

    def _login(self, asked: Asked) -> Said:
        if asked.json != {"role_id": "role-1", "secret_id": self.secret_id}:
            return Said(status=400, content={"errors": ["invalid role or secret ID"]})
        token = f"canary-token-{len(self.tokens) + 1}"
        self.tokens[token] = self.token_s
        auth = {"client_token": token, "lease_duration": self.token_s, "renewable": True}
        return Said(content={"auth": auth})

    def _signed_in(self, path: str, token: str) -> Said:
        if path.startswith("sys/internal/ui/mounts/"):
            mount = path.removeprefix("sys/internal/ui/mounts/").partition("/")[0]
            return Said(content={"data": {"path": f"{mount}/", "options": {"version": "2" if mount == "kv" else "1"}}})
        match path:
            case "kv/data/erp":
                return Said(content={"data": {"data": {"password": self.password}, "metadata": {"version": 1}}})
            case "old/erp":
                return Said(content={"lease_duration": 2_764_800, "data": {"password": self.password}})
            case "database/creds/reader":
                self.users += 1
                data = {"username": f"v-user-{self.users}", "password": f"canary-pw-{self.users}"}
                told = {"lease_id": f"l/{self.users}", "lease_duration": self.lease_s, "renewable": True, "data": data}
                return Said(content=told)
            case "sys/leases/renew" if self.forbids_renewal:
                return Said(status=403, content={"errors": ["permission denied"]})
            case "sys/leases/renew":
                left = self.lease_s if self.renews_for is None else self.renews_for
                return Said(content={"lease_id": "l", "lease_duration": left, "renewable": True})
            case "auth/token/renew-self":
                left = self.token_s if self.renews_for is None else self.renews_for
                return Said(content={"auth": {"client_token": token, "lease_duration": left, "renewable": True}})
            case "auth/token/lookup-self":
                return Said(content={"data": {"ttl": self.token_s, "renewable": True}})
            case _:
                return Said(status=403 if path.startswith("forbidden") else 404, content={"errors": []})
