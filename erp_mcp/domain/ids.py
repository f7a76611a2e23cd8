"""Ids of proposals and of outgoing events: short, and sorted by time."""

from __future__ import annotations

from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHARACTERS: Final = 12
_RANDOM_BITS: Final = 23  # 48 bits of time and these are less than 62^12


def event_id_of(uuid: str) -> str:
    """Return `evt_` and 12 base-62 characters from a UUIDv7: its time, so that ids sort, and its last random bits."""
    return f"evt_{_short(uuid)}"


def proposal_id_of(uuid: str) -> str:
    """Return `prp_` and 12 base-62 characters from a UUIDv7, made as those of events."""
    return f"prp_{_short(uuid)}"


def task_id_of(uuid: str) -> str:
    """Return `tsk_` and 12 base-62 characters from a UUIDv7, made as those of events."""
    return f"tsk_{_short(uuid)}"


def _short(uuid: str) -> str:
    number = int(uuid.replace("-", ""), 16)
    value = number >> 80 << _RANDOM_BITS | number & (1 << _RANDOM_BITS) - 1
    text = ""
    for _ in range(_CHARACTERS):
        value, digit = divmod(value, len(_ALPHABET))
        text = _ALPHABET[digit] + text
    return text
