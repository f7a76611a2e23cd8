"""What all tests with real systems share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stretching import stretched_once


@pytest.fixture(autouse=True, scope="module")
def _stretched_once() -> Iterator[None]:
    """The same few people sign again and again."""
    with stretched_once():
        yield
