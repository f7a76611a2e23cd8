"""What the write path costs on both stores, beside a bare insert with the same durability, in turns in one run.

    python -m benchmarks.writes                       accept, commit, and commits a second with 1, 2 and 4 workers
    python -m benchmarks.writes --repeat 3            the least and the median of three such runs
    python -m benchmarks.writes --stores sqlite --accepts 2000 --commits 60

All survive power loss (SQLite: WAL, synchronous=FULL; PostgreSQL: fsync and synchronous_commit on, over TCP on this
machine): each commit waits for the disk. An accepted proposal is a row with all its content, two audit records with
their values, two events and its share of a limit. A commit is one call of the committer: signatures, policy, rules over
the read model and live records, the demo ERP's own transaction, reading back, and three changes of state, each with its
audit record and event. Workers are processes that begin together; a second one is worth what is not waiting for the
store or for the ERP, which takes one writer at a time. Absolute figures are this machine's, the ratios less so.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.accepting import accepts
from benchmarks.commits import commits, per_second
from benchmarks.places import STORES, Place, places

BARE = "bare insert"
WORKERS = (1, 2, 4)
Figures = dict[tuple[str, str], dict[str, float]]  # by store and what was measured


def measured(place: Place, folder: Path, *, count: int, commit_count: int) -> dict[str, dict[str, float]]:
    """Return the figures of one store: milliseconds at p50 and p95, or how many a second."""
    found = {name: _cuts(took) for name, took in accepts(place, folder, count).items()}
    for name, took in commits(place, folder, commit_count).items():
        found[f"{name} (beside commits)" if name == BARE else name] = _cuts(took)
    for workers in WORKERS:
        found[f"commits a second, {workers} worker{'s' * (workers > 1)}"] = {
            "per_s": per_second(place, folder, commit_count, workers)
        }
    return found


def _cuts(took: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(took, n=100)
    return {"p50": cuts[49], "p95": cuts[94]}


def table(runs: list[Figures]) -> list[str]:
    """Return the lines: the least and the median over the runs, and the ratio of the medians to the bare insert."""
    lines = [f"{'':11} {'':30} {'p50 ms':>17} {'p95 ms':>17} {'÷ bare':>13}", ""]
    for store, name in runs[0]:
        over = [one[store, name] for one in runs]
        if "per_s" in over[0]:
            rates = [one["per_s"] for one in over]
            one_worker = statistics.median(
                one[store, f"commits a second, {WORKERS[0]} worker"]["per_s"] for one in runs
            )
            told = (
                f"{max(rates):8.1f} {statistics.median(rates):8.1f} /s  × {statistics.median(rates) / one_worker:.2f}"
            )
            lines.append(f"{store:11} {name:30} {told}")
            continue
        base = f"{BARE} (beside commits)" if name in {"proposal", "commit"} else BARE
        ratios = []
        told = ""
        for cut in ("p50", "p95"):
            values = [one[cut] for one in over]
            bare = statistics.median(one[store, base][cut] for one in runs)
            told += f" {min(values):8.2f} {statistics.median(values):8.2f}"
            ratios.append(f"{statistics.median(values) / bare:.1f}")
        lines.append(f"{store:11} {name:30}{told} {' '.join(f'{one:>6}' for one in ratios)}")
    return lines


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stores", nargs="*", default=list(STORES), choices=STORES)
    parser.add_argument("--accepts", type=int, default=1_000, help="proposals that are accepted")
    parser.add_argument("--commits", type=int, default=60, help="changes that are committed, for each count of workers")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    runs: list[Figures] = []
    with TemporaryDirectory() as name, places(Path(name), options.stores) as found:
        print(f"load {' '.join(f'{one:.1f}' for one in os.getloadavg())} on {os.cpu_count()} processors", flush=True)
        for number in range(options.repeat):
            run: Figures = {}
            for place in found:
                folder = Path(name) / f"{place.store}-{number}"
                figures = measured(place, folder, count=options.accepts, commit_count=options.commits)
                run |= {(place.store, what): one for what, one in figures.items()}
            runs.append(run)
    if options.json:
        print(json.dumps([{f"{store}: {what}": one for (store, what), one in run.items()} for run in runs], indent=1))
        return
    print(f"{options.repeat} runs: the best and the median; ÷ is of the medians, × is to one worker")
    print("\n".join(table(runs)))


if __name__ == "__main__":
    main()
