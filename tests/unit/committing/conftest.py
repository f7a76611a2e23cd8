"""An office for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.committing.office import Office
from tests.verified_logs import logs_hold as logs_hold  # noqa: PLC0414 - what a test leaves behind is verified
from tests.verified_logs import logs_of_file_hold as logs_of_file_hold  # noqa: PLC0414


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    it = Office.furnished(tmp_path)
    yield it
    it.close()
