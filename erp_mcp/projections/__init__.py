"""Reading the local copy: running a tool's compiled SELECTs, paging through them, and judging how old they are."""
