from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Final

import pytest

from erp_mcp.adapters._mapping import MAX_TEXT_CHARS, RecordMapper
from erp_mcp.domain.entities.orders import SalesOrder
from erp_mcp.domain.entities.production import Job
from erp_mcp.errors import BadAnswerError, EntityNotOfferedError, InexactNumberError
from tests.guarantees import guarantees

AS_OF: Final = "2026-03-16T05:00:00Z"
ORDER: Final[dict[str, object]] = {
    "source_key": "0010000123",
    "version_token": "7",
    "sales_order_id": "0010000123",
    "site": "1000",
    "customer_id": "0000004711",
    "order_state": "OPEN",
}
STATES: Final = {"sales_order.order_state": {"OPEN": "open"}, "job.response_state": {"RUN": "Running"}}


def order(**changes: object) -> SalesOrder:
    mapper = RecordMapper("sales_order", system="erp", states=STATES)
    record = mapper.record({**ORDER, **changes}, as_of=AS_OF)
    assert isinstance(record, SalesOrder)
    return record


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(
    ("raw", "scaled"),
    [
        ("125.50", 1_255_000),
        ("-0.0001", -1),
        ("007", 70_000),
        ("1.50000000", 15_000),
        (3, 30_000),
        (Decimal("2.5"), 25_000),
        ("922337203685477.5807", 2**63 - 1),
    ],
)
def test_money_is_exact(raw: object, scaled: int) -> None:
    """From the system's text to the stored integer no digit is lost."""
    assert order(net_value=raw).net_value == scaled


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize("raw", ["0.00001", "922337203685477.5808", "1" * 30, Decimal("0.00001")])
def test_a_number_with_more_digits_than_can_be_kept_is_refused(raw: object) -> None:
    """Rounding in silence would be a wrong answer later."""
    with pytest.raises(InexactNumberError) as caught:
        order(net_value=raw)
    assert caught.value.facts == {"system": "erp", "entity": "sales_order", "field": "net_value"}


@guarantees("P8.no_leaks", "input.clear_errors")
@pytest.mark.parametrize(
    ("field", "raw"),
    [
        ("net_value", 1.5),
        ("net_value", True),
        ("net_value", "s3cret"),
        ("net_value", "1e5"),
        ("net_value", "1_000"),
        ("net_value", " 1"),
        ("net_value", "NaN"),
        ("net_value", "1" * 100),
        ("net_value", [1]),
        ("order_date", "s3cret"),
        ("order_date", "2026-02-30"),
        ("order_date", "20260316"),
        ("order_date", datetime(2026, 3, 16, tzinfo=UTC)),
        ("order_date", 20260316),
        ("order_state", "s3cret"),
        ("order_state", "open"),
        ("customer_id", 1.0),
        ("customer_id", "x" * 201),
        ("customer_id", "   "),
        ("note", b"s3cret"),
        ("note", "\ud800"),
        ("source_key", None),
        ("site", ""),
    ],
)
def test_nonsense_is_refused_by_field_and_never_shown(field: str, raw: object) -> None:
    """The error reaches agents and logs; the value may be anything."""
    with pytest.raises(BadAnswerError) as caught:
        order(**{field: raw})
    assert (caught.value.facts["entity"], caught.value.facts["field"]) == ("sales_order", field)
    assert "s3cret" not in f"{caught.value} {caught.value.facts}"
    assert caught.value.__cause__ is None


@guarantees("P7.exact_numbers")
def test_ids_keep_their_zeros_and_codes_lose_their_padding() -> None:
    """A fixed-width column pads; an id is text."""
    record = order(customer_id="0000004711  ", currency="EUR ", order_date=date(2026, 3, 16))
    assert (record.customer_id, record.currency, record.order_date) == ("0000004711", "EUR", "2026-03-16")
    assert order(customer_id=4711).customer_id == "4711"


@guarantees("P7.same_answers")
def test_a_state_that_is_not_listed_becomes_the_nearest_word_where_the_profile_names_one() -> None:
    """Its own code is told beside it; a profile that names none refuses the record, as for any other code."""
    states = {"sales_order.order_state": {"OPEN": "open", "other": "closed"}}
    record = RecordMapper("sales_order", system="erp", states=states).record(
        {**ORDER, "order_state": "ARCH"}, as_of=AS_OF
    )
    assert isinstance(record, SalesOrder)
    assert (record.order_state, record.native_state) == ("closed", "ARCH")
    codes = {**states, "sales_order.credit_status": {"OK": "released", "other": "blocked"}}
    with pytest.raises(BadAnswerError):
        RecordMapper("sales_order", system="erp", states=codes).record({**ORDER, "credit_status": "?"}, as_of=AS_OF)


@guarantees("P7.exact_numbers")
def test_a_state_becomes_canonical_and_its_native_code_is_kept() -> None:
    """People at the system of record know it by the native one."""
    assert (order().order_state, order().native_state) == ("open", "OPEN")
    assert order(native_state="OPN1").native_state == "OPN1"


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize(
    "raw",
    [
        "2026-03-16T05:00:00Z",
        "2026-03-16T06:00:00+01:00",
        "2026-03-16T05:00:00.999Z",
        datetime(2026, 3, 16, 7, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_instants_become_utc(raw: object) -> None:
    """One form, whatever the system's zone."""
    assert _job(started_at=raw).started_at == "2026-03-16T05:00:00Z"


@guarantees("P7.exact_numbers")
@pytest.mark.parametrize("raw", ["2026-03-16T05:00:00", "2026-03-16", datetime(2026, 3, 16), 5])  # noqa: DTZ001
def test_an_instant_without_a_zone_is_refused(raw: object) -> None:
    """Guessing a zone moves it by hours."""
    with pytest.raises(BadAnswerError):
        _job(started_at=raw)


@guarantees("P9.bounded")
def test_long_text_is_cut() -> None:
    """A note can't fill the read model."""
    assert len(order(note="x" * 100_000).note or "") == MAX_TEXT_CHARS


@guarantees("input.clear_errors")
def test_an_entity_that_is_not_canonical_is_refused() -> None:
    """A profile with a slip of the pen is found when it is opened."""
    with pytest.raises(EntityNotOfferedError):
        RecordMapper("sales_ordr", system="erp", states={})


def _job(**changes: object) -> Job:
    row: dict[str, object] = {
        "source_key": "J1",
        "version_token": "1",
        "job_id": "J1",
        "production_order_id": "1000123",
        "site": "1000",
        "work_center_id": "L1",
        "response_state": "RUN",
        **changes,
    }
    record = RecordMapper("job", system="mes", states=STATES).record(row, as_of=AS_OF)
    assert isinstance(record, Job)
    return record
