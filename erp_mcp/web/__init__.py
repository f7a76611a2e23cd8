"""The approver's page: people sign in, see what agents propose, and decide; a sibling of the server and the worker.

Server-rendered, without scripts. It holds no credentials of any system: what was approved is written by the worker, a
process of its own.
"""

from __future__ import annotations

from erp_mcp.web.app import application
from erp_mcp.web.office import Office
from erp_mcp.web.origin import Origin
from erp_mcp.web.serving import serve

__all__ = ["Office", "Origin", "application", "serve"]
