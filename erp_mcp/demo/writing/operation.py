"""The form of one command of the demo ERP, and of one kind of document that commands leave behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from erp_mcp.demo.writing.work import Arguments, Rejected, Reply, Work
from erp_mcp.domain.call import JsonValue
from erp_mcp.domain.command import Command, RetryKind
from erp_mcp.domain.profile import Profile

Read = Callable[[sqlite3.Connection, str, str], tuple[dict[str, JsonValue], str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentKind:
    """A kind of document: how it is read, and what its native columns are in canonical terms.

    `read(database, number, item)` gives native columns and version, both empty where a person has deleted it since.
    `canonical(fields, profile)` gives the fields of a command as the document has them. `key(number, item)` is the
    source key under which the record is synchronised.
    """

    read: Read
    canonical: Callable[[Mapping[str, JsonValue], Profile], dict[str, JsonValue]]
    key: Callable[[str, str], str] = "{}/{}".format


@dataclass(frozen=True, slots=True, kw_only=True)
class ErpOperation:
    """One command: what it is called in canonical terms, and what the ERP does for it.

    `kept` are the contracts that this service keeps for it, the strongest first. `native` says a command in the ERP's
    own terms, or why that can't be done; it reads nothing. `carry_out` does it in one transaction, with rules of the
    ERP's own, and returns the document. `refusals` are the codes it may return, for the reference and in general
    left out (`bad_reference`, `reference_exists`).
    """

    name: str
    kept: tuple[RetryKind, ...]
    native: Callable[[Command, Profile], Arguments | Rejected]
    carry_out: Callable[[Work, Arguments], Reply]
    refusals: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErpCall:
    """A command in the ERP's own terms, as it could go over a wire."""

    operation: str
    reference: str
    arguments: Arguments
