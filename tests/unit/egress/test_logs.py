"""What stands in a log when an operator turns everything on: nothing of what a request bears or an answer holds."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator

import pytest

from erp_mcp.errors import GatewayError
from tests.guarantees import guarantees
from tests.unit.egress.faulty import Behaviour, Faulty, cuts_with_full_length, resets, says

CANARY = "canary-7f3a91"


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Every logger that there is tells everything, whatever its level was."""
    known = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    levels = [(one, one.level) for one in known]
    caplog.set_level(logging.DEBUG)
    for one in known:
        one.setLevel(logging.DEBUG)
    yield caplog
    for one, level in levels:
        one.setLevel(level)


def answers(body: bytes, *headers: str) -> Behaviour:
    lines = "".join(f"{one}\r\n" for one in headers)
    return says(f"HTTP/1.1 200 OK\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)


ENDINGS = {
    "answered": answers(CANARY.encode(), f"Set-Cookie: session={CANARY}", f"X-CSRF-Token: {CANARY}"),
    "compressed": answers(gzip.compress(CANARY.encode()), "Content-Encoding: gzip"),
    "reset": resets,
    "cut": cuts_with_full_length,
    "not HTTP": says(f"{CANARY}\r\n\r\n".encode()),
    "bad header": says(f"HTTP/1.1 200 OK\r\nX{CANARY}\r\n\r\n".encode()),
}


@guarantees("P8.secrets_stay")
@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("ending", ENDINGS)
async def test_no_log_holds_what_a_request_bears_or_an_answer_brings(
    everything: pytest.LogCaptureFixture, ending: str, once: bool
) -> None:
    """Cookies, tokens and bodies, of reads and writes, however they end; the libraries' own lines included."""
    headers = {"Authorization": f"Bearer {CANARY}", "Cookie": f"session={CANARY}", "X-CSRF-Token": CANARY}
    async with Faulty(ENDINGS[ending]) as server, server.egress() as way:
        logging.getLogger("httpcore2.http11").warning("what is more than a debug line comes out")
        failure = ""
        try:
            await way.send(
                "POST", f"{server.url}/{CANARY}", headers=headers, body=CANARY.encode(), once=once,
                reference="R1" if once else "",
            )  # fmt: skip
        except GatewayError as error:
            failure = f"{error} {error.facts}"
        assert CANARY not in failure
        assert CANARY.encode() in server.requests[0]
    told = [f"{record.getMessage()} {vars(record)}" for record in everything.records]
    assert len(told) >= 1
    assert [line for line in told if CANARY in line] == []
