"""Who acts: an agent, and the owner it acts for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A named agent with its owner and role, as the active policy bundle declares them."""

    agent: str
    owner: str
    role: str
