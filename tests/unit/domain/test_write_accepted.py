"""`accepted` of an operation: what may be said of a system that says later what became of a change."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, Final

import pytest

from erp_mcp.domain.write_grammar import PlanError, parse_plan
from erp_mcp.domain.write_plan import Plan, Protocol, TakenIn
from erp_mcp.errors import ProfileFileError
from erp_mcp.systems.load import load_profile
from tests.guarantees import guarantees
from tests.unit.adapters.odata.buying_profile import PLANS as ODATA
from tests.unit.adapters.rest.fake_writes import PLANS as REST
from tests.unit.adapters.writing_source import CREATE, DATE

GONE: Final = object()
JOB: Final[dict[str, Any]] = {
    "ticket": {"path": "job.id"}, "ack_s": 600,
    "ask": {"path": ["jobs", {"ticket": True}], "state": "state", "running": ["R"], "done": ["D"], "refused": ["F"],
            "error": "code", "codes": {"E1": "blocked"}},
}  # fmt: skip
MONITOR: Final[dict[str, Any]] = {"ticket": {"location": "address"}, "respond_async": True, "ack_s": 600}


def plan(accepted: dict[str, Any], *, protocol: Protocol = "rest", operation: str = CREATE, **more: Any) -> Plan:
    """Return a good plan with this `accepted`."""
    body = copy.deepcopy((REST if protocol == "rest" else ODATA)[operation])
    body |= {"settle_s": 600, "accepted": accepted, **more}
    return parse_plan(operation, body, protocol=protocol, key_parts=1 if protocol == "rest" else 2)


def changed(accepted: dict[str, Any], place: tuple[str, ...], value: object) -> dict[str, Any]:
    """Return it with one place changed."""
    found = copy.deepcopy(accepted)
    at = found
    for step in place[:-1]:
        at = at[step]
    if value is GONE:
        del at[place[-1]]
    else:
        at[place[-1]] = value
    return found


@guarantees("commands.taken_in", "commands.plans")
@pytest.mark.parametrize("protocol", ["rest", "odata"])
def test_the_status_monitor_of_odata_needs_no_more_than_its_time(protocol: Protocol) -> None:
    """202, its `Location` and the last answer there are the protocol's own."""
    one = plan(MONITOR, protocol=protocol)
    assert isinstance(one.accepted, TakenIn)
    assert (one.accepted.statuses, one.accepted.ticket, one.accepted.ask.place) == (frozenset({202}), "address", None)
    assert (one.contract.ack_s, one.contract.settle_s, one.accepted.every_s) == (600, 600, 30)


@guarantees("commands.taken_in", "P4.accepted", "input.clear_errors")
@pytest.mark.parametrize("operation", [DATE, CREATE])
@pytest.mark.parametrize("settle_s", [0, 599])
def test_what_may_still_be_under_way_is_never_called_not_applied(operation: str, settle_s: int) -> None:
    """The answer that takes it in may get lost: then it is missed only once its time is over, twice."""
    with pytest.raises(PlanError) as refused:
        plan(MONITOR, operation=operation, settle_s=settle_s)
    assert refused.value.place == ("settle_s",)
    assert "600" in refused.value.reason
    assert "accepted.ack_s" in refused.value.reason


@guarantees("commands.taken_in")
def test_where_nothing_finds_it_no_time_to_settle_is_asked_for() -> None:
    """Lost, it goes to a person at once."""
    assert plan(MONITOR, operation=DATE, contract="none", settle_s=0).contract.ack_s == 600


@guarantees("commands.taken_in", "input.clear_errors")
@pytest.mark.parametrize(
    ("accepted", "place", "value", "wrong"),
    [
        (MONITOR, ("ack_s",), GONE, ("ack_s",)),
        (MONITOR, ("ack_s",), 9, ("ack_s",)),
        (MONITOR, ("ack_s",), 86_401, ("ack_s",)),
        (MONITOR, ("ack_s",), True, ("ack_s",)),
        (MONITOR, ("every_s",), 0, ("every_s",)),
        (MONITOR, ("every_s",), 3601, ("every_s",)),
        (MONITOR, ("respond_async",), "yes", ("respond_async",)),
        (MONITOR, ("ticket",), {}, ("ticket",)),
        (MONITOR, ("ticket",), {"location": "address", "path": "id"}, ("ticket",)),
        (MONITOR, ("ticket",), {"location": "whole"}, ("ticket", "location")),
        (MONITOR, ("ticket",), {"location": "end"}, ("ask",)),
        (MONITOR, ("statuses",), [202, 302], ("statuses",)),
        (MONITOR, ("statuses",), [True], ("statuses",)),
        (MONITOR, ("statuses",), [200], ("statuses",)),
        (MONITOR, ("statuses",), [202, 204], ("statuses",)),
        (MONITOR, ("sttuses",), [202], ("sttuses",)),
        (MONITOR, ("ask",), {"path": ["jobs", {"ticket": True}]}, ("ask",)),
        (MONITOR, ("ask",), {"done": ["D"]}, ("ask", "state")),
        (MONITOR, ("ask",), {"codes": {"E1": "blocked"}}, ("ask", "state")),
        (JOB, ("ask",), GONE, ("ask",)),
        (JOB, ("ask", "path"), ["jobs"], ("ask",)),
        (JOB, ("ask", "path"), ["jobs", {"found": "x.y"}, {"ticket": True}], ("ask",)),
        (JOB, ("ask", "path"), ["jobs", {"ticket": False}], ("ask", "path", 1, "ticket")),
        (JOB, ("ask", "path"), [{"ticket": True}], ("ask", "path")),
        (JOB, ("ask", "path"), ["requisitions"], ("ask",)),
        (JOB, ("ask", "path"), ["requisitions", {"ticket": True}], ("ask",)),
        (JOB, ("ask", "done"), [], ("ask", "done")),
        (JOB, ("ask", "running"), GONE, ("ask", "running")),
        (JOB, ("ask", "done"), ["D", "R"], ("ask", "state")),
        (JOB, ("ask", "refused"), ["D"], ("ask", "state")),
        (JOB, ("ask", "done"), [200], ("ask", "done")),
        (JOB, ("ask", "done"), [""], ("ask", "done")),
        (JOB, ("ask", "error"), GONE, ("ask", "codes")),
        (JOB, ("ask", "codes"), {"E1": "Blocked!"}, ("ask", "codes", "E1")),
        (JOB, ("ask", "stat"), "x", ("ask", "stat")),
    ],
)
def test_a_mistake_is_named_with_its_place(
    accepted: dict[str, Any], place: tuple[str, ...], value: object, wrong: tuple[str | int, ...]
) -> None:
    """Nothing is guessed about what may be on its way."""
    assert isinstance(plan(accepted).accepted, TakenIn)
    with pytest.raises(PlanError) as refused:
        plan(changed(accepted, place, value))
    assert refused.value.place == ("accepted", *wrong)


@guarantees("commands.taken_in", "input.clear_errors")
@pytest.mark.parametrize(("accepted", "named"), [(MONITOR, {"made": GONE}), (JOB, {})])
def test_where_nothing_finds_a_new_document_its_word_must_name_it(
    accepted: dict[str, Any], named: dict[str, Any]
) -> None:
    """Else any page that looks like an answer would be a document that nobody can name."""
    body = copy.deepcopy(REST[CREATE]) | {"settle_s": 0, "contract": "none", "accepted": copy.deepcopy(accepted)}
    del body["find"]
    for key in named:
        del body[key]
    with pytest.raises(PlanError) as refused:
        parse_plan(CREATE, body, protocol="rest", key_parts=1)
    assert refused.value.place == ("accepted",)
    body |= {"made": {"location": True}}
    body["accepted"].get("ask", {})["key_paths"] = ["result"]
    assert parse_plan(CREATE, body, protocol="rest", key_parts=1).accepted is not None


@guarantees("commands.taken_in", "commands.plans")
def test_a_ticket_stands_nowhere_but_in_what_asks() -> None:
    """Before it was taken in there is none."""
    body = copy.deepcopy(REST[CREATE])
    body["write"]["body"]["note"] = {"ticket": True}
    with pytest.raises(PlanError) as refused:
        parse_plan(CREATE, body, protocol="rest", key_parts=1)
    assert refused.value.place == ("write",)


@guarantees("commands.taken_in", "commands.change_sets")
def test_a_change_set_is_not_taken_in() -> None:
    """It is answered with 202 by V2 when it is done."""
    write = {**copy.deepcopy(ODATA[CREATE]["write"]), "batch": True}
    with pytest.raises(PlanError) as refused:
        plan(MONITOR, protocol="odata", write=write)
    assert refused.value.place == ("accepted",)


@guarantees("commands.taken_in", "input.clear_errors")
def test_a_status_means_done_or_taken_in_and_never_both() -> None:
    """Over REST 201 is taken in only where the profile no longer calls it done."""
    both = {**JOB, "statuses": [201]}
    with pytest.raises(PlanError) as refused:
        plan(both)
    assert refused.value.place == ("accepted", "statuses")
    assert plan(both, answer={"done": [200], "error": "exc_type"}).accepted is not None


@guarantees("commands.taken_in", "input.clear_errors")
def test_a_profile_that_settles_too_early_is_refused_with_its_line(tmp_path: Path) -> None:
    """The integrator sees the file, the line, the key and what it has to be."""
    shipped = Path(__file__).resolve().parents[3] / "erp_mcp" / "systems"
    text = (shipped / "s4hana-v4.yaml").read_text(encoding="utf-8").replace("profile: s4hana-v4\n", "profile: slow\n")
    accepted = "      accepted: {ticket: {location: address}, respond_async: true, ack_s: 3600}\n"
    head = "    purchase_requisition.create:\n"
    assert text.count(head) == 1
    (tmp_path / "slow.yaml").write_text(text.replace(head, head + accepted), encoding="utf-8")
    with pytest.raises(ProfileFileError) as refused:
        load_profile("slow", [tmp_path])
    assert refused.value.code == "systems.bad_profile"
    assert refused.value.facts["key"] == "commands.operations.purchase_requisition.create.settle_s"
    assert "must be 3600 at least" in str(refused.value.facts["reason"])
    assert refused.value.facts["line"]
