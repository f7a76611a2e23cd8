"""Certificates: whom we trust, and our own with its key."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path

from erp_mcp.errors import ConfigurationError


def trusted(ca_file: str, certificate: Callable[[ssl.SSLContext], None] | None = None) -> ssl.SSLContext | None:
    """Return the context for a connection; `None` where the machine's authorities and no certificate of ours will do.

    Raises:
        ConfigurationError: `settings.bad_configuration`, when the file of authorities can't be read.
    """
    if not ca_file and certificate is None:
        return None
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError):
        raise ConfigurationError(key="ca_file", reason="it can't be read, or holds no certificate") from None
    if certificate is not None:
        certificate(context)
    return context


def load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Load our certificate (a PEM file) and its key (PEM text) into a context.

    The library reads files only, so the key stands in an owner-only file for as long as that takes.

    Raises:
        ConfigurationError: `settings.bad_configuration`, when they can't be read, or do not belong together.
    """
    handle, name = tempfile.mkstemp(prefix="erp-mcp-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(key)
        context.load_cert_chain(certificate, name, password="")  # a sealed key is refused; nobody is asked to open it
    except (OSError, ssl.SSLError, ValueError):
        raise ConfigurationError(
            key="tls.certificate", reason="certificate and key can't be read, or do not belong together"
        ) from None
    finally:
        Path(name).unlink(missing_ok=True)
