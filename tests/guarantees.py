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
    "P2.no_writes": ("A fresh install can't write: nobody may call a tool that writes until an admin turns it on.", "promise P2"),
    "P2.one_at_a_time": ("One write tool is turned on for one role; nothing else becomes possible.", "promise P2"),
    "P2.evidence": ("A write is granted with evidence, or with the name of who accepts that there is none.", "design: earned writes"),
    "P2.granted_definition": ("A write is granted for a tool as it is defined then: an edited one is denied until an approver signs again.", "promise P2"),
    "P2.signed_policy": ("A policy that allows writes counts only with an enrolled approver's signature.", "design: activation"),
    "P3.people_commit": ("Nothing is written to a system of record unless a person said yes in another channel.", "promise P3"),
    "P3.binding": ("An approval holds for exactly what was shown: whatever is altered afterwards is found and not carried out.", "promise P3"),
    "P3.requesters": ("Nobody who asked for a change decides about it, by whichever name.", "promise P3"),
    "P3.signed": ("A decision counts only with the signature of its person's key over its canonical words.", "promise P3"),
    "P3.enrolled": ("Only enrolments that go back, signature by signature, to the first approver's key count.", "promise P3"),
    "P3.signed_target": ("A change goes to the system, and by the mapping, that an approver signed for, whatever files say later.", "promise P3"),
    "P3.enough_people": ("As many different people as policy asks for have said yes, none of them twice.", "promise P3"),
    "P3.not_stricter": ("What was approved is not carried out once policy asks for more than it did then.", "design: approval"),
    "P3.expires": ("A decision counts only if it was made while the proposal waited for it.", "promise P3"),
    "P2.opened_system": ("A system takes only the operations that its settings and its profile open for writing.", "promise P2"),
    "P2.listed_calls": ("A session that writes calls listed methods of listed models, and nothing else.", "promise P2"),
    "P3.live_preview": ("A change is worked out on the record as its system has it now, from all facts it needs, or not at all.", "promise P3"),
    "P3.agent_told": ("An agent is told where its proposals stand and what to do, nothing of who decided, nothing of others' proposals.", "promise P3"),
    "P4.one_effect": ("An approved proposal takes effect at most once, across retries, kills and restarts.", "promise P4"),
    "P4.unknown": ("An outcome that is not known is called unknown and reconciled by reading back, never sent again.", "promise P4"),
    "P4.stale": ("A record that changed after the approval is not written.", "promise P4"),
    "P4.idempotent": ("The same key gives the same proposal; the same key with another meaning is refused.", "promise P4"),
    "P4.whole_or_none": ("A call cut off anywhere leaves no proposal, or one that the same key finds again.", "promise P4"),
    "P4.table": ("A proposal moves only as the table of moves says, and under no lease but the present one.", "design: states"),
    "P4.limits": ("A business limit holds exactly, whichever processes propose or send at once.", "design: business limits"),
    "P4.kill_switch": ("What is stopped is neither proposed nor sent; what may have been sent is still read back.", "design: kill switch"),
    "P5.moves_proved": ("Verification finds a move that could not happen, a write without its approvals, a row changed behind its records.", "promise P5"),
    "P5.rows_vouched": ("Verification finds an approver, decision, policy or stop that is gone, came back or is not the one recorded.", "promise P5"),
    "P5.events": ("Each move of a proposal leaves one event, in the transaction of the move.", "design: outbox"),
    "P5.audit_or_nothing": ("Where the audit record can't be written, nothing is answered.", "promise P5"),
    "P5.every_decision": ("Every call, allowed or refused, leaves one record before its answer.", "promise P5"),
    "P5.tamper_evident": ("A changed, removed, inserted or reordered record is found by verification.", "promise P5"),
    "P5.leaf_format": ("The audit leaf is canonical JSON with a version, a link and salted field digests.", "promise P5"),
    "P6.planning_side": ("Requests that reach below ISA-95 level 3 are refused and named.", "promise P6"),
    "rules.requisition": ("A requisition is proposed only where the material may be bought, in a quantity and for a date that pass.", "request: business rules"),
    "rules.duplicate": ("What is requested or ordered already is refused as a duplicate, with its id and quantity.", "request: business rules"),
    "rules.delivery_date": ("Only an open, released line with something still to come gets another date, and only one that can be.", "request: business rules"),
    "rules.impact": ("Who becomes late by a new date, and who is rescued, is worked out by the rule that explains late orders.", "request: business rules"),
    "rules.not_evaluable": ("A rule whose facts are missing refuses; it never passes unseen.", "design: rules"),
    "rules.own_words": ("What a person decides on is in our words: no name, note or other text of a system stands in it.", "promise P8"),
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
    "P10.outage": ("An outage postpones what was approved, until its time is over; it does not lose it.", "promise P10"),
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
    "commands.contract": ("Whatever writes to a system passes the shipped contract: one effect, honest outcomes.", "design: adapters"),
    "commands.probe": ("What a system takes, and how each unknown outcome is found out, is shown before writes are on.", "design: retry contract"),
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
