"""Runs the commands of a page as a reader types them: one after the other, in folders of their own."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.prepared import DemoPlant

ROOT: Final = Path(__file__).parents[2]
_PREPARES: Final = ["erp-mcp", "demo", "--prepare", "--dir"]
_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def blocks(page: str, language: str = "") -> list[str]:
    """Return the fenced blocks of a page of `docs/` in one language, in their order."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [body for name, body in _FENCE.findall(text) if name == language]


def commands(page: str) -> list[str]:
    """Return the command lines of a page: what stands in blocks without a language and begins like a command."""
    lines = [line.strip() for block in blocks(page) for line in block.splitlines()]
    return [line for line in lines if re.match(r"(erp-mcp|cd|pytest|echo .*\| erp-mcp) ", line)]


@dataclass(kw_only=True)
class Shell:
    """A reader's terminal; `told` holds what each command printed.

    Where a `plant` is given, the line that builds one, word for word as it was built, is answered with a copy of it.
    """

    folder: Path
    plant: DemoPlant | None = None
    environ: Mapping[str, str] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)

    def type(self, line: str) -> int:
        """Run one line and return its exit status."""
        typed, _, piped = line.rpartition(" | ")
        words = shlex.split(piped)
        if words[0] == "cd":
            self.folder /= words[1]
            return 0
        if self.plant is not None and words[:-1] == _PREPARES:
            self.plant(self.folder / words[-1])
            return 0
        program = {"erp-mcp": [sys.executable, "-m", "erp_mcp"], "pytest": [sys.executable, "-m", "pytest"]}[words[0]]
        result = subprocess.run(
            [*program, *words[1:]],
            cwd=self.folder,
            env={**os.environ, **self.environ},
            input=f"{shlex.split(typed)[1]}\n" if typed else None,
            stdin=None if typed else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.told[line] = result.stdout + result.stderr
        return result.returncode
