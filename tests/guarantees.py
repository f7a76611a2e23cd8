"""Every promise the product makes, as provable statements; tests name the one they prove.

`test_guarantees.py` checks both directions: each id is proved by a test, each test names a known id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., object])

# id -> (sentence, source)
# fmt: off
GUARANTEES: dict[str, tuple[str, str]] = {
    "P1.hidden_is_missing": ("A tool that policy does not grant answers exactly as one that does not exist.", "promise P1"),
    "P1.default_deny": ("No grant, no rule, an unknown key or an error while deciding means refused.", "promise P1"),
    "P1.scope": ("Rows of a site outside the role's sites never appear, whatever the arguments.", "promise P1"),
    "P2.no_writes": ("A fresh install has no tool that writes.", "promise P2"),
    "P5.audit_or_nothing": ("Where the audit record can't be written, nothing is answered.", "promise P5"),
    "P5.every_decision": ("Every call, allowed or refused, leaves one record before its answer.", "promise P5"),
    "P5.tamper_evident": ("A changed, removed, inserted or reordered record is found by verification.", "promise P5"),
    "P5.leaf_format": ("The audit leaf is canonical JSON with a version, a link and salted field digests.", "promise P5"),
    "P6.planning_side": ("Requests that reach below ISA-95 level 3 are refused and named.", "promise P6"),
    "P7.right_cause": ("A late order's cause is found where a naive join is wrong.", "promise P7"),
    "P7.provenance": ("Every answer says from which systems, as of when, and whether it is complete.", "promise P7"),
    "P7.exact_numbers": ("Quantities, money and dates are exact from the system of record to the answer.", "promise P7"),
    "P7.freshness": ("Data above its budget is flagged, above four times the budget refused.", "promise P7"),
    "P7.no_false_empty": ("An empty answer says as of when, and never that nothing exists.", "promise P7"),
    "P7.stable_paging": ("Paging under concurrent change repeats and loses no unchanged row.", "promise P7"),
    "P7.sync_exact": ("Synchronisation ends with what the system of record holds: changes, deletions, restarts.", "promise P7"),
    "P7.demo_plant": ("The demo plant is deterministic and each planted cause is the only sufficient one.", "promise P7"),
    "P8.text_is_data": ("Text from a system is cleaned, capped and marked as data.", "promise P8"),
    "P8.masks": ("A masked field can't be read, filtered or sorted by.", "promise P8"),
    "P8.no_leaks": ("Errors carry no system text, secret, trace or other scope's existence.", "promise P8"),
    "P9.bounded": ("Sizes, depths, rows and waits are bounded.", "promise P9"),
    "P9.egress": ("Only listed hosts are contacted, with deadlines and byte caps, without redirects or retries.", "promise P9"),
    "P10.survives": ("Killed at any point and started again, it continues.", "promise P10"),
    "input.clear_errors": ("Bad input gets a stable code that names field and fix; nothing is changed.", "design: bad input"),
    "policy.apply": ("Only an applied bundle counts, and every running server follows it at once.", "design: activation"),
    "policy.closed_language": ("A policy file with an unknown key, name or unreachable rule is refused with its line.", "design: policy"),
    "catalog.lint": ("A tool file that breaks a rule is refused with its line.", "design: tools"),
    "catalog.pinned": ("One version of a tool is one definition: what an agent sees and what it is bound to.", "design: tools"),
    "catalog.tokens": ("The default list and typical answers stay inside their token budgets.", "design: budgets"),
    "mcp.both_eras": ("Handshake and stateless clients are served by one process over stdio.", "MCP 2025-11-25 and 2026-07-28"),
    "mcp.fast_first_answer": ("The first message is answered before anything heavy is imported.", "design: stdio"),
    "mcp.clean_wire": ("Nothing but protocol messages reaches standard output.", "MCP stdio transport"),
    "mcp.list_changed": ("Connected clients are told when an applied policy changes their list.", "MCP list_changed"),
    "adapter.contract": ("Every adapter passes the shipped contract.", "design: adapters"),
    "architecture.imports": ("Import contracts break the build, and a planted violation of each proves it.", "style: import rules"),
    "docs.agree": ("README, help, schemas and tool list agree with the code.", "definition of done"),
    "packaging.wheel": ("The wheel carries tools, policies and profiles, and nothing else of the tree.", "definition of done"),
    "cli.teaches": ("Commands explain themselves, and speak JSON to programs.", "issue: command line"),
}
# fmt: on


def guarantees(*ids: str) -> Callable[[Test], Test]:
    """Mark a test as proof of one or more promises."""
    unknown = [one for one in ids if one not in GUARANTEES]
    if unknown or not ids:
        raise ValueError(f"unknown guarantee: {unknown}")
    return pytest.mark.guarantees(*ids)
