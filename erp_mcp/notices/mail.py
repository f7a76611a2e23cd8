"""Notices by mail: plain text, one message per notice, to those who may decide or to the operators."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from erp_mcp.domain.notice import ALARMS, MailEncryption, Notice
from erp_mcp.errors import NoticeNotSentError

TIMEOUT_S: Final = 20.0
_WHOLE_LINES: Final = SMTP.clone(max_line_length=900)  # a folded subject begins with a blank in some programs


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed over. Without encryption it goes to this machine alone; the settings see to that."""

    host: str
    port: int
    encryption: MailEncryption
    sender: str
    account: str = ""
    password: str = ""
    trust: ssl.SSLContext | None = None


class MailChannel:
    """Hands notices to a mail server."""

    def __init__(self, server: MailServer, *, people: Mapping[str, str], operators: tuple[str, ...]) -> None:
        """Contact nothing yet; `people` are the addresses of approvers by their ids."""
        self._server = server
        self._people = people
        self._operators = operators

    @property
    def name(self) -> str:
        """Return `mail`."""
        return "mail"

    async def send(self, notice: Notice) -> None:
        """Send one message to everybody it is for; nobody with an address is no failure.

        Raises:
            NoticeNotSentError: `notices.not_sent`, with the kind of failure and never the server's words.
        """
        receivers = self.receivers(notice)
        if receivers:
            await asyncio.to_thread(self._hand_over, message_of(notice, self._server.sender, receivers))

    def receivers(self, notice: Notice) -> tuple[str, ...]:
        """Return the addresses a notice goes to: those who may decide, the operators where nobody decides, or all."""
        if notice.kind in ALARMS:
            told = tuple(self._people) if notice.everybody else notice.approvers
            people = [self._people[one] for one in told if one in self._people]
            return tuple(dict.fromkeys((*people, *self._operators)))
        if notice.kind != "approval_waits":
            return self._operators
        deciding = notice.approvers or tuple(self._people)
        return tuple(self._people[one] for one in deciding if one in self._people)

    async def close(self) -> None:
        """Nothing is held open."""

    def _hand_over(self, message: EmailMessage) -> None:
        try:
            with self._connected() as connection:
                if self._server.encryption == "starttls":
                    connection.starttls(context=self._trust())
                if self._server.account:
                    connection.login(self._server.account, self._server.password)
                refused = connection.send_message(message)
        except smtplib.SMTPAuthenticationError:
            raise NoticeNotSentError(channel=self.name, reason="sign_in_refused") from None
        except smtplib.SMTPRecipientsRefused:
            raise NoticeNotSentError(channel=self.name, reason="receivers_refused") from None
        except smtplib.SMTPException:
            raise NoticeNotSentError(channel=self.name, reason="refused") from None
        except ssl.SSLError:
            raise NoticeNotSentError(channel=self.name, reason="not_trusted") from None
        except OSError:
            raise NoticeNotSentError(channel=self.name, reason="unreachable") from None
        if refused:
            raise NoticeNotSentError(channel=self.name, reason="receivers_refused")

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        if server.encryption == "tls":
            return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=self._trust())
        return smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)

    def _trust(self) -> ssl.SSLContext:
        return self._server.trust or ssl.create_default_context()


def message_of(notice: Notice, sender: str, receivers: tuple[str, ...]) -> EmailMessage:
    """Return a notice as a message; the same notice always has the same id, so a second copy can be told."""
    message = EmailMessage(policy=_WHOLE_LINES)
    message["Subject"] = f"[erp-mcp] {notice.subject}"
    message["From"] = sender
    message["To"] = ", ".join(receivers)
    message["Message-ID"] = f"<{notice.id}@erp-mcp.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n\n".join((*notice.lines, *([notice.link] if notice.link else []))) + "\n")
    return message
