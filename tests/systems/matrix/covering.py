"""Which cells of the matrix a test covers, said at the test itself: no cell is filled in anywhere else.

- `@covers("stale version", TRYTON)`;
- `@covers("stale version", Of("profile", {"s4hana": CAP_V2, "s4hana-v4": CAP_V4}))`: by a parameter;
- `@covers(COMMAND_CONTRACT, TRYTON)`: by the name of the test;
- `@covers(WRITING, FSMES_REST, refused="a system of the shop floor is read only")`: what it proves is a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., object])
Value = TypeVar("Value")

CAP_V2: Final = "CAP V2"
CAP_V4: Final = "CAP V4"
SQL_REPLICA: Final = "SQL replica"
TRYTON: Final = "Tryton"
FSMES_REST: Final = "FSMES REST"
FSMES_REPLICA: Final = "FSMES replica"
MARIADB: Final = "MariaDB"
DEMO_PLANT: Final = "demo plant"

SYNC: Final = "sync"
QUESTIONS: Final = "questions"
STALE: Final = "stale version"
REPEAT: Final = "idempotent repeat"
LOST_REPLY: Final = "lost reply"
PAGING: Final = "paging under writes"
FAULTS: Final = "fault list"
DATE_TOOL: Final = "propose_update_delivery_date"
CREATE_TOOL: Final = "propose_create_purchase_requisition"
ORDER_TOOL: Final = "propose_create_purchase_order"
SALES_DATE_TOOL: Final = "propose_update_sales_delivery_date"
RESCHEDULE_TOOL: Final = "propose_reschedule_production_order"
CHANGE_TOOL: Final = "propose_change_purchase_order"
CANCEL_TOOL: Final = "propose_cancel_purchase_order"
SALES_PRICE_TOOL: Final = "propose_update_sales_price"
PURCHASE_PRICE_TOOL: Final = "propose_update_purchase_price"
WRITING: Final = (DATE_TOOL, CREATE_TOOL, STALE, REPEAT, LOST_REPLY)
"""All rows that are about writing."""

PROFILES: Final[Mapping[str, tuple[str, ...]]] = {
    CAP_V2: ("s4hana",),
    CAP_V4: ("s4hana-v4",),
    SQL_REPLICA: ("s4hana-replica",),
    TRYTON: ("tryton",),
    FSMES_REST: ("fsmes",),
    FSMES_REPLICA: ("fsmes-replica",),
    MARIADB: (),
    DEMO_PLANT: ("demo-erp", "demo-mes"),
}
"""Column → the shipped profiles that it is read by, none where tests bring their own."""

MARKER: Final = "covers"
TRIED: Final = "tried"
"""The property in which a test says how many things it tried, and how many of them went well."""
EXPLAINED: Final = "explained"
"""The property in which a test says how many values differ, each with its reason in the documentation."""
NOTES: Final = "notes"
"""The property in which a test says what else a reader of the table should know, as a list of texts."""


@dataclass(frozen=True, slots=True)
class Of:
    """Words for the values of a parameter of the test or of its fixtures.

    A value that has no word covers nothing; where there are no words at all, a value is its own word.
    """

    parameter: str
    words: Mapping[object, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Named:
    """Words for the names of the tests of a class, for tests that were written elsewhere; others cover nothing."""

    words: Mapping[str, str]


Said = str | tuple[str, ...] | Of | Named

ADAPTER_CONTRACT: Final = Named(
    {
        "test_gives_exactly_what_the_system_holds": SYNC,
        "test_gives_each_source_key_once": SYNC,
        "test_gives_numbers_as_exact_integers": SYNC,
        "test_resumes_from_each_watermark_with_the_rest": SYNC,
        "test_a_second_pass_without_changes_changes_nothing": SYNC,
        "test_resumes_a_pass_over_many_changes_from_each_watermark": SYNC,
        "test_sees_an_edit": SYNC,
        "test_sees_an_addition": SYNC,
        "test_sees_a_deletion": SYNC,
        "test_loses_no_change_made_between_two_pages": PAGING,
        "test_loses_nothing_that_stays_when_rows_shift_between_two_pages": PAGING,
        "test_says_unreachable_when_the_system_is_down": FAULTS,
        "test_says_timeout_when_the_system_is_slow": FAULTS,
        "test_refuses_nonsense_instead_of_passing_it_on": FAULTS,
        "test_puts_no_secret_or_system_text_into_an_error_or_log": FAULTS,
        "test_a_pass_that_is_cut_off_never_counts_as_complete": FAULTS,
        "test_answers_again_when_the_system_is_back": FAULTS,
    }
)
COMMAND_CONTRACT: Final = Named(
    {
        "test_a_record_that_changed_is_a_conflict_and_is_not_written": STALE,
        "test_the_same_command_again_makes_no_second_one": REPEAT,
        "test_a_used_reference_makes_no_other_document": REPEAT,
        "test_two_at_once_have_one_effect": REPEAT,
        "test_an_answer_lost_after_the_effect_is_unknown_and_then_found": LOST_REPLY,
        "test_a_request_lost_before_the_effect_is_never_called_committed": LOST_REPLY,
        "test_a_system_that_is_down_was_not_written_to": FAULTS,
        "test_a_system_that_is_down_never_looks_empty": FAULTS,
        "test_a_cancelled_send_leaves_what_can_be_found": FAULTS,
        "test_says_nothing_but_codes_of_ours": FAULTS,
    }
)


CAP_BY_PROFILE: Final = Of("profile", {"s4hana": CAP_V2, "s4hana-v4": CAP_V4})
"""For tests of both versions, each by its profile."""
TOOL_BY_OPERATION: Final = Of(
    "operation",
    {"purchase_order_line.update_delivery_date": DATE_TOOL, "purchase_requisition.create": CREATE_TOOL},
)
"""For tests of both writes."""


PLANNING_TOOL: Final[Mapping[object, str]] = {
    "production_order.reschedule": RESCHEDULE_TOOL,
    "reservation.create": "propose_reserve_inventory",
    "reservation.release": "propose_release_reservation",
    "quality_notification.create": "propose_create_quality_notification",
    "planned_order.confirm": "propose_confirm_planned_order",
    "delivery.create": "propose_create_delivery",
}
"""Operation → tool, of plans, stock, quality and delivery."""
PLANNING_TOOL_BY_OPERATION: Final = Of("operation", PLANNING_TOOL)
"""For tests of all of them."""


class Covered(NamedTuple):
    """One cell; `refused` is why the system does not do it, where the test proves that."""

    column: str
    row: str
    refused: str = ""


def covers(row: Said, column: Said, *, refused: str = "") -> Callable[[Test], Test]:
    """Mark a test, or a class of tests, as one of the proofs of a cell.

    Args:
        row: What is tried: a row's name, several, or what a parameter or the test's name stands for.
        column: With which system, told in the same ways.
        refused: Why the system does not do it, for a test that proves just that.
    """
    mark: Callable[[Test], Test] = pytest.mark.covers(row, column, refused)
    return mark


def cells_of(item: pytest.Item) -> list[Covered]:
    """Return the cells that a collected test covers, each once.

    Raises:
        ValueError: when a column is none of `PROFILES`.
    """
    found = dict.fromkeys(
        Covered(column, row, mark.args[2])
        for mark in item.iter_markers(MARKER)
        for row in _words(mark.args[0], item)
        for column in _words(mark.args[1], item)
    )
    if unknown := {one.column for one in found} - PROFILES.keys():
        raise ValueError(f"{item.nodeid} covers no known system: {sorted(unknown)}")
    return list(found)


def _words(said: Said, item: pytest.Item) -> Iterator[str]:
    if isinstance(said, str):
        yield said
    elif isinstance(said, tuple):
        yield from said
    elif isinstance(said, Named):
        yield from _one(said.words, getattr(item, "originalname", item.name))
    else:
        yield from _of_parameter(said, item)


def _of_parameter(said: Of, item: pytest.Item) -> Iterator[str]:
    callspec = getattr(item, "callspec", None)
    if callspec is None or said.parameter not in callspec.params:
        raise ValueError(f"{item.nodeid} has no parameter {said.parameter}")
    value = callspec.params[said.parameter]
    if said.words:
        yield from _one(said.words, value)
    else:
        yield str(value)


def _one(words: Mapping[Value, str], value: Value) -> Iterator[str]:
    if value in words:
        yield words[value]
