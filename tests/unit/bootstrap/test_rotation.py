"""From the configuration to the wire: a secret that was changed is used by the next request, without a restart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters._http_connection import open_egress
from erp_mcp.egress import Egress
from erp_mcp.testing import NO_LIMITS
from tests.guarantees import guarantees
from tests.unit.bootstrap.test_access import FILE, opened
from tests.unit.credentials.service import Asked, Said, Service


def owned(path: Path, secret: str) -> None:
    """Put a secret in the place of another, as its owner would."""
    path.parent.mkdir(exist_ok=True)
    new = path.with_name("new")
    new.touch(mode=0o600)
    new.write_text(secret, encoding="utf-8")
    new.replace(path)


class Guard:
    """Lets in who bears the key of the moment."""

    def __init__(self) -> None:
        self.key = "first"

    def __call__(self, asked: Asked) -> Said:
        return Said(status=200 if asked.headers.get("authorization") == f"token {self.key}" else 401, content={})


@asynccontextmanager
async def way_out(folder: Path, service: Service, *, write: bool = False) -> AsyncIterator[Egress]:
    """Yield the way out to a system whose key, for reading or for writing, lies in `secrets/erp`."""
    variable = "env:ERP_MCP_TEST_WRITE" if write else "env:ERP_MCP_TEST_READ"
    text = FILE.replace(variable, "file:secrets/erp").replace("https://erp.example", service.url)
    owned(folder / "secrets" / "erp", "first")
    with opened(folder, text) as deployment:
        erp = deployment.system("erp")
        access = deployment.access.to_write(erp, "rest") if write else deployment.access.to_read(erp, "rest")
        connection = Connection(system="erp", url=service.url, identity=access.identity, limits=NO_LIMITS)
        async with open_egress(connection) as egress:
            yield egress


@guarantees("P10.rotation")
@pytest.mark.parametrize("first", ["the file", "the system"])
async def test_a_key_changed_on_both_sides_is_used_by_the_next_request(tmp_path: Path, first: str) -> None:
    """Whichever side learns of it first: it is refused while they differ, and no longer."""
    guard = Guard()
    changes: list[Callable[[], None]] = [
        lambda: owned(tmp_path / "secrets" / "erp", "second"),
        lambda: setattr(guard, "key", "second"),
    ]
    statuses = []
    async with Service(guard) as service, way_out(tmp_path, service) as egress:
        statuses.append((await egress.send("GET", f"{service.url}/1", headers={})).status)
        for change in changes if first == "the file" else reversed(changes):
            change()
            statuses.append((await egress.send("GET", f"{service.url}/2", headers={})).status)

    assert statuses == [200, 401, 200]


@guarantees("P10.rotation")
async def test_a_write_that_was_refused_is_not_repeated_and_the_next_one_bears_the_new_key(tmp_path: Path) -> None:
    """What writes goes out once, whatever the reason it failed for."""
    guard = Guard()
    async with Service(guard) as service, way_out(tmp_path, service, write=True) as egress:
        guard.key = "second"
        refused = await egress.send("POST", service.url, headers={}, body=b"{}", once=True, reference="R1")
        asked = len(service.asked)
        owned(tmp_path / "secrets" / "erp", "second")
        done = await egress.send("POST", service.url, headers={}, body=b"{}", once=True, reference="R2")

    assert (refused.status, asked, done.status) == (401, 1, 200)
