"""What a driver's error means: its state decides, since that is a standard; its text never leaves this module."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionLeftError

from erp_mcp.adapters.sql.source import DOES_NOT_FIT
from erp_mcp.errors import (
    BadAnswerError,
    GatewayError,
    SystemBusyError,
    SystemRefusedError,
    SystemTimeoutError,
    SystemUnreachableError,
)

_LATE_STATES: Final = ("57014", "55P03", "25P03")  # cancelled by the time-out, lock not available, idle time-out
_REFUSED_STATES: Final = ("28", "42501")  # sign-in refused, no right
_FULL_STATES: Final = ("53300",)  # no connection left for us
_GONE_STATES: Final = ("08", "57P")  # connection lost, shutting down or starting up
# A replica takes a statement back when it must go on replaying; the same statement works a moment later.
_AGAIN_STATES: Final = ("40001", "40P01")
_SIGN_IN: Final = ("authentication failed", "no pg_hba.conf entry", "is not permitted to log in")
_FULL: Final = ("too many clients", "too many connections", "remaining connection slots")
# PyMySQL gives the number of the server's error and no state; those from 2000 to 2999 are the driver's own.
_MYSQL_DRIVERS: Final = ("pymysql.", "MySQLdb.")
_MYSQL_STATES: Final = {
    **dict.fromkeys((1205, 1317, 1969, 3024), "57014"),  # lock or statement out of time, or stopped
    1213: "40P01",  # deadlock
    **dict.fromkeys((1044, 1045, 1130, 1142, 1143, 1227, 1370, 1698, 1820, 1862, 3118, 4151), "42501"),
    **dict.fromkeys((1040, 1203, 1226), "53300"),
    **dict.fromkeys((1053, 1152, 1158, 1159, 1160, 1161, 1927, 4031), "08000"),
}
_MYSQL_CLIENT: Final = range(2000, 3000)
_DRIVER_FAILURES: Final = frozenset({"OperationalError", "InterfaceError", "ConnectionTimeout"})
_PAUSE_S: Final = 1


def meaning(failure: SQLAlchemyError, system: str) -> GatewayError:
    """Return the error that stands for a driver's."""
    if isinstance(failure, NoConnectionLeftError):  # statements that were given up still run on all of them
        return SystemTimeoutError(system=system)
    original = failure.orig if isinstance(failure, DBAPIError) else None
    state, text = _state(original), str(original)
    if state.startswith((*_LATE_STATES, *_AGAIN_STATES)):
        return SystemTimeoutError(system=system)
    if state.startswith(_REFUSED_STATES) or any(words in text for words in _SIGN_IN):
        return SystemRefusedError(system=system)
    if state.startswith(_FULL_STATES) or (not state and any(words in text for words in _FULL)):
        return SystemBusyError(system=system, retry_after_s=_PAUSE_S)
    if state.startswith(_GONE_STATES) or (not state and type(original).__name__ in _DRIVER_FAILURES):
        return SystemUnreachableError(system=system)
    return BadAnswerError(system=system, reason=DOES_NOT_FIT)


def works_again(failure: SQLAlchemyError) -> bool:
    """Return whether the same statement is likely to work at once: a replica, or a deadlock, took it back."""
    original = failure.orig if isinstance(failure, DBAPIError) else None
    state = _state(original)
    return state.startswith(_AGAIN_STATES) or (state == "57014" and "conflict with recovery" in str(original))


def _state(original: BaseException | None) -> str:
    """Return the state that a driver tells, for PyMySQL the one that its number stands for."""
    if original is not None and type(original).__module__.startswith(_MYSQL_DRIVERS):
        number = original.args[0] if original.args else None
        if not isinstance(number, int):
            return "08000"
        return "08000" if number in _MYSQL_CLIENT else _MYSQL_STATES.get(number, "42000")
    return str(getattr(original, "sqlstate", None) or "")
