"""Signs of life of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from erp_mcp.domain.call import JsonValue
from erp_mcp.server.progress import PROGRESS, telling, token_of
from tests.guarantees import guarantees


@guarantees("mcp.progress")
async def test_signs_come_while_the_call_lasts_and_stop_with_it() -> None:
    """Each counts one more than the last, as the protocol wants, and carries the client's token."""
    sent: list[tuple[str, Mapping[str, JsonValue] | None]] = []
    third = asyncio.Event()

    def notify(method: str, params: Mapping[str, JsonValue] | None) -> None:
        sent.append((method, params))
        if len(sent) == 3:
            third.set()

    with telling("token", notify, first_s=0, every_s=0):
        async with asyncio.timeout(60):
            await third.wait()
    after = len(sent)
    for _ in range(5):
        await asyncio.sleep(0)

    assert len(sent) == after
    assert [method for method, _ in sent] == [PROGRESS] * after
    assert [params["progress"] for _, params in sent if params] == list(range(1, after + 1))
    assert {str(params["progressToken"]) for _, params in sent if params} == {"token"}


@guarantees("mcp.progress")
async def test_signs_stop_when_the_call_fails_or_was_never_asked_about() -> None:
    """A notice for a call that is over would be taken for another call's."""
    sent: list[str] = []
    with pytest.raises(ValueError, match="no"), telling(1, lambda method, _: sent.append(method), first_s=0, every_s=0):
        raise ValueError("no")
    with telling(None, lambda method, _: sent.append(method), first_s=0, every_s=0):
        for _ in range(5):
            await asyncio.sleep(0)

    for _ in range(5):
        await asyncio.sleep(0)
    assert sent == []


@guarantees("mcp.progress")
@pytest.mark.parametrize(
    ("meta", "token"),
    [({}, None), ({"progressToken": 7}, 7), ({"progressToken": "a"}, "a"), ({"progressToken": True}, None),
     ({"progressToken": [1]}, None), ({"progressToken": None}, None), ({"progressToken": 0}, 0)],
)  # fmt: skip
def test_token_is_text_or_a_whole_number(meta: dict[str, JsonValue], token: str | int | None) -> None:
    """Anything else is no token, and no reason to refuse the call."""
    assert token_of(meta) == token
