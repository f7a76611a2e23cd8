"""Prints how often the right tool is found first, and among the first three: `python -m tests.search.run`."""

from __future__ import annotations

import sys

from tests.search.measure import HALVES, outcomes, phrasings, within


def main() -> None:
    """Print both halves, and with `--misses` what the half for building does not find."""
    for half in HALVES:
        found = outcomes(half)
        asked, all_of_them = len(found), len(phrasings()[half])
        first, three = within(found, 1), within(found, 3)
        print(f"{half:9} {asked:3} of {all_of_them} phrasings: first {first} ({100 * first / asked:.0f} %), ", end="")
        print(f"among the first three {three} ({100 * three / asked:.0f} %)")
    if "--misses" in sys.argv:
        for one in outcomes("building"):
            if one.place != 1:
                print(f"  {one.place or '-'} {one.words!r} -> {one.right}; found {', '.join(one.found[:4])}")


if __name__ == "__main__":
    main()
