"""What a test needs from the machine: said in one line where missing, and a failure where nothing may be missing."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip the test for want of `what`; with `REQUIRE_ALL=1`, as continuous integration sets it, fail it instead."""
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(what)
    pytest.skip(what)
