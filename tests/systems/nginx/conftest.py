"""One proxy for the session: the one that `ERP_MCP_NGINX_DIR` names, or our own where nginx is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.needs import missing
from tests.systems.nginx.server import VARIABLE, Rig, start, stop

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Yield a running proxy."""
    if directory := os.environ.get(VARIABLE):
        yield Rig.load(Path(directory))
        return
    dest = Path(os.environ.get("ERP_MCP_NGINX_INSTALL", str(ROOT / ".venv-nginx"))).absolute()
    if not (dest / ".installed").exists():
        missing("no nginx: run `bash tests/systems/nginx/install.sh .venv-nginx` once, then `make test` again")
    state = tmp_path_factory.mktemp("nginx")
    try:
        yield start(dest, state)
    finally:
        stop(state)
