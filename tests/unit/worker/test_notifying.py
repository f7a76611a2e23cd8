"""Beside its work, a lasting worker tells people; where it can't, it works all the same."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from aiosmtpd.smtp import SMTP, Envelope, Session

from erp_mcp import worker
from erp_mcp.domain.notice import MailSettings, NoticeSettings, WebhookSettings
from tests.guarantees import guarantees
from tests.unit.committing.office import CREATE
from tests.unit.worker.shop import Shop


class Mailbox:
    """Ends the worker once it was handed something."""

    def __init__(self, stop: asyncio.Event) -> None:
        self.stop = stop
        self.messages: list[str] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.messages.append(envelope.content.decode("utf-8"))
        self.stop.set()
        return "250 OK"


def telling(shop: Shop, notices: NoticeSettings) -> None:
    shop.settings = replace(shop.settings, notices=notices)


@guarantees("P3.notices")
async def test_a_lasting_worker_tells_who_has_to_decide(shop: Shop) -> None:
    """Nobody has to look again and again whether something waits."""
    stop = asyncio.Event()
    box = Mailbox(stop)
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(box), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        mail = MailSettings(
            host="127.0.0.1", port=port, encryption="none", sender="g@p.example", people={"bob": "bob@p.example"}
        )
        telling(shop, NoticeSettings(mail=mail))
        shop.clock = shop.office.clock  # type: ignore[assignment]  # by which the proposal was made a moment ago
        shop.state.followers.position("notices:mail")
        content = shop.office.propose()
        await asyncio.wait_for(worker.work_on(shop, lambda *_: None, poll_s=0.001, stop=stop), 30)
    (message,) = box.messages
    assert content.proposal_id in message


class Heard(logging.Handler):
    """Notes that notices are put off."""

    def __init__(self) -> None:
        super().__init__()
        self.put_off = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if "notices go on in" in record.getMessage():
            self.put_off.set()


@guarantees("P3.notices", "P10.outage")
async def test_a_channel_that_can_not_be_opened_hinders_no_work(shop: Shop) -> None:
    """A secret that is missing is a matter of notices and not of orders."""
    telling(shop, NoticeSettings(webhooks=(WebhookSettings(name="hook", url="env:NO_SUCH_VARIABLE", shape="json"),)))
    content, done, stop, heard = shop.office.approved(CREATE), asyncio.Event(), asyncio.Event(), Heard()
    log = logging.getLogger("erp_mcp")
    log.addHandler(heard)
    try:
        working = asyncio.create_task(worker.work_on(shop, lambda *_: done.set(), poll_s=0.001, stop=stop))
        async with asyncio.timeout(30):
            await heard.put_off.wait()
            await done.wait()
            stop.set()
            await working
    finally:
        log.removeHandler(heard)
    assert shop.office.stand(content)[0] == "COMMITTED"
