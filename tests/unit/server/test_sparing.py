"""What the start of a server leaves for later, and that later it is as it would have been at once."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from erp_mcp.server.sparing import built_when_used
from tests.guarantees import guarantees

ROOT = Path(__file__).parents[3]


@cache
def told(mode: str) -> dict[str, Any]:
    """Return what a fresh interpreter says of every message; `served`: the SDK is imported as `erp-mcp serve` does."""
    command = [sys.executable, "-m", "tests.unit.server.messages", mode]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@guarantees("mcp.fast_first_answer")
def test_a_server_builds_few_of_the_models_that_the_sdk_declares() -> None:
    """Building all takes a good part of the start; what is declared afterwards is built at once as ever."""
    start = told("served")["start"]
    assert start["declared"] > 400
    assert start["built"] < start["declared"] / 4
    assert start["later"]
    assert told("plain")["start"]["built"] > 400


@guarantees("mcp.both_eras", "mcp.fast_first_answer")
def test_every_message_of_both_eras_is_taken_and_refused_as_where_all_is_built_at_once() -> None:
    """Whole ones, and ones that lack a member, have one of a wrong kind or one more: the same words each time."""
    served, plain = told("served")["messages"], told("plain")["messages"]
    assert served == plain
    assert len(served) > 100
    for name, (taken, *refused) in served.items():
        assert taken[0] == "taken", (name, taken)
        assert all(one[0] in {"taken", "refused"} for one in refused), name
    by_era = [name.split()[-1] for name, (_, *others) in served.items() if any(one[0] == "refused" for one in others)]
    assert {"2025-11-25", "2026-07-28", "any"} <= set(by_era)
    assert len(by_era) > 100


@guarantees("mcp.fast_first_answer")
def test_a_model_that_is_built_when_used_refuses_what_it_would_have_refused() -> None:
    """The first use builds it: an answer or a refusal, as with one that was built at once."""
    with built_when_used():

        class Said(BaseModel):
            number: int

    assert not Said.__pydantic_complete__
    with pytest.raises(ValidationError, match="valid integer"):
        Said.model_validate({"number": "many"})
    assert Said.model_validate({"number": "7"}).model_dump() == {"number": 7}
    assert Said.__pydantic_complete__


@guarantees("mcp.fast_first_answer")
def test_what_is_declared_after_something_failed_is_built_at_once() -> None:
    """An import that breaks leaves every later model as it was."""
    with pytest.raises(ImportError), built_when_used():
        raise ImportError
    assert "defer_build" not in BaseModel.model_config
