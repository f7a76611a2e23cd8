"""Opens the ways by which people are told that something waits for them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from erp_mcp.domain.notice import MailSettings, NoticeSettings, WebhookSettings
from erp_mcp.errors import ConfigurationError
from erp_mcp.notices.following import Told

if TYPE_CHECKING:
    from erp_mcp.bootstrap.access import AccessMaker
    from erp_mcp.notices.channel import Channel

_TIMEOUT_S: Final = 10.0
_MAX_BYTES: Final = 64 * 1024


def channels(settings: NoticeSettings | None, access: AccessMaker) -> tuple[Told, ...]:
    """Return every configured way out with what it takes; nothing is contacted.

    Raises:
        ConfigurationError: `settings.bad_configuration`, for an address that can't be used. SecretUnavailableError:
            `credentials.unavailable`.
    """
    return tuple(_opened(settings, access)) if settings is not None else ()


def _opened(settings: NoticeSettings, access: AccessMaker) -> Iterator[Told]:
    if settings.mail is not None:
        yield Told(channel=_mail(settings.mail, access), kinds=frozenset(settings.mail.kinds))
    for one in settings.webhooks:
        yield Told(channel=_webhook(one, access), kinds=frozenset(one.kinds))


def _mail(settings: MailSettings, access: AccessMaker) -> Channel:
    from erp_mcp.notices.mail import MailChannel, MailServer

    server = MailServer(
        host=settings.host,
        port=settings.port,
        encryption=settings.encryption,
        sender=settings.sender,
        account=settings.account,
        password=access.local(settings.secret) if settings.secret else "",
        trust=_trust(settings.ca_file),
    )
    return MailChannel(server, people=settings.people, operators=settings.operators)


def _webhook(settings: WebhookSettings, access: AccessMaker) -> Channel:
    from erp_mcp.egress import Egress, EgressLimits, Origin
    from erp_mcp.notices.webhook import WebhookChannel

    key = f"notices.webhooks.{settings.name}.url"
    url = access.local(settings.url)
    origin = Origin.of(url)
    if origin is None:
        raise ConfigurationError(key=key, reason="the secret is no http or https address")
    if origin.scheme == "http" and origin.host not in ("localhost", "127.0.0.1", "[::1]"):
        raise ConfigurationError(key=key, reason="https is needed to another machine")
    limits = EgressLimits(connect_s=5.0, read_s=_TIMEOUT_S, total_s=_TIMEOUT_S, max_bytes=_MAX_BYTES, connections=1)
    egress = Egress(system=f"notices:{settings.name}", allowed=[origin], limits=limits, networks=settings.networks)
    return WebhookChannel(egress, name=settings.name, url=url, shape=settings.shape)


def _trust(ca_file: str) -> ssl.SSLContext | None:
    if not ca_file:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise ConfigurationError(key="notices.mail.ca_file", reason="it can't be read") from None
