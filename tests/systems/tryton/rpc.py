"""A small JSON-RPC client with write access, for seeding a test server and for nothing else."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx2

Value = object
Result = Any  # what a method returns is the method's; the seed knows its methods


def encode(value: Value) -> Value:
    """Return a value as Tryton's typed JSON: dates, time deltas and decimals become objects with `__class__`."""
    match value:
        case date():
            return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
        case timedelta():
            return {"__class__": "timedelta", "seconds": value.total_seconds()}
        case Decimal():
            return {"__class__": "Decimal", "decimal": str(value)}
        case dict():
            return {key: encode(one) for key, one in value.items()}
        case list() | tuple():
            return [encode(one) for one in value]
        case _:
            return value


class TrytonError(Exception):
    """The server refused a call of the seed."""


@dataclass(kw_only=True)
class Rpc:
    """One signed-in session; `context` goes with every call, as Tryton wants it."""

    url: str
    database: str
    user: str
    password: str
    context: dict[str, Value] = field(default_factory=dict)
    calls: int = 0

    def __post_init__(self) -> None:
        """Sign in at once; a wrong password ends here."""
        self._http = httpx2.Client(base_url=self.url, timeout=120, trust_env=False, follow_redirects=True)
        self._headers: dict[str, str] = {}
        uid, token, *_ = self.post("common.db.login", [self.user, {"password": self.password}])
        session = base64.b64encode(f"{self.user}:{uid}:{token}".encode()).decode()
        self._headers = {"Authorization": f"Session {session}"}
        self.uid = int(uid)

    def post(self, method: str, params: list[Value]) -> Result:
        """Post one call and return its result; a warning is confirmed once, as a person would."""
        body = {"id": 1, "method": method, "params": encode(params)}
        answer = self._http.post(f"/{self.database}/rpc/", json=body, headers=self._headers)
        if answer.status_code != 200:
            raise TrytonError(f"{method}: HTTP {answer.status_code}")
        decoded = answer.json()
        self.calls += 1
        error = decoded.get("error")
        if error and error[0] == "UserWarning":
            self("res.user.warning.create", [{"user": self.uid, "name": error[1][0], "always": False}])
            return self.post(method, params)
        if error:
            raise TrytonError(f"{method}: {str(error)[:800]}")
        return decoded["result"]

    def __call__(self, method: str, *params: Value) -> Result:
        """Call `model.<method>` with the session's context."""
        return self.post(f"model.{method}", [*params, self.context])

    def create(self, model: str, /, **values: Value) -> int:
        """Create one record and return its id."""
        return int(self(f"{model}.create", [values])[0])

    def find(self, model: str, domain: list[Value], fields: list[str]) -> Result:
        """Return the records of a domain, by id."""
        return self(f"{model}.search_read", domain, 0, None, [["id", "ASC"]], ["id", *fields])

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()
