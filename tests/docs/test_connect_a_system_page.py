"""The integrator's hour, run as it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.docs.walks import Shell, blocks, commands
from tests.guarantees import guarantees

PAGE: Final = "connect-a-system.md"
ELSEWHERE: Final = ("--profile tryton", "secrets set erp", "systems declare sap")  # need systems that are not here


@guarantees("systems.walked", "docs.agree")
def test_the_page_leads_from_a_profile_to_the_first_answer(tmp_path: Path) -> None:
    """Each command of the page works when it comes, in the folder where it comes."""
    shell = Shell(folder=tmp_path)
    lines = [line for line in commands(PAGE) if not any(part in line for part in ELSEWHERE)]
    assert len(lines) == 11, lines
    for line in lines:
        assert shell.type(line) == 0, (line, shell.told[line])
        if line.startswith("cd "):
            _let_the_clock_stand(shell.folder / "erp-mcp.yaml")
    answer = shell.told[lines[-1]]
    assert "RM-013" in answer
    assert "erp" in answer
    assert "mapped from documentation" in (Path(__file__).parents[2] / "docs" / PAGE).read_text(encoding="utf-8")
    assert "Next:" in next(told for line, told in shell.told.items() if "systems add" in line)


def _let_the_clock_stand(config: Path) -> None:
    (told,) = blocks(PAGE, "yaml")
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("plant: {zone: Europe/Berlin}\n", told), encoding="utf-8")
