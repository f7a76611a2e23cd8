"""One CAP rig for the session: the one that `ERP_MCP_CAP_DIR` names, or our own where it is installed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.systems.cap.server import Cap, running


@pytest.fixture(scope="session")
def cap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cap]:
    """Yield a running rig that holds a demo plant."""
    with running(tmp_path_factory.mktemp("cap")) as one:
        yield one
