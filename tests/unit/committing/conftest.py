"""An office for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.committing.office import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    it = Office.furnished(tmp_path)
    yield it
    it.close()
