"""One OpenBao for the session: the one that `ERP_MCP_OPENBAO_DIR` names, or our own where it is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.needs import missing
from tests.systems.openbao.server import VARIABLE, Rig, start, stop

ROOT = Path(__file__).resolve().parents[3]
POLICY = """
path "kv/data/erp/*" { capabilities = ["read"] }
path "old/erp/*" { capabilities = ["read"] }
path "database/creds/reader" { capabilities = ["read"] }
path "sys/leases/renew" { capabilities = ["update"] }
"""


@pytest.fixture(scope="session")
def vault_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Yield a running vault with stores of both versions, and a policy for the gateway."""
    if directory := os.environ.get(VARIABLE):
        yield _furnished(Rig.load(Path(directory)))
        return
    venv = Path(os.environ.get("ERP_MCP_OPENBAO_VENV", str(ROOT / ".venv-openbao"))).absolute()
    if not (venv / ".installed").exists():
        missing("no OpenBao: run `bash tests/systems/openbao/install.sh .venv-openbao` once, then `make test` again")
    state = tmp_path_factory.mktemp("openbao")
    yield _furnished(start(venv, state))
    stop(state)


def _furnished(rig: Rig) -> Rig:
    mounts = rig.call("GET", "sys/mounts")["data"]
    for mount, kind, options in (
        ("kv", "kv", {"version": "2"}),
        ("old", "kv", {"version": "1"}),
        ("database", "database", {}),
    ):
        if f"{mount}/" not in mounts:
            rig.call("POST", f"sys/mounts/{mount}", {"type": kind, "options": options})
    if "approle/" not in rig.call("GET", "sys/auth")["data"]:
        rig.call("POST", "sys/auth/approle", {"type": "approle"})
    rig.call("PUT", "sys/policies/acl/gateway", {"policy": POLICY})
    return rig
