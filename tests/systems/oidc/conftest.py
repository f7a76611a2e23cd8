"""One OpenID provider for the session: the one that `ERP_MCP_OIDC_DIR` names, or our own where it is installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.needs import missing
from tests.systems.oidc.server import VARIABLE, Rig, start, stop

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def oidc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Yield a running provider."""
    if directory := os.environ.get(VARIABLE):
        yield Rig.load(Path(directory))
        return
    dest = Path(os.environ.get("ERP_MCP_OIDC_INSTALL", str(ROOT / ".venv-oidc"))).absolute()
    if not (dest / ".installed").exists():
        missing("no OpenID provider: run `bash tests/systems/oidc/install.sh .venv-oidc` once, then `make test` again")
    state = tmp_path_factory.mktemp("oidc")
    yield start(dest, state)
    stop(state)
