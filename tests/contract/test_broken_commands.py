"""Implementations that write and are wrong in one way each: the contract must say so, or it decides nothing."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from erp_mcp.demo import DemoPlant
from erp_mcp.demo.erp_calls import CREATE_REQUISITION, UPDATE_DATE
from erp_mcp.demo.erp_commands import DemoErpCommands
from erp_mcp.domain.command import (
    Command,
    Committed,
    Conflict,
    NotSent,
    Outcome,
    Refused,
    RetryContract,
    Unknown,
    Written,
)
from erp_mcp.errors import GatewayError, SystemUnreachableError
from erp_mcp.testing import CommandContract
from tests.contract.test_demo_erp_commands import DemoSource
from tests.guarantees import guarantees

_NUMBERS: Final = itertools.count(1)


def _renamed(command: Command) -> Command:
    return dataclasses.replace(command, reference=f"X{next(_NUMBERS):011d}")


class RepeatsCommands(DemoErpCommands):
    """Sends again what was lost."""

    async def send(self, command: Command) -> Outcome:
        outcome = await super().send(command)
        return await super().send(command) if isinstance(outcome, Unknown) else outcome


class DuplicatesCommands(DemoErpCommands):
    """Makes up a reference of its own each time."""

    async def send(self, command: Command) -> Outcome:
        return await super().send(_renamed(command))


class TakesLossForSuccessCommands(DemoErpCommands):
    """Says committed of what it has no answer to."""

    async def send(self, command: Command) -> Outcome:
        outcome = await super().send(command)
        there = Written(document="?", key=command.key or "?", version_token="?")
        return Committed(written=there) if isinstance(outcome, Unknown) else outcome


class TakesLossForRefusalCommands(DemoErpCommands):
    """Says refused of what it has no answer to."""

    async def send(self, command: Command) -> Outcome:
        outcome = await super().send(command)
        return Refused(code="failed") if isinstance(outcome, Unknown) else outcome


class TakesLossForNotSentCommands(DemoErpCommands):
    """Says that what was lost may be sent again."""

    async def send(self, command: Command) -> Outcome:
        outcome = await super().send(command)
        return NotSent(reason="failed") if isinstance(outcome, Unknown) else outcome


class CallsARepeatRefusedCommands(DemoErpCommands):
    """Takes the refusal of its own reference for one of the change."""

    async def send(self, command: Command) -> Outcome:
        outcome = await super().send(command)
        return Refused(code="reference_exists") if outcome == Unknown(reason="reference_exists") else outcome


class RaisesCommands(DemoErpCommands):
    """Lets errors out."""

    async def send(self, command: Command) -> Outcome:
        outcome = await super().send(command)
        if isinstance(outcome, Unknown):
            raise SystemUnreachableError(system=self.system)
        return outcome


class IgnoresTheVersionCommands(DemoErpCommands):
    """Writes on the record as it is, whatever it was when the change was worked out."""

    async def send(self, command: Command) -> Outcome:
        outcome = await super().send(command)
        while isinstance(outcome, Conflict) and command.operation == UPDATE_DATE:
            with closing(sqlite3.connect(str(self.path))) as raw:
                number, _, item = command.key.partition("/")
                statement = "SELECT changed_at FROM po_item WHERE po_no = ? AND item_no = ?"
                (version,) = raw.execute(statement, (number, item)).fetchone()
            outcome = await super().send(dataclasses.replace(command, version_token=version))
        return outcome

    path = ""


class NamesAnotherDocumentCommands(DemoErpCommands):
    """Answers with the document before."""

    async def send(self, command: Command) -> Outcome:
        outcome = await super().send(command)
        if isinstance(outcome, Committed) and command.operation == CREATE_REQUISITION:
            return Committed(written=dataclasses.replace(outcome.written, key="0030000101/00010"))
        return outcome


class FindsAnythingCommands(DemoErpCommands):
    """Takes whatever is there for its own."""

    async def find(self, command: Command) -> Written | None:
        found = await super().find(command)
        return found or Written(document="0030000101", key="0030000101/00010", version_token="?")


class FindsByPrefixCommands(DemoErpCommands):
    """Searches as people do."""

    async def find(self, command: Command) -> Written | None:
        for digit in ("", *map(str, range(10))):
            found = await super().find(dataclasses.replace(command, reference=f"{command.reference}{digit}"))
            if found is not None:
                return found
        return None


class FindsNothingCommands(DemoErpCommands):
    """Never looks."""

    async def find(self, command: Command) -> Written | None:
        return None


class TakesDownForEmptyCommands(DemoErpCommands):
    """Says that nothing is there when it could not look."""

    async def find(self, command: Command) -> Written | None:
        try:
            return await super().find(command)
        except GatewayError:
            return None


class TakesDownForLossCommands(DemoErpCommands):
    """Calls everything unknown, so that an outage ends what it should pause."""

    async def send(self, command: Command) -> Outcome:
        outcome = await super().send(command)
        return Unknown(reason="failed") if isinstance(outcome, NotSent) else outcome


class TalksCommands(DemoErpCommands):
    """Gives the system's own words."""

    async def send(self, command: Command) -> Outcome:
        outcome = await super().send(command)
        return Unknown(reason="upstream broke: po_item") if isinstance(outcome, Unknown) else outcome


class LogsCommands(DemoErpCommands):
    """Tells the log what it tells nobody else."""

    async def send(self, command: Command) -> Outcome:
        outcome = await super().send(command)
        logging.getLogger("erp_mcp").warning("po_item said: %s", outcome)
        return outcome


class TakesAnythingCommands(DemoErpCommands):
    """Sends what nobody offered."""

    async def send(self, command: Command) -> Outcome:
        return await super().send(dataclasses.replace(command, operation=command.operation.removesuffix("_and_more")))


class ProbesByWritingCommands(DemoErpCommands):
    """Tries it out."""

    async def probe(self) -> Mapping[str, str]:
        with closing(sqlite3.connect(str(self.path))) as raw, raw:
            raw.execute("UPDATE po_item SET promise = '2030-01-01' WHERE stat = 'OPEN'")
        return await super().probe()

    path = ""


class FindsByWritingCommands(DemoErpCommands):
    """Sends again, to see whether that is refused."""

    async def find(self, command: Command) -> Written | None:
        outcome = await super().send(command)
        return outcome.written if isinstance(outcome, Committed) else await super().find(command)


class StumblesCommands(DemoErpCommands):
    """Takes for granted that every field is there."""

    async def send(self, command: Command) -> Outcome:
        day = "new_date" if command.key else "delivery_date"
        return await super().send(command) if command.fields[day] else Refused(code="bad_date")


class ClosesOnceCommands(DemoErpCommands):
    """Does not expect to be closed again."""

    closed = False

    async def close(self) -> None:
        if self.closed:
            raise SystemUnreachableError(system=self.system)
        self.closed = True


class ProbesInSilenceCommands(DemoErpCommands):
    """Shows nothing of its contracts."""

    async def probe(self) -> Mapping[str, str]:
        return {"product": "?", "account": "?"}


class ClaimsTooMuchCommands(DemoErpCommands):
    """Says `unique_ref` where a reference may be used again."""

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        return {name: RetryContract(kind="unique_ref", settle_s=0) for name in super().operations}

    async def send(self, command: Command) -> Outcome:
        outcome = await super().send(command)
        known = outcome == Unknown(reason="reference_exists")
        return await super().send(_renamed(command)) if known else outcome


class BadlyNamedCommands(DemoErpCommands):
    """Offers an operation on something that is no entity."""

    @property
    def operations(self) -> Mapping[str, RetryContract]:
        return {"widget.create": RetryContract(kind="none", settle_s=0)}


_BROKEN: Final[dict[type[DemoErpCommands], tuple[str, ...]]] = {
    RepeatsCommands: ("sends_once_whatever_comes_back",),
    DuplicatesCommands: ("the_same_command_again_makes_no_second_one", "two_at_once_have_one_effect",
                         "what_was_written_is_found"),
    TakesLossForSuccessCommands: ("a_request_lost_before_the_effect_is_never_called_committed",
                                  "an_answer_lost_after_the_effect_is_unknown_and_then_found"),
    TakesLossForRefusalCommands: ("an_answer_lost_after_the_effect_is_unknown_and_then_found",),
    TakesLossForNotSentCommands: ("an_answer_lost_after_the_effect_is_unknown_and_then_found",),
    CallsARepeatRefusedCommands: ("the_same_command_again_makes_no_second_one",),
    RaisesCommands: ("an_answer_lost_after_the_effect_is_unknown_and_then_found", "sends_once_whatever_comes_back"),
    IgnoresTheVersionCommands: ("a_record_that_changed_is_a_conflict_and_is_not_written",),
    NamesAnotherDocumentCommands: ("writes_exactly_what_was_asked",),
    FindsAnythingCommands: ("finds_nothing_but_what_this_very_command_wrote",
                            "what_the_system_refuses_is_refused_and_is_not_written"),
    FindsByPrefixCommands: ("finds_nothing_but_what_this_very_command_wrote",),
    FindsNothingCommands: ("what_was_written_is_found", "a_cancelled_send_leaves_what_can_be_found"),
    TakesDownForEmptyCommands: ("a_system_that_is_down_never_looks_empty",),
    TakesDownForLossCommands: ("a_system_that_is_down_was_not_written_to",),
    TakesAnythingCommands: ("refuses_an_operation_that_is_not_offered",),
    ProbesByWritingCommands: ("probe_says_how_each_contract_is_kept_and_writes_nothing",),
    ProbesInSilenceCommands: ("probe_says_how_each_contract_is_kept_and_writes_nothing",),
    ClaimsTooMuchCommands: ("a_used_reference_makes_no_other_document",),
    FindsByWritingCommands: ("finding_writes_nothing",),
    StumblesCommands: ("raises_nothing_for_a_command_that_makes_no_sense",),
    ClosesOnceCommands: ("closes_twice",),
    BadlyNamedCommands: ("offers_operations_on_canonical_entities",),
}  # fmt: skip


def _source(kind: type[DemoErpCommands], plant: DemoPlant, folder: Path) -> DemoSource:
    source = DemoSource(plant.erp, folder, kind)
    if isinstance(source.commands, IgnoresTheVersionCommands | ProbesByWritingCommands):
        source.commands.path = str(source.plant.path)
    return source


@guarantees("commands.contract")
@pytest.mark.parametrize(("kind", "check"), [(kind, check) for kind, checks in _BROKEN.items() for check in checks])
async def test_the_contract_fails_what(
    kind: type[DemoErpCommands], check: str, plant: DemoPlant, tmp_path: Path
) -> None:
    """A suite that passes everything proves nothing."""
    with pytest.raises((AssertionError, GatewayError, KeyError, pytest.fail.Exception)):
        await getattr(CommandContract(), f"test_{check}")(_source(kind, plant, tmp_path))


@guarantees("commands.contract", "P8.no_leaks")
@pytest.mark.parametrize("kind", [TalksCommands, LogsCommands])
async def test_the_contract_fails_what_lets_the_systems_words_out(
    kind: type[DemoErpCommands], plant: DemoPlant, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An outcome is read by an agent, a log by people and collectors."""
    with pytest.raises(AssertionError):
        await CommandContract().test_says_nothing_but_codes_of_ours(_source(kind, plant, tmp_path), caplog)


@guarantees("commands.contract")
def test_every_check_of_the_contract_can_fail() -> None:
    """A check that no broken implementation fails may be empty."""
    known = {name.removeprefix("test_") for name in vars(CommandContract) if name.startswith("test_")}
    apart = {"says_nothing_but_codes_of_ours"}

    assert known - apart == {check for checks in _BROKEN.values() for check in checks}
