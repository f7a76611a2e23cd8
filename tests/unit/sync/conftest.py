from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from erp_mcp.store.read_model.writer import ReadModelWriter


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "read_model.sqlite"


@pytest.fixture
def writer(path: Path) -> Iterator[ReadModelWriter]:
    writer = ReadModelWriter(path)
    yield writer
    writer.close()
