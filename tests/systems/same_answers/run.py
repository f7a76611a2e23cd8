"""Asks the same firm the same questions through every back end, and says what is not the same.

    python -m tests.systems.same_answers.run                     all back ends of the CAP rig
    python -m tests.systems.same_answers.run --only cap-v4       some of them
    python -m tests.systems.same_answers.run --dir DIR           keep the deployments
    python -m tests.systems.same_answers.run --only tryton       the Tryton of ERP_MCP_TRYTON_DIR that holds the plant

The rig is that of ERP_MCP_CAP_DIR, or one of its own where ERP_MCP_CAP_INSTALL says what is installed. Each
deployment is made by the command line; each question goes over stdio. The reference is the demo plant itself. Exits
with 1 when something differs that `expected.py` does not explain.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.systems.cap.seed import reseed
from tests.systems.cap.server import Cap, running
from tests.systems.postgresql.server import Rig
from tests.systems.same_answers import reduced
from tests.systems.same_answers.asking import Asked, ask_everything
from tests.systems.same_answers.comparing import Records, differences, records
from tests.systems.same_answers.deploying import REFERENCE, BackEnd, Deployment, back_ends, deploy
from tests.systems.same_answers.expected import explained

Reason = Callable[[str], str]
"""Why something differs, by its place or text; empty where nothing explains it."""
_LISTED: Final[Reason] = explained


@dataclass(slots=True, kw_only=True)
class Result:
    """How one back end compares with the reference."""

    name: str
    deployment: Deployment
    asked: Asked
    unlike: dict[str, list[str]] = field(default_factory=dict)  # question or tool → what differs, unexplained
    explained: Counter[str] = field(default_factory=Counter)  # reason → differing values
    explained_of: set[str] = field(default_factory=set)  # the questions and tools in which they are
    records: list[Records] = field(default_factory=list)
    why: Reason = _LISTED  # what says why something differs

    @property
    def same(self) -> bool:
        """Whether all differences are explained."""
        return not self.unlike and all(not unexplained(one, self.why) for one in self.records)


def unexplained(one: Records, why: Reason = explained) -> list[str]:
    """Return the fields of an entity that differ without a reason; rows that only one side has count as a field."""
    fields = [*one.fields, *(["missing rows"] if one.missing else []), *(["more rows"] if one.more else [])]
    return [name for name in fields if not why(f"{one.entity}.{name}")]


def compare(cap: Cap, base: Path, only: list[str]) -> list[Result]:
    """Deploy, fill and question every back end; the first result is the reference's own."""
    reseed(cap)
    Rig.load(Path(cap.postgresql)).catch_up()
    chosen = [
        one
        for one in back_ends(cap, reduced.write_profile(base / "profiles"))
        if not only or one.name in {REFERENCE, *only}
    ]
    return compare_all(chosen, base, plant=Path(cap.plant), clock=cap.clock)


def compare_all(ways: list[BackEnd], base: Path, *, plant: Path, clock: str, why: Reason = explained) -> list[Result]:
    """Deploy, fill and question some ways to one plant; the first is the reference, `why` gives reasons."""
    results: list[Result] = []
    for back_end in ways:
        deployment = deploy(back_end, base, plant=plant, clock=clock)
        asked = asyncio.run(ask_everything(deployment.configuration, plant))
        result = Result(name=back_end.name, deployment=deployment, asked=asked, why=why)
        if results:
            _judge(result, results[0])
        results.append(result)
    return results


def _judge(result: Result, reference: Result) -> None:
    result.records = records(reference.deployment.read_model, result.deployment.read_model)
    for name, wanted in reference.asked.calls.items():
        for text in differences(wanted, result.asked.calls.get(name, [])):
            if reason := result.why(text):
                result.explained[reason] += 1
                result.explained_of.add(name)
            else:
                result.unlike.setdefault(name, []).append(text)


def main() -> int:
    """Parse arguments, run, print; 0 when everything is the same or explained."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[], help="names of back ends")
    parser.add_argument("--dir", type=Path, help="keep the deployments here")
    chosen = parser.parse_args()
    if chosen.only == ["tryton"]:
        from tests.systems.same_answers.tryton import main as ask_tryton

        return ask_tryton(chosen.dir)
    with tempfile.TemporaryDirectory() as temporary, running(Path(temporary) / "cap") as cap:
        results = compare(cap, chosen.dir or Path(temporary), chosen.only)
    for result in results:
        show(result)
    return 0 if all(one.same and not refused(one.asked) for one in results) else 1


def refused(asked: Asked) -> list[str]:
    """Return the calls that a deployment refused: two refusals are the same and prove nothing."""
    return [
        f"{name}: {one.answer['refused']}"
        for name, calls in asked.calls.items()
        for one in calls
        if "refused" in one.answer
    ]


def show(result: Result) -> None:
    """Print what came out for one back end."""
    asked, right = len(result.asked.calls), sum(result.asked.right.values())
    calls, rows = sum(map(len, result.asked.calls.values())), sum(result.deployment.rows.values())
    print(f"{result.name}: {rows} rows in {result.deployment.sync_s} s; {right} of {len(result.asked.right)} right")
    for text in refused(result.asked):
        print(f"    refused: {text}")
    if result.name == REFERENCE:
        return
    print(f"  {asked - len(result.unlike)} of {asked} equal ({calls} calls)")
    for name, texts in result.unlike.items():
        for text in texts[:3]:
            print(f"    {name}: {text}")
        if len(texts) > 3:
            print(f"    {name}: and {len(texts) - 3} more")
    for reason, count in result.explained.items():
        print(f"  explained: {count} values: {reason}")
    equal, rows = sum(one.equal for one in result.records), sum(one.rows for one in result.records)
    print(f"  {equal} of {rows} canonical records equal in every field, {len(result.records)} entities")
    for one in result.records:
        if not one.same:
            print(f"    {one.entity}: {one.equal} of {one.rows}, missing {one.missing}, more {one.more}, {one.fields}")
            for name, example in one.examples.items():
                mark = result.why(f"{one.entity}.{name}") or "NOT EXPLAINED"
                print(f"      {name} ({mark}): {example}")


if __name__ == "__main__":
    sys.exit(main())
