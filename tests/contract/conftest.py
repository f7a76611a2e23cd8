from __future__ import annotations

import pytest

from erp_mcp.demo import DemoPlant, generate


@pytest.fixture(scope="session")
def plant(tmp_path_factory: pytest.TempPathFactory) -> DemoPlant:
    """A demo plant that no test may write to."""
    return generate(tmp_path_factory.mktemp("plant"))
