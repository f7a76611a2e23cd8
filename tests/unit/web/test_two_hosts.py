"""A request that names two hosts: whichever of them a proxy went by, the page goes by neither."""

from __future__ import annotations

import pytest

from tests.guarantees import guarantees
from tests.unit.web.browsing import PORT, Browser

OURS, THEIRS = f"127.0.0.1:{PORT}", "evil.example"


@guarantees("P3.page_forms")
@pytest.mark.parametrize(("hosts", "status"), [((OURS,), 200), ((OURS, THEIRS), 400), ((OURS, OURS), 400)])
async def test_a_second_host_is_refused_even_behind_the_right_one(
    browser: Browser, hosts: tuple[str, ...], status: int
) -> None:
    """The first one alone would let it in."""
    answer = await browser.client.get("/sign-in", headers=[("Host", one) for one in hosts])

    assert answer.status_code == status
    assert ("One Host is needed." in answer.text) is (status == 400)
