"""What the commands leave behind is verified."""

from __future__ import annotations

from tests.verified_logs import logs_hold as logs_hold  # noqa: PLC0414 - what a test leaves behind is verified
from tests.verified_logs import logs_of_file_hold as logs_of_file_hold  # noqa: PLC0414
