"""What a probe finds by looking closely: rights, fields, each failure by itself, and what to do about each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from erp_mcp.cli.app import main
from erp_mcp.cli.systems_report import skew
from tests.guarantees import guarantees
from tests.unit.cli.toys import toy

WRITES: Final = "url: toy://here, write: {account: writer, auth: {kind: none}}"


def probed(config: Path) -> tuple[int, dict[str, Any]]:
    """Return exit status and report of a probe."""
    result = CliRunner().invoke(main, ["systems", "probe", "toy", "--config", str(config), "--json"])
    assert result.stdout, result.output
    return result.exit_code, json.loads(result.stdout)


def checks(report: dict[str, Any], status: str) -> list[tuple[str, str, str]]:
    """Return the checks of one status: name, detail and what to do."""
    return [(one["name"], one["detail"], one["do"]) for one in report["checks"] if one["status"] == status]


@guarantees("commands.probe")
def test_fields_paging_and_lag_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing and optional is a gap with a name, and no reason to stop."""
    bindings = (
        "EntityBinding(entity='material', bound=('material_id', 'base_uom'), source='parts'),"
        " EntityBinding(entity='stock', bound=('qty',), missing=('lot_id',), source='bins'),"
    )
    status, report = probed(toy(tmp_path, monkeypatch, entities=bindings))

    assert (status, report["problems"]) == (0, [])
    assert report["told"]["replica lag"] == "2 s"
    assert [(one["entity"], one["missing"]) for one in report["fields"]] == [("material", []), ("stock", ["lot_id"])]
    assert checks(report, "note") == [
        ("fields", "stock (bins) is without lot_id", "answers name it as a gap; map it where the system has it")
    ]
    assert ("fields", "1 of 2 entities are there as a whole", "") in checks(report, "ok")


@guarantees("commands.probe")
def test_a_mandatory_field_that_is_missing_is_a_problem_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system is not used without it, so it is better known now."""
    binding = "EntityBinding(entity='stock', mandatory=('qty', 'uom'), source='bins'),"
    status, report = probed(toy(tmp_path, monkeypatch, entities=binding))

    ((name, detail, do),) = checks(report, "problem")
    assert (status, name, detail) == (1, "fields", "stock (bins) lacks what it must have: qty (e), uom (f)")
    assert "map them" in do


@guarantees("commands.probe")
def test_what_is_missing_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter may count what it must have among all that is missing; a gap and a refusal are not both true."""
    binding = "EntityBinding(entity='stock', missing=('lot_id', 'qty'), mandatory=('qty',), source='bins'),"
    _, report = probed(toy(tmp_path, monkeypatch, entities=binding))

    assert [detail for _, detail, _ in checks(report, "note")] == ["stock (bins) is without lot_id"]
    assert [detail for _, detail, _ in checks(report, "problem")] == ["stock (bins) lacks what it must have: qty (e)"]


@guarantees("commands.probe", "P2.least_rights")
def test_rights_that_can_not_be_seen_are_not_called_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looked, so a person has to."""
    status, report = probed(toy(tmp_path, monkeypatch, introspect="return Introspection(rights_seen=False)"))

    ((name, _, do),) = checks(report, "note")
    assert (status, name) == (0, "rights")
    assert "look in the system itself" in do
    assert not [one for one in checks(report, "ok") if one[0] == "rights"]


@guarantees("commands.probe")
def test_a_list_does_not_say_of_a_system_that_nobody_called_that_it_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs read `reachable` of both commands."""
    config = toy(tmp_path, monkeypatch)
    listed = json.loads(CliRunner().invoke(main, ["systems", "list", "--config", str(config), "--json"]).stdout)

    assert [one["reachable"] for one in listed] == [None]
    assert probed(config)[1]["reachable"] is True


@guarantees("commands.probe")
def test_an_account_that_could_not_sign_in_is_not_called_needless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is configured is needed, whether the system let it in or not."""
    config = toy(
        tmp_path,
        monkeypatch,
        system="url: toy://here, account: reader, secret: env:TOY_SECRET",
        probe="raise SystemRefusedError(system='toy')",
    )
    monkeypatch.setenv("TOY_SECRET", "hush")
    shown = CliRunner().invoke(main, ["systems", "probe", "toy", "--config", str(config)]).stdout

    assert "reader, not signed in" in shown
    assert "none needed" not in shown


@guarantees("commands.probe", "P2.least_rights")
def test_an_account_that_reads_and_could_write_is_refused_with_its_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Least privilege is looked at, not hoped for."""
    status, report = probed(toy(tmp_path, monkeypatch, excess="'INSERT on stock', 'UPDATE on stock'"))

    ((name, detail, do),) = checks(report, "problem")
    assert (status, name, do) == (1, "rights", "give it an account that can only read")
    assert detail == "the account that reads can do more than it needs: INSERT on stock, UPDATE on stock"


@guarantees("commands.probe", "P2.least_rights")
def test_what_takes_rights_away_is_shown_to_be_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever administers the system runs it; a line that was broken or changed would be another statement."""
    long = "REVOKE INSERT ON TABLE public.a_table_with_a_name_that_is_long_enough_for_a_line FROM gateway_read;"
    more = ", ".join(f"'REVOKE UPDATE ON t{number} FROM r;'" for number in range(13))
    config = toy(tmp_path, monkeypatch, excess="'INSERT on a table',", revoke=f"'{long}', 'DROP\\x1b[2K x', {more}")

    (problem,) = [one for one in probed(config)[1]["checks"] if one["status"] == "problem"]
    lines = CliRunner().invoke(main, ["systems", "probe", "toy", "--config", str(config)]).stdout.splitlines()

    assert (problem["statements"][0], len(problem["statements"])) == (long, 15)
    assert f"    {long}" in lines
    assert not [line for line in lines if "DROP" in line]
    assert "    … and 3 more" in lines


@guarantees("commands.probe", "P2.least_rights")
def test_an_account_that_its_adapter_refuses_itself_is_told_the_same_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Databases look at rights before anything else, so signing in is what fails."""
    facts = "system='toy', rights=('a', 'b'), revoke=('c',)"
    refuses = f"from erp_mcp.errors import AccountTooPowerfulError as E; raise E({facts})"
    status, report = probed(toy(tmp_path, monkeypatch, probe=refuses))

    ((name, detail, do),) = checks(report, "problem")
    assert (status, name, do.startswith("give it an account that can only read")) == (1, "rights", True)
    assert detail == "the account that reads can do more than it needs: a, b"
    assert report["reachable"] is True
    assert [one["statements"] for one in report["checks"] if one["status"] == "problem"] == [["c"]]


@guarantees("commands.probe", "P2.least_rights")
def test_an_account_that_writes_and_could_do_more_is_refused_with_its_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write account that may delete customers is one slip away from doing it."""
    config = toy(tmp_path, monkeypatch, system=WRITES, write_excess="'delete customers',")
    status, report = probed(config)

    ((name, detail, _),) = checks(report, "problem")
    assert (status, name) == (1, "rights")
    assert detail == "the account that writes can do more than it needs: delete customers"
    assert [one["verified"] for one in report["operations"]] == [True]


@guarantees("commands.probe", "input.clear_errors")
@pytest.mark.parametrize(
    ("step", "raised", "name", "told", "do"),
    [
        ("probe", "raise SystemUnreachableError(system='toy')", "reading", "adapter.unreachable", "check `url:`"),
        ("probe", "raise SystemRefusedError(system='toy')", "reading", "adapter.refused", "what it may see"),
        (
            "probe",
            "raise SystemRefusedError(system='toy', reason='not there')",
            "reading",
            "adapter.refused",
            "the path",
        ),
        ("probe", "raise SystemUnreachableError(system='toy', reason='certificate …')", "reading", "certif", "ca_file"),
        ("probe", "raise SystemTimeoutError(system='toy')", "reading", "adapter.timeout", "timeout_s"),
        ("probe", "raise KeyError('toy')", "reading", "inside the adapter (KeyError)", "contract suite"),
        ("introspect", "raise SystemTimeoutError(system='toy')", "fields", "adapter.timeout", "timeout_s"),
        ("introspect", "1 / 0", "fields", "(ZeroDivisionError)", "contract suite"),
    ],
)
def test_each_step_fails_by_itself_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, raised: str, name: str, told: str, do: str
) -> None:
    """An integrator mends several things at once instead of meeting them one by one."""
    status, report = probed(toy(tmp_path, monkeypatch, system=WRITES, **{step: raised}))

    ((found, detail, advice),) = checks(report, "problem")
    assert (status, found) == (1, name)
    assert told in detail
    assert do in advice
    assert report["writes"]["account"] == "writer"  # the account that writes was looked at all the same
    assert report["reachable"] is (step == "introspect" or "Refused" in raised)


@guarantees("commands.probe", "cli.teaches")
@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "the same as ours"),
        (-59, "59 s behind ours"),
        (60, "1 min 0 s ahead of ours"),
        (301, "5 min 1 s ahead of ours"),
        (-7_199, "1 h 59 min behind ours"),
        (7_200, "2 h 0 min ahead of ours"),
        (-90_000, "1 day 1 h behind ours"),
        (30 * 86_400, "30 days 0 h ahead of ours"),
    ],
)
def test_a_clock_that_differs_is_told_in_units_that_fit(seconds: int, words: str) -> None:
    """A zone that is set wrong is seen in hours, not in 7200 s."""
    assert skew(seconds) == words


@guarantees("commands.probe", "cli.teaches")
def test_a_clock_that_is_far_off_is_a_problem_told_in_hours_and_in_seconds_to_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo plant's clock stands still; what a system tells is measured against it."""
    config = toy(
        tmp_path,
        monkeypatch,
        probe="return {'product': 'Toy', 'version': '1', 'account': 'r', 'server_time': '2026-03-16T07:00:00Z'}",
    )
    text = config.read_text(encoding="utf-8").replace(
        "plant: {zone: Europe/Berlin}", 'plant: {zone: Europe/Berlin, clock: "2026-03-16T05:00:00Z"}'
    )
    config.write_text(text, encoding="utf-8")

    status, report = probed(config)

    assert (status, report["clock_skew_s"]) == (1, 7_200)
    assert "2 h 0 min ahead of ours" in checks(report, "problem")[0][1]
    shown = CliRunner().invoke(main, ["systems", "probe", "toy", "--config", str(config)]).stdout
    assert "2026-03-16T07:00:00Z, 2 h 0 min ahead of ours" in " ".join(shown.split())


@guarantees("commands.probe", "input.clear_errors")
@pytest.mark.parametrize(
    ("reason", "do"),
    [
        ("an address that is not listed", "find out where erp.example.com:443 leads"),
        ("next link to another host", "next_links: rewrite"),
    ],
)
def test_an_address_that_was_refused_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str, do: str
) -> None:
    """Whoever opens a firewall or lists a network needs the host, and nothing else of the address."""
    facts = f"system='toy', reason='{reason}', host='erp.example.com:443'"
    raised = f"from erp_mcp.errors import DestinationNotAllowedError; raise DestinationNotAllowedError({facts})"
    status, report = probed(toy(tmp_path, monkeypatch, probe=raised))

    ((_, detail, advice),) = checks(report, "problem")
    assert (status, "adapter.not_allowed" in detail) == (1, True)
    assert "host: erp.example.com:443" in detail
    assert do in advice


@guarantees("commands.probe")
def test_a_step_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits at a terminal gives up sooner than a broken adapter."""
    monkeypatch.setattr("erp_mcp.cli.systems_probe.LEAST_STEP_S", 0.05)
    config = toy(tmp_path, monkeypatch, introspect="import asyncio; await asyncio.Event().wait()")
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("toy://here", "toy://here, timeout_s: 1"), encoding="utf-8")
    monkeypatch.setattr("erp_mcp.cli.systems_probe.TIMES", 0.05)
    _, report = probed(config)
    ((name, detail, _),) = checks(report, "problem")
    assert (name, detail) == ("fields", "looking at what it has takes longer than 0.05 s")


@guarantees("cli.teaches")
def test_people_read_it_on_eighty_columns_with_what_to_do_under_each_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Narrow terminals are where systems are connected."""
    rights = ", ".join(f"'UPDATE on the table number {number}'" for number in range(20))
    config = toy(tmp_path, monkeypatch, excess=rights, more="declaration: licensed_access")
    words = ["systems", "declare", "toy", "--by", "Ina", "--pathway", "x" * 200, "--config", str(config)]
    assert CliRunner().invoke(main, words).exit_code == 0
    shown = CliRunner().invoke(main, ["systems", "probe", "toy", "--config", str(config)]).stdout

    lines = shown.splitlines()
    assert [line for line in lines if len(line) > 80 and "x" * 200 not in line] == []
    assert "and 8 more" in " ".join(shown.split())
    assert "UPDATE on the table number 19" not in " ".join(shown.split())
    assert "  whole lists  erp-mcp systems probe toy --json" in lines
    ((_, detail, _),) = checks(probed(config)[1], "problem")
    assert detail.count("UPDATE on the table number") == 20
    assert "  → give it an account that can only read" in lines
    assert "verified against a server of its protocol" in shown
    assert "replica lag" in shown
