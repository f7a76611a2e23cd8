"""What people are told of a proposal that waits for them; a notice links to where it is decided and decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

NoticeKind = Literal["approval_waits", "person_needed", "glass_broken"]
MailEncryption = Literal["starttls", "tls", "none"]
WebhookShape = Literal["teams", "slack", "json"]
NOTICE_KINDS: Final[tuple[NoticeKind, ...]] = ("approval_waits", "person_needed")  # that settings choose among
ALARMS: Final[frozenset[NoticeKind]] = frozenset({"glass_broken"})  # that every channel takes, whatever is set


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message, the same for every way it goes.

    `id` stays the same however often it is sent. `approvers` are the ids of those who may decide, empty where anybody
    enrolled may, and for operators. Of an alarm they are all who are to know; where anybody enrolled may decide that
    is `everybody`.
    `subject` and `lines` are ours, of printable characters; `link` is empty where no page is configured.
    """

    id: str
    kind: NoticeKind
    proposal_id: str
    approvers: tuple[str, ...]
    subject: str
    lines: tuple[str, ...]
    link: str
    everybody: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """Where mail is handed over, and to whom: `people` are addresses by approver id. `secret` is a reference.

    `ca_file` (an absolute path) vouches for the server; without it the machine's own certificates do.
    """

    host: str
    port: int
    encryption: MailEncryption
    sender: str
    account: str = ""
    secret: str = ""
    ca_file: str = ""
    people: Mapping[str, str] = field(default_factory=dict)
    operators: tuple[str, ...] = ()
    kinds: tuple[NoticeKind, ...] = NOTICE_KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """One address that notices are posted to; `url` is a reference, since whoever knows the address may post there."""

    name: str
    url: str
    shape: WebhookShape
    kinds: tuple[NoticeKind, ...] = NOTICE_KINDS
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSettings:
    """How people are told that a proposal waits for them; `page` is where links lead, without a slash at the end."""

    page: str = ""
    mail: MailSettings | None = None
    webhooks: tuple[WebhookSettings, ...] = ()
