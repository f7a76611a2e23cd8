"""The systems that stand behind the proxies, as their own folders give them."""

from __future__ import annotations

from tests.systems.cap.conftest import cap as cap  # noqa: PLC0414 - each is a fixture, for this folder as well
from tests.systems.fsmes.conftest import mes as mes  # noqa: PLC0414
from tests.systems.fsmes.conftest import mes_state as mes_state  # noqa: PLC0414
from tests.systems.tryton.conftest import person as person  # noqa: PLC0414
from tests.systems.tryton.conftest import tryton as tryton  # noqa: PLC0414
