"""Notices by webhook, in the shapes of Teams and Slack or as plain JSON; a button opens the page and does no more."""

from __future__ import annotations

import json
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.notice import Notice, WebhookShape
from erp_mcp.egress import Egress
from erp_mcp.errors import GatewayError, NoticeNotSentError

_HEADERS: Final = {"Content-Type": "application/json; charset=utf-8"}
_OPEN: Final = "Open the page"
_GOOD: Final = range(200, 300)


class WebhookChannel:
    """Posts notices to one address, which is a secret by itself and never told."""

    def __init__(self, egress: Egress, *, name: str, url: str, shape: WebhookShape) -> None:
        """Contact nothing yet; `egress` lists the origin of `url` alone."""
        self._egress = egress
        self._name = name
        self._url = url
        self._shape: WebhookShape = shape

    @property
    def name(self) -> str:
        """Return its name in the settings."""
        return self._name

    async def send(self, notice: Notice) -> None:
        """Post one notice.

        Raises:
            NoticeNotSentError: `notices.not_sent`, with the status or the code of what went wrong.
        """
        body = json.dumps(body_of(notice, self._shape), ensure_ascii=False).encode()
        try:
            answer = await self._egress.send("POST", self._url, headers=_HEADERS, body=body)
        except GatewayError as failure:
            raise NoticeNotSentError(channel=self._name, reason=failure.code) from None
        if answer.status not in _GOOD:
            raise NoticeNotSentError(channel=self._name, reason=f"status_{answer.status}")

    async def close(self) -> None:
        """Let go of connections."""
        await self._egress.close()


def body_of(notice: Notice, shape: WebhookShape) -> dict[str, JsonValue]:
    """Return a notice in the shape that a receiver takes."""
    match shape:
        case "teams":
            return _teams(notice)
        case "slack":
            return _slack(notice)
        case "json":
            return {
                "id": notice.id,
                "kind": notice.kind,
                "proposal_id": notice.proposal_id,
                "subject": notice.subject,
                "lines": list(notice.lines),
                "link": notice.link,
            }


def _teams(notice: Notice) -> dict[str, JsonValue]:
    """Return a message with an adaptive card; its text fields know no markup beyond what is escaped here."""
    blocks: list[JsonValue] = [_text_block(line) for line in notice.lines]
    blocks.insert(0, {**_text_block(notice.subject), "weight": "Bolder"})
    card: dict[str, JsonValue] = {"type": "AdaptiveCard", "version": "1.4", "body": blocks}
    if notice.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": _OPEN, "url": notice.link}]
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}


def _text_block(text: str) -> dict[str, JsonValue]:
    return {"type": "TextBlock", "text": _no_markdown(text), "wrap": True}


def _slack(notice: Notice) -> dict[str, JsonValue]:
    """Return blocks of plain text, where Slack reads no mentions, links or emphasis."""
    blocks: list[JsonValue] = [
        {"type": "section", "text": {"type": "plain_text", "text": line, "emoji": False}}
        for line in (notice.subject, *notice.lines)
    ]
    if notice.link:
        button: dict[str, JsonValue] = {
            "type": "button",
            "text": {"type": "plain_text", "text": _OPEN},
            "url": notice.link,
        }
        blocks.append({"type": "actions", "elements": [button]})
    return {"text": _no_mentions(notice.subject), "blocks": blocks}


_MARKDOWN: Final = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_{}[]()#+!|<>~"})
_MENTIONS: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def _no_markdown(text: str) -> str:
    return text.translate(_MARKDOWN)


def _no_mentions(text: str) -> str:
    return text.translate(_MENTIONS)
