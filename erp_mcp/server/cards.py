"""What the card of a proposal shows beside its answer: who decides and where, and what the agent wrote itself.

It goes to clients that show pages, in the part of a result that is not put before the model. It names no person and
holds nothing that decides: the page asks whoever comes to sign in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.proposal import Proposal

META_CARD: Final = "io.erp-mcp/card"
_MOST_TEXTS: Final = 50


def facts_of(proposal: Proposal, link: str) -> dict[str, JsonValue]:
    """Return what `views/assets/proposal.js` reads; `link` is where people decide, empty where no page is known."""
    content = proposal.content
    return {
        "agent": content.agent,
        "risk": content.risk,
        "needed": content.terms.needed,
        "command": f"erp-mcp approvals show {content.proposal_id}",
        **({"page": link} if link else {}),
        "reason": content.rationale,
        "texts": [*_texts(dict(content.arguments))][:_MOST_TEXTS],
    }


def _texts(value: JsonValue) -> Iterator[JsonValue]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
