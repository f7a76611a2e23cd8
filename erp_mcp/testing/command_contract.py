"""`CommandContract`: the tests that whatever writes to a system passes, whatever it speaks to.

A subclass gives one fixture, `source`, and is done:

    class TestMyCommands(CommandContract):
        @pytest.fixture
        def source(self, tmp_path: Path) -> CommandSource:
            return MySource(tmp_path)

Tests are coroutines: set `asyncio_mode = auto` for pytest-asyncio. Each looks at every operation that is offered.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final, get_args

import pytest

from erp_mcp.domain.command import (
    Command,
    Committed,
    Conflict,
    NotSent,
    Outcome,
    Refused,
    RetryKind,
    Unknown,
    Written,
)
from erp_mcp.domain.entities import ENTITIES
from erp_mcp.domain.instants import instant_text, parse_instant
from erp_mcp.errors import GatewayError
from erp_mcp.testing.command_source import CommandFault, CommandSource
from erp_mcp.testing.passes import told

UNUSED_REFERENCE: Final = "R0000000000"
# a repeat of these makes nothing a second time
GUARDED: Final[frozenset[RetryKind]] = frozenset({"native_key", "unique_ref", "conditional"})
SOON_S: Final = 30.0
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FAULTS: Final[tuple[CommandFault, ...]] = ("down", "lost_before", "lost_after", "nonsense")
_STEPS: Final = (0, 1, 2, 4, 8, 16)


class CommandContract:
    """What `ports.Commands` means, as tests; see the module."""

    # --- What is offered ----------------------------------------------------------------------------------------------

    async def test_offers_operations_on_canonical_entities(self, source: CommandSource) -> None:
        """An operation is `<entity>.<verb>` with a contract; one that offers nothing is a mistake in its profile."""
        assert source.commands.operations
        for name, contract in source.commands.operations.items():
            entity, _, verb = name.partition(".")
            assert entity in ENTITIES, name
            assert _CODE.fullmatch(verb), name
            assert contract.kind in get_args(RetryKind), name
            assert contract.settle_s >= 0, name

    async def test_refuses_an_operation_that_is_not_offered(self, source: CommandSource) -> None:
        """The list is the list, whatever the system could do besides."""
        for operation in _operations(source):
            command = dataclasses.replace(source.good(operation), operation=f"{operation}_and_more")
            outcome, changed = await _sent(source, command)
            assert isinstance(outcome, Refused | NotSent), operation
            assert not changed, operation

    # --- One effect ---------------------------------------------------------------------------------------------------

    async def test_writes_exactly_what_was_asked(self, source: CommandSource) -> None:
        """One record changes or is new; the answer names it, with the values that now stand there."""
        for operation in _operations(source):
            command = source.good(operation)
            outcome, changed = await _sent(source, command)
            assert isinstance(outcome, Committed), operation
            assert changed == {outcome.written.key}, operation
            assert command.key in {"", outcome.written.key}, operation
            assert outcome.written.document, operation
            assert outcome.written.version_token not in {"", command.version_token}, operation
            shown = {name: value for name, value in outcome.written.fields.items() if name in command.fields}
            assert shown == {name: command.fields[name] for name in shown}, operation

    async def test_sends_once_whatever_comes_back(self, source: CommandSource) -> None:
        """Nothing below the worker repeats a write: it can't know what the lost one did."""
        for how in ("none", *_FAULTS):
            await source.fault(how)
            for operation in _operations(source):
                before = source.attempts
                await _sent(source, source.good(operation))
                assert source.attempts - before <= 1, (operation, how)
                assert how != "none" or source.attempts - before == 1, operation

    async def test_the_same_command_again_makes_no_second_one(self, source: CommandSource) -> None:
        """Where the contract guards a repeat it is harmless, and is not called refused: what is there may be ours."""
        for operation in _guarded(source):
            command = source.good(operation)
            first, _ = await _sent(source, command)
            again, changed = await _sent(source, command)
            assert isinstance(first, Committed), operation
            assert not changed, operation
            assert isinstance(again, Committed | Conflict | Unknown), operation
            assert not isinstance(again, Committed) or again.written.key == first.written.key, operation

    async def test_two_at_once_have_one_effect(self, source: CommandSource) -> None:
        """Two workers, one of which was thought dead, send the same command in the same moment."""
        for operation in _guarded(source):
            command = source.good(operation)
            before = dict(source.effects())
            outcomes = await asyncio.gather(source.commands.send(command), source.commands.send(command))
            await source.settle()
            assert len(_changed(before, source.effects())) == 1, operation
            keys = {outcome.written.key for outcome in outcomes if isinstance(outcome, Committed)}
            assert len(keys) <= 1, operation

    async def test_a_used_reference_makes_no_other_document(self, source: CommandSource) -> None:
        """What `unique_ref` says: the reference is the system's key, not only ours."""
        for operation in _operations(source, "unique_ref"):
            first, other = source.good(operation), source.good(operation)
            assert isinstance((await _sent(source, first))[0], Committed), operation
            outcome, changed = await _sent(source, dataclasses.replace(other, reference=first.reference))
            assert not changed, operation
            assert not isinstance(outcome, Committed | NotSent), operation

    # --- The record as it was -----------------------------------------------------------------------------------------

    async def test_a_record_that_changed_is_a_conflict_and_is_not_written(self, source: CommandSource) -> None:
        """What was approved was approved on the record as it was; the adapter looks in the act of writing."""
        for operation in _operations(source):
            command = source.good(operation)
            if not command.key:
                continue
            source.touch(command)
            outcome, changed = await _sent(source, command)
            assert outcome == Conflict(), operation
            assert not changed, operation
            if source.commands.operations[operation].kind != "none":
                assert await source.commands.find(command) is None, operation

    async def test_what_the_system_refuses_is_refused_and_is_not_written(self, source: CommandSource) -> None:
        """With a code of ours; nothing is there to be found afterwards."""
        for operation in _operations(source):
            command = source.refused(operation)
            outcome, changed = await _sent(source, command)
            assert isinstance(outcome, Refused), operation
            assert not changed, operation
            if source.commands.operations[operation].kind != "none":
                assert await source.commands.find(command) is None, operation

    # --- Reading back -------------------------------------------------------------------------------------------------

    async def test_what_was_written_is_found(self, source: CommandSource) -> None:
        """The same record, document and version as the answer named."""
        for operation in _findable(source):
            command = source.good(operation)
            outcome, _ = await _sent(source, command)
            assert isinstance(outcome, Committed), operation
            found = await source.commands.find(command)
            assert found is not None, operation
            assert _named(found) == _named(outcome.written), operation

    async def test_finds_nothing_but_what_this_very_command_wrote(self, source: CommandSource) -> None:
        """Another's document taken for ours would be a false receipt."""
        for operation in _findable(source):
            sent, never_sent = source.good(operation), source.good(operation)
            await _sent(source, sent)
            assert await source.commands.find(never_sent) is None, operation
            for reference in (UNUSED_REFERENCE, sent.reference[:-1], "%", ""):
                other = dataclasses.replace(never_sent, reference=reference)
                assert await source.commands.find(other) is None, (operation, reference)

    async def test_finding_writes_nothing(self, source: CommandSource) -> None:
        """It is asked at any time, also for what was never sent."""
        for operation in _findable(source):
            before, attempts = dict(source.effects()), source.attempts
            await source.commands.find(source.good(operation))
            assert source.effects() == before, operation
            assert source.attempts == attempts, operation

    # --- When it breaks -----------------------------------------------------------------------------------------------

    async def test_an_answer_lost_after_the_effect_is_unknown_and_then_found(self, source: CommandSource) -> None:
        """Called anything else, it would be given up or sent again."""
        for how in ("lost_after", "nonsense"):
            for operation in _operations(source):
                command = source.good(operation)
                await source.fault(how)
                outcome, changed = await _sent(source, command)
                await source.fault("none")
                assert isinstance(outcome, Unknown), (operation, how)
                assert len(changed) == 1, (operation, how)
                if source.commands.operations[operation].kind != "none":
                    found = await source.commands.find(command)
                    assert found is not None, (operation, how)
                    assert {found.key} == changed, (operation, how)

    async def test_a_request_lost_before_the_effect_is_never_called_committed(self, source: CommandSource) -> None:
        """From outside it looks like the other loss; reading back tells the two apart."""
        for operation in _operations(source):
            command = source.good(operation)
            await source.fault("lost_before")
            outcome, changed = await _sent(source, command)
            await source.fault("none")
            assert isinstance(outcome, Unknown | NotSent), operation
            assert not changed, operation
            if source.commands.operations[operation].kind != "none":
                assert await source.commands.find(command) is None, operation

    async def test_a_system_that_is_down_was_not_written_to(self, source: CommandSource) -> None:
        """An outage pauses approved work; when it is over, the same command goes through."""
        for operation in _operations(source):
            command = source.good(operation)
            await source.fault("down")
            outcome, changed = await _sent(source, command)
            await source.fault("none")
            assert isinstance(outcome, NotSent), operation
            assert not changed, operation
            assert isinstance((await _sent(source, command))[0], Committed), operation

    async def test_a_system_that_is_down_never_looks_empty(self, source: CommandSource) -> None:
        """`None` says that it is not there; who can't look must not say so."""
        for operation in _findable(source):
            command = source.good(operation)
            await _sent(source, command)
            await source.fault("down")
            for asked in (command, source.good(operation)):
                with pytest.raises(GatewayError):
                    await asyncio.wait_for(source.commands.find(asked), SOON_S)
            await source.fault("none")
            assert await source.commands.find(command) is not None, operation

    async def test_a_cancelled_send_leaves_what_can_be_found(self, source: CommandSource) -> None:
        """Whenever it is cancelled: what is in the system is found, what is not there is not."""
        for operation in _findable(source):
            for steps in _STEPS:
                command = source.good(operation)
                before = dict(source.effects())
                await _cancelled(source.commands.send(command), steps)
                await source.settle()
                changed = _changed(before, source.effects())
                found = await source.commands.find(command)
                assert changed == ({found.key} if found else set()), (operation, steps)

    async def test_raises_nothing_for_a_command_that_makes_no_sense(self, source: CommandSource) -> None:
        """A payload that went wrong somewhere is an outcome like any other, and has no effect."""
        for operation in _operations(source):
            good = source.good(operation)
            empty = dict.fromkeys(good.fields)
            strange = dict.fromkeys(good.fields, "\x00' OR 1=1 --")
            for command in (
                dataclasses.replace(good, fields={}),
                dataclasses.replace(good, fields=empty),
                dataclasses.replace(good, fields=strange),
                dataclasses.replace(good, reference=""),
                dataclasses.replace(good, key="no/such/record", version_token=good.reference),
            ):
                outcome, changed = await _sent(source, command)
                taken = isinstance(outcome, Committed)
                assert bool(changed) == taken, operation
                assert not taken or command.fields == good.fields, operation

    async def test_says_nothing_but_codes_of_ours(
        self, source: CommandSource, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Outcomes, errors and logs are read by agents and people; the system's text stays in the system."""
        caplog.set_level(0)
        for how in _FAULTS:
            await source.fault(how)
            for operation in _operations(source):
                for command in (source.good(operation), source.refused(operation)):
                    outcome, _ = await _sent(source, command)
                    assert all(_CODE.fullmatch(word) for word in _words(outcome)), (operation, how)
                    said = [repr(outcome), await _complaint(source.commands.find, command)]
                    shown = f"{said} {caplog.messages} {source.commands!r}"
                    assert not [secret for secret in source.secrets if secret in shown], (operation, how)

    # --- Around it ----------------------------------------------------------------------------------------------------

    async def test_probe_says_how_each_contract_is_kept_and_writes_nothing(self, source: CommandSource) -> None:
        """An administrator looks at it before turning writes on: each operation, `verified: …` or what is missing."""
        before, attempts = dict(source.effects()), source.attempts
        probe = await source.commands.probe()
        assert {type(part) for pair in probe.items() for part in pair} <= {str}
        assert set(source.commands.operations) <= set(probe)
        assert all(probe[name].startswith("verified: ") for name in source.commands.operations)
        assert probe.get("account")
        assert not [secret for secret in source.secrets if secret in str(probe)]
        if "server_time" in probe:
            assert instant_text(parse_instant(probe["server_time"])) == probe["server_time"]
        assert source.effects() == before
        assert source.attempts == attempts

    async def test_closes_twice(self, source: CommandSource) -> None:
        """Shutting down asks nobody what was under way."""
        await _sent(source, source.good(_operations(source)[0]))
        await source.commands.close()
        await source.commands.close()


def _operations(source: CommandSource, *kinds: RetryKind) -> list[str]:
    """Return the operations of some kinds of contract, of all where none is named."""
    offered = source.commands.operations
    return [name for name in sorted(offered) if not kinds or offered[name].kind in kinds]


def _guarded(source: CommandSource) -> Iterator[str]:
    return iter(_operations(source, *GUARDED))


def _findable(source: CommandSource) -> Iterator[str]:
    return iter(_operations(source, *GUARDED, "readback"))


async def _sent(source: CommandSource, command: Command) -> tuple[Outcome, set[str]]:
    """Send a command; return the outcome and the keys of what is other than before."""
    before = dict(source.effects())
    outcome = await asyncio.wait_for(source.commands.send(command), SOON_S)
    await source.settle()
    return outcome, _changed(before, source.effects())


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


async def _cancelled(send: Awaitable[Outcome], steps: int) -> None:
    """Begin to send and cancel after some turns of the event loop."""
    task = asyncio.ensure_future(send)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    (result,) = await asyncio.gather(task, return_exceptions=True)
    if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
        raise result


async def _complaint(find: Callable[[Command], Awaitable[Written | None]], command: Command) -> str:
    """Return what a look-up says when it fails."""
    try:
        await find(command)
    except GatewayError as failure:
        return told(failure)
    return ""


def _words(outcome: Outcome) -> tuple[str, ...]:
    match outcome:
        case Refused(code=code):
            return (code,)
        case NotSent(reason=reason) | Unknown(reason=reason):
            return (reason,)
    return ()


def _named(written: Written) -> tuple[str, str, str]:
    return written.document, written.key, written.version_token
