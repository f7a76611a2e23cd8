"""A worker process of its own: works off what is due in a deployment's folder, and says how much it sent."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tests.unit.committing.office import Office


def main() -> None:
    office = Office(Path(sys.argv[1]))
    asyncio.run(office.work_off(holder=f"worker:{id(office)}"))
    print(json.dumps({"sent": len(office.erp.sent)}))
    office.close()


if __name__ == "__main__":
    main()
