"""Notices go out by real mail and real webhooks, and what can't be handed over is said so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.policy import default
from typing import Final

import pytest
import pytest_asyncio
from aiosmtpd.smtp import SMTP, Envelope, Session

from erp_mcp.domain.notice import Notice, WebhookShape
from erp_mcp.egress import Egress, Origin
from erp_mcp.errors import NoticeNotSentError
from erp_mcp.notices.mail import MailChannel, MailServer
from erp_mcp.notices.webhook import WebhookChannel, body_of
from erp_mcp.testing.loopback import LoopbackServer, Message, Receive, Send
from tests.guarantees import guarantees

NOTICE: Final = Notice(
    id="evt_1", kind="approval_waits", proposal_id="prp_1", approvers=("bob",),
    subject="Decide by 10:00: Move *line* <!channel> [x](http://evil.example)",
    lines=("Move *line* <!channel> [x](http://evil.example)", "Proposed by agent planner for olga."),
    link="https://approvals.example/proposals/prp_1",
)  # fmt: skip


class Mailbox:
    """What a mail server was handed; some receivers it refuses."""

    def __init__(self) -> None:
        self.messages: list[tuple[list[str], bytes]] = []
        self.refused: set[str] = set()

    async def handle_RCPT(  # noqa: N802  the name is the library's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 no such user, the database at 10.1.2.3 says"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.messages.append((list(envelope.rcpt_tos), envelope.content))
        return "250 OK"


@pytest_asyncio.fixture
async def mailbox() -> AsyncIterator[tuple[Mailbox, int]]:
    box = Mailbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(box), "127.0.0.1", 0)
    async with server:
        yield box, server.sockets[0].getsockname()[1]


def channel(port: int) -> MailChannel:
    server = MailServer(host="127.0.0.1", port=port, encryption="none", sender="gateway@plant.example")
    people = {"bob": "bob@plant.example", "eve": "eve@plant.example"}
    return MailChannel(server, people=people, operators=("ops@plant.example",))


@guarantees("P3.notices")
async def test_a_mail_goes_to_those_who_may_decide_and_to_nobody_else(mailbox: tuple[Mailbox, int]) -> None:
    """It says what waits, has the notice's id, and needs no picture and no script to be read."""
    box, port = mailbox
    await channel(port).send(NOTICE)

    ((receivers, text),) = box.messages
    message = message_from_bytes(text, policy=default)
    assert receivers == ["bob@plant.example"]
    assert message["Subject"] == f"[erp-mcp] {NOTICE.subject}"
    assert message["Message-ID"] == "<evt_1@erp-mcp.invalid>"
    assert message.get_content_type() == "text/plain"
    assert NOTICE.link in message.get_content()


@guarantees("P3.notices")
async def test_where_anybody_may_decide_everybody_is_told_and_else_the_operators(mailbox: tuple[Mailbox, int]) -> None:
    """A policy that names nobody means whoever is enrolled."""
    box, port = mailbox
    plain = {"id": "evt_2", "proposal_id": "prp_1", "subject": "s", "lines": ("l",), "link": "", "approvers": ()}
    await channel(port).send(Notice(kind="approval_waits", **plain))  # type: ignore[arg-type]
    await channel(port).send(Notice(kind="person_needed", **plain))  # type: ignore[arg-type]

    assert [sorted(to) for to, _ in box.messages] == [["bob@plant.example", "eve@plant.example"], ["ops@plant.example"]]


@guarantees("P3.notices", "P3.break_glass")
async def test_an_alarm_goes_to_all_concerned_who_have_an_address_and_to_the_operators(
    mailbox: tuple[Mailbox, int],
) -> None:
    """Once to each of them."""
    box, port = mailbox
    plain = {"id": "evt_3", "proposal_id": "prp_1", "subject": "s", "lines": ("l",), "link": ""}
    concerned = ("olaf", "eve", "bob", "eve")
    await channel(port).send(Notice(kind="glass_broken", approvers=concerned, **plain))  # type: ignore[arg-type]

    ((receivers, _),) = box.messages
    assert receivers == ["eve@plant.example", "bob@plant.example", "ops@plant.example"]


@guarantees("P3.notices", "P3.break_glass")
async def test_where_anybody_may_decide_an_alarm_goes_to_everybody(mailbox: tuple[Mailbox, int]) -> None:
    """Each of them was passed over; the operators are told as well."""
    box, port = mailbox
    plain = {"id": "evt_3", "proposal_id": "prp_1", "subject": "s", "lines": ("l",), "link": ""}
    await channel(port).send(Notice(kind="glass_broken", approvers=("eve",), everybody=True, **plain))  # type: ignore[arg-type]

    ((receivers, _),) = box.messages
    assert sorted(receivers) == ["bob@plant.example", "eve@plant.example", "ops@plant.example"]


@guarantees("P3.notices", "P8.secrets_stay")
async def test_a_mail_server_that_refuses_or_is_not_there_is_named_without_its_words(
    mailbox: tuple[Mailbox, int],
) -> None:
    """What a server says may hold anything."""
    box, port = mailbox
    box.refused = {"bob@plant.example"}
    with pytest.raises(NoticeNotSentError) as refused:
        await channel(port).send(NOTICE)
    assert refused.value.facts == {"channel": "mail", "reason": "receivers_refused"}
    assert box.messages == []


@guarantees("P3.notices", "P8.secrets_stay")
async def test_a_password_never_goes_over_a_connection_without_encryption(mailbox: tuple[Mailbox, int]) -> None:
    """A server that offers no encryption is not signed in to."""
    box, port = mailbox
    server = MailServer(
        host="127.0.0.1", port=port, encryption="starttls", sender="gateway@plant.example", account="g", password="s"
    )
    with pytest.raises(NoticeNotSentError) as refused:
        await MailChannel(server, people={"bob": "bob@plant.example"}, operators=()).send(NOTICE)
    assert refused.value.facts["reason"] == "refused"
    assert box.messages == []


class Receiver:
    """A receiver of webhooks that answers as it is told."""

    def __init__(self) -> None:
        self.status = 200
        self.bodies: list[dict[str, object]] = []

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        body = (await receive())["body"]
        assert isinstance(body, bytes)
        self.bodies.append(json.loads(body))
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@guarantees("P3.notices")
@pytest.mark.parametrize("shape", ["teams", "slack", "json"])
async def test_a_webhook_gets_a_message_whose_only_button_opens_the_page(shape: WebhookShape) -> None:
    """No button there decides, and no text of ours can make one or call a whole channel."""
    receiver = Receiver()
    async with LoopbackServer(receiver) as server:
        origin = Origin.of(server.url)
        assert origin is not None
        async with Egress(system="notices:hook", allowed=[origin]) as egress:
            await WebhookChannel(egress, name="hook", url=f"{server.url}/in/secret", shape=shape).send(NOTICE)

    (body,) = receiver.bodies
    assert body == body_of(NOTICE, shape)
    text = json.dumps(body)
    assert text.count(NOTICE.link) == 1
    if shape == "slack":
        kinds = [block["text"]["type"] for block in body["blocks"] if "text" in block]  # type: ignore[attr-defined]
        assert set(kinds) == {"plain_text"}
        assert "<!channel>" not in str(body["text"])
    if shape == "teams":
        assert "[x](" not in text
        assert "Action.OpenUrl" in text


@guarantees("P3.notices", "P8.secrets_stay")
async def test_a_webhook_that_is_turned_away_is_told_by_its_name_and_never_by_its_address() -> None:
    """Whoever knows the address may post there."""
    receiver = Receiver()
    receiver.status = 410
    async with LoopbackServer(receiver) as server:
        origin = Origin.of(server.url)
        assert origin is not None
        async with Egress(system="notices:hook", allowed=[origin]) as egress:
            hook = WebhookChannel(egress, name="hook", url=f"{server.url}/in/secret", shape="json")
            with pytest.raises(NoticeNotSentError) as refused:
                await hook.send(NOTICE)
    assert refused.value.facts == {"channel": "hook", "reason": "status_410"}
    assert "secret" not in str(refused.value)
