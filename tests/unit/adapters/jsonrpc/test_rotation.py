"""A password that is changed while we run: used at the next sign-in, and a refused one is not tried again."""

from __future__ import annotations

from pathlib import Path

import pytest

from erp_mcp.adapters import Connection
from erp_mcp.adapters.jsonrpc.adapter import JsonRpcAdapter
from erp_mcp.credentials.sources import secret_source
from erp_mcp.errors import SystemRefusedError
from erp_mcp.testing import NO_LIMITS, FixedClock
from tests.guarantees import guarantees
from tests.unit.adapters.jsonrpc.fake import fake_tryton
from tests.unit.adapters.jsonrpc.test_adapter import PROFILE


def owned(path: Path, secret: str) -> None:
    """Put a secret in the place of another, as its owner would."""
    new = path.with_name("new")
    new.touch(mode=0o600)
    new.write_text(secret, encoding="utf-8")
    new.replace(path)


@guarantees("P10.rotation", "P9.one_sign_in")
async def test_a_changed_password_is_used_without_a_restart_and_a_wrong_one_shown_once(tmp_path: Path) -> None:
    """The system is told first, then the file: in between one refusal, afterwards all is as before."""
    path = tmp_path / "erp"
    owned(path, "pass-word-9")
    with fake_tryton() as fake:
        connection = Connection(
            system="erp",
            url=fake.url,
            database="plant",
            account="gateway",
            credential=secret_source("file:erp", root=tmp_path),
            limits=NO_LIMITS,
        )
        adapter = JsonRpcAdapter.open(connection, PROFILE, FixedClock())
        await adapter.probe()
        fake.password, fake.token = "changed", "token-2"  # whoever is signed in is thrown out
        for _ in range(3):
            with pytest.raises(SystemRefusedError):
                await adapter.read("customer", ["1"])
        assert fake.calls.count("common.db.login") == 2
        owned(path, "changed")

        assert await adapter.read("customer", ["1"]) == ()
        assert fake.calls.count("common.db.login") == 3
        await adapter.close()
