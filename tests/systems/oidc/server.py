"""The OpenID provider of the tests: started and stopped by its scripts, administered over its own port."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

VARIABLE: Final = "ERP_MCP_OIDC_DIR"
HERE: Final = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Rig:
    """A running provider as `rig.json` describes it."""

    told: dict[str, Any]

    @classmethod
    def load(cls, state: Path) -> Rig:
        """Return what `start.sh` wrote."""
        return cls(json.loads((state / "rig.json").read_text(encoding="utf-8")))

    @property
    def token_url(self) -> str:
        """Address of the token endpoint."""
        return str(self.told["token_url"])

    @property
    def api_url(self) -> str:
        """Address of a resource that says whom it sees, and answers 401 to who bears no good token."""
        return str(self.told["api_url"])

    def secret(self, client: str) -> str:
        """Return the secret that a client had when the provider started."""
        return str(self.told["clients"][client]["secret"])

    def audience(self, name: str) -> str:
        """Return an audience: `erp` (its tokens are good for 120 s)."""
        return str(self.told["audiences"][name])

    def change_client(self, client: str, **properties: Any) -> None:
        """Change a client as an administrator would."""
        httpx2.put(f"{self.told['admin_url']}/{client}", json=properties, trust_env=False).raise_for_status()

    def count(self, what: str) -> int:
        """Return how many requests `token` or `api` had."""
        return int(httpx2.get(f"{self.told['admin_url']}/counts", trust_env=False).json()[what])

    @property
    def issuer(self) -> str:
        """The provider, as its tokens name it."""
        return str(self.told["issuer"])

    def change_groups(self, **groups: list[str]) -> None:
        """Say in which groups people are."""
        httpx2.put(f"{self.told['admin_url']}/groups", json=groups, trust_env=False).raise_for_status()

    def revoke(self, client: str, secret: str, token: str) -> None:
        """Take a token back (RFC 7009); one in JWT form can't be."""
        pair = base64.b64encode(f"{client}:{secret}".encode()).decode("ascii")
        httpx2.post(
            self.told["revocation_url"],
            data={"token": token},
            headers={"Authorization": f"Basic {pair}"},
            trust_env=False,
        ).raise_for_status()


class Person:
    """Somebody with a browser profile at the provider, who is asked there who they are."""

    def __init__(self, account: str) -> None:
        """Be known at the provider as `account`."""
        self.account = account
        self.asked = 0
        self._cookies = httpx2.Cookies()

    def sign_in(self, address: str, *, until: str, deny: bool = False) -> str:
        """Follow an address until the provider sends to one that begins with `until`, and return that one."""
        with httpx2.Client(trust_env=False, follow_redirects=False, cookies=self._cookies) as client:
            for _ in range(12):
                answer = client.get(address)
                if answer.status_code == 200:
                    self.asked += 1
                    told = {"do": "deny"} if deny else {"do": "login", "login": self.account}
                    answer = client.post(address, data=told)
                address = str(httpx2.URL(address).join(answer.headers["location"]))
                if address.startswith(until):
                    self._cookies = client.cookies
                    return address
        raise AssertionError("the provider sends nowhere")

    def sign_out(self, issuer: str) -> None:
        """End the session at the provider there, not at any page; whoever is to be told is told before this returns."""
        with httpx2.Client(trust_env=False, follow_redirects=False, cookies=self._cookies, timeout=120) as client:
            page = client.get(f"{issuer}/session/end")
            form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page.text))
            done = client.post(f"{issuer}/session/end/confirm", data={**form, "logout": "yes"})
            assert done.status_code in {200, 303}, done.text


def start(dest: Path, state: Path) -> Rig:
    """Start a provider that is installed in `dest`."""
    subprocess.run(["bash", str(HERE / "start.sh"), str(dest), str(state)], check=True, capture_output=True)
    return Rig.load(state)


def stop(state: Path) -> None:
    """Stop it."""
    subprocess.run(["bash", str(HERE / "stop.sh"), str(state)], check=True, capture_output=True)
