"""Composition root: the only package that names implementations, the clock and the source of ids."""

from erp_mcp.bootstrap.deployment import Deployment, compile_catalog, open_deployment
from erp_mcp.bootstrap.machine import SystemClock, TimeOrderedIds
from erp_mcp.bootstrap.opened import AdapterReads
from erp_mcp.bootstrap.root_key import approvers_root, approvers_root_file
from erp_mcp.bootstrap.synchronising import keep_synchronised, synchronise_beside

__all__ = [
    "AdapterReads",
    "Deployment",
    "SystemClock",
    "TimeOrderedIds",
    "approvers_root",
    "approvers_root_file",
    "compile_catalog",
    "keep_synchronised",
    "open_deployment",
    "synchronise_beside",
]
