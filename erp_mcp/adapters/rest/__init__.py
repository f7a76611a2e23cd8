"""Adapter kind `rest`: JSON over HTTP, as a profile describes it."""
