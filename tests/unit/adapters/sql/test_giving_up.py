"""A statement that nobody waits for any more, at whichever moment that is said."""

from __future__ import annotations

from threading import Thread

from sqlalchemy import create_engine

from erp_mcp.adapters.sql.engines import Running
from tests.guarantees import guarantees


class Driver:
    """A driver's connection; the first word to stop comes between two statements, as a database takes it."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.told = 0

    def cancel_safe(self, *, timeout: float) -> None:
        assert timeout > 0
        self.told += 1
        if self.told == 3:
            Thread(target=self.running.on, args=(None,)).start()


@guarantees("P9.spared_database")
def test_a_word_to_stop_is_said_until_the_work_has_ended() -> None:
    """One that came between two statements would leave the second running for nobody."""
    running = Running(create_engine("sqlite://"))
    driver = Driver(running)
    running.on(driver)

    running.cancel()

    assert driver.told >= 3


@guarantees("P9.spared_database")
def test_work_that_has_not_begun_or_has_ended_is_not_waited_for() -> None:
    """Nothing is there to be stopped, and no thread stays behind."""
    running = Running(create_engine("sqlite://"))
    running.cancel()
    assert running.given_up
    driver = Driver(running)
    running.on(driver)
    running.on(None)
    running.cancel()
    assert driver.told == 0
