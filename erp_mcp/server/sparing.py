"""Spares the start of a server what it may never need.

The SDK declares five hundred models for the messages of both eras, and pydantic builds a checker for each as soon as it
is declared; what one agent says and hears needs a few dozen of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import BaseModel


@contextmanager
def built_when_used() -> Iterator[None]:
    """Have models that are declared meanwhile build their checkers when each is first used; they check the same.

    Only documented settings of pydantic are used: where one of them no longer counts, the start is slower, no more.
    """
    before = BaseModel.model_config
    BaseModel.model_config = {**before, "defer_build": True}
    try:
        yield
    finally:
        BaseModel.model_config = before
