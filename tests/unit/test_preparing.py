"""A change is worked out from facts that are complete, fresh and allowed, or not at all."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from erp_mcp.domain.decision import Mask, Obligations, Setting
from erp_mcp.domain.operation import CommandFacts, Draft
from erp_mcp.errors import (
    NotAllowedError,
    ReadModelNotReadyError,
    RuleNotEvaluableError,
    RuleRefusedError,
    StaleDataError,
    SystemReadOnlyError,
    SystemTimeoutError,
    SystemUnreachableError,
)
from erp_mcp.ports import MAX_KEYS
from erp_mcp.preparing import LONG_ROWS, Prepared
from tests.guarantees import guarantees
from tests.unit.small_write import LINE, OPERATION, PROPOSE, SmallWrite


async def prepared(
    small: SmallWrite, obligations: Obligations | None = None, *, new_date: str = "2026-03-24"
) -> Prepared:
    """Work the change out."""
    asked = small.wish(new_date=new_date)
    return await small.preparation(deadline_s=0.05).prepare(PROPOSE, asked.checked, obligations or asked.obligations)


@guarantees("P3.live_preview")
async def test_a_change_is_worked_out_on_the_record_as_its_system_has_it_now() -> None:
    """The copy may be minutes old; what people approve and what is compared at the commit must not be."""
    small = SmallWrite()
    small.live.records["line-1"] = replace(LINE, version_token="v8", promised_date="2026-03-22")

    done = await prepared(small)

    assert (done.draft.version_token, done.draft.changes[0].before) == ("v8", "2026-03-22")
    assert [(source.system, source.via) for source in done.sources] == [("erp", "read_model"), ("erp", "live")]
    assert small.live.asked == [("erp", "purchase_order_line", ("line-1",))]


@guarantees("P3.live_preview")
async def test_the_same_facts_give_the_same_draft_again() -> None:
    """The worker does it a second time, and a difference there stops the change."""
    small = SmallWrite()
    assert await prepared(small) == await prepared(small)


@guarantees("P3.live_preview")
async def test_a_record_that_is_gone_is_refused() -> None:
    """The copy still shows it; a change of it can't be proposed."""
    small = SmallWrite()
    small.live.records.clear()

    with pytest.raises(RuleRefusedError) as refused:
        await prepared(small)

    assert refused.value.facts["rule"] == "R-GONE"


@guarantees("input.clear_errors")
async def test_the_first_rule_that_refuses_is_told_with_what_would_pass() -> None:
    """An agent mends one thing at a time, and hears of the others that wait."""
    with pytest.raises(RuleRefusedError) as refused:
        await prepared(SmallWrite(), new_date="2026-03-01")

    facts = refused.value.facts
    assert (facts["rule"], facts["today"], facts["also"]) == ("R-FUTURE", "2026-03-16", ("R-SECOND",))
    assert facts["message"]


@guarantees("P2.opened_system")
@pytest.mark.parametrize(
    "writable", [{}, {"mes": frozenset({OPERATION})}, {"erp": frozenset({"purchase_requisition.create"})}]
)
async def test_a_system_without_write_credentials_or_the_operation_takes_nothing(
    writable: dict[str, frozenset[str]],
) -> None:
    """Policy may allow the tool; a system that nobody opened for it stays as it is."""
    small = SmallWrite(writable=writable)
    with pytest.raises(SystemReadOnlyError) as refused:
        await prepared(small)
    assert refused.value.facts["system"] == "erp"


@guarantees("P3.live_preview")
async def test_a_system_that_is_down_leaves_nothing_to_propose() -> None:
    """What can't be looked at now can't be previewed; the error says that it may work later."""
    small = SmallWrite()
    small.live.failure = SystemUnreachableError(system="erp")
    with pytest.raises(SystemUnreachableError):
        await prepared(small)


@guarantees("P9.bounded")
async def test_a_system_that_does_not_answer_is_not_waited_for_beyond_the_deadline() -> None:
    """An agent's call must end."""
    small = SmallWrite()
    small.live.hangs = True
    with pytest.raises(SystemTimeoutError) as late:
        await prepared(small)
    assert late.value.facts["system"] == "erp"


@guarantees("P3.live_preview")
async def test_rules_that_did_not_see_every_row_say_nothing() -> None:
    """A read that was cut at its limit is a fact that is missing."""
    small = SmallWrite()
    small.copied.rows_of["lines"] = [("erp", f"line-{number}", "RM-001") for number in range(501)]
    with pytest.raises(RuleNotEvaluableError) as missing:
        await prepared(small)
    assert missing.value.facts["missing"] == "lines"


@guarantees("P7.freshness")
async def test_copied_data_above_its_budget_is_named_and_far_above_it_refused() -> None:
    """As for reads: the operation can flag it, and beyond four budgets nothing is proposed from it."""
    small = SmallWrite()
    small.copied.as_of["purchase_order_line"] = "2026-03-16T04:50:00Z"
    assert (await prepared(small)).stale == ("erp",)

    small.copied.as_of["purchase_order_line"] = "2026-03-16T04:30:00Z"
    with pytest.raises(StaleDataError):
        await prepared(small)
    small.copied.as_of["purchase_order_line"] = ""
    with pytest.raises(ReadModelNotReadyError):
        await prepared(small)


@guarantees("P7.no_false_empty")
async def test_an_optional_read_that_was_left_out_is_told_to_the_operation() -> None:
    """No rows of a source that is missing does not mean that nothing follows."""
    small = SmallWrite()
    del small.copied.as_of["sales_order"]
    assert (await prepared(small)).draft.effects == ("late was not looked at.",)


@guarantees("P8.masks")
async def test_nothing_is_worked_out_from_a_field_that_the_role_may_not_read() -> None:
    """A preview, or the message of a rule, would tell of it."""
    mask = Mask(field="purchase_order_line.material_id", way="drop", rule="hide-materials")
    obligations = replace(SmallWrite().obligations, masks=(mask,))
    with pytest.raises(NotAllowedError) as refused:
        await prepared(SmallWrite(), obligations)
    assert refused.value.facts["rule"] == "hide-materials"


@guarantees("P1.scope")
async def test_the_sites_of_the_role_bound_every_read() -> None:
    """What is outside the scope does not exist for a proposal either."""
    small = SmallWrite()
    await prepared(small)
    assert small.copied.asked[0]["site_scope"] == '["1000"]'


@guarantees("P9.bounded")
async def test_many_records_are_read_again_in_blocks_and_each_once() -> None:
    """A live read takes a bounded number of keys."""
    small = SmallWrite()
    keys = [f"line-{number}" for number in range(MAX_KEYS + 5)]
    small.copied.rows_of["lines"] = [("erp", key, "RM-001") for key in [*keys, *keys]]
    small.live.records = {key: replace(LINE, source_key=key) for key in keys}
    preparation = small.preparation()
    operation = replace(preparation.operations[OPERATION], function=_nothing)

    await replace(preparation, operations={OPERATION: operation}).prepare(
        PROPOSE, small.wish().checked, small.obligations
    )

    assert [len(asked) for _, _, asked in small.live.asked] == [MAX_KEYS, 5]
    assert [key for _, _, asked in small.live.asked for key in asked] == keys


def _nothing(_facts: object) -> Draft:
    return Draft(
        system="erp", key="", version_token="", fields={}, document="", headline="Nothing.", changes=(), checks=()
    )


@guarantees("P9.bounded")
@pytest.mark.parametrize(("rows", "beside"), [(10, False), (LONG_ROWS, True)])
async def test_an_operation_over_many_rows_leaves_the_event_loop_to_others(rows: int, beside: bool) -> None:
    """Other calls, pings and cancellations go on while effects on thousands of demands are worked out."""
    small = SmallWrite()
    small.copied.rows_of["late"] = [(f"{number:010}",) for number in range(rows)]
    preparation, threads = small.preparation(), list[int]()

    def noting(facts: CommandFacts) -> Draft:
        threads.append(threading.get_ident())
        return _nothing(facts)

    operation = replace(preparation.operations[OPERATION], function=noting)
    await replace(preparation, operations={OPERATION: operation}).prepare(
        PROPOSE, small.wish().checked, small.obligations
    )

    assert (threads != [threading.get_ident()]) == beside


@guarantees("policy.parameters", "P1.default_deny")
async def test_a_parameter_that_the_operation_has_not_is_a_denial() -> None:
    """What policy obliges to and nothing fulfils must not be lost on the way."""
    small = SmallWrite()
    bound = replace(small.obligations, settings=(Setting(rule="tight", name="price_step_most_pct", value=20),))

    with pytest.raises(NotAllowedError) as refused:
        await prepared(small, bound)

    assert refused.value.facts == {"reason": "obligation", "rule": "tight"}
    assert (await prepared(small)).parameters == {}
