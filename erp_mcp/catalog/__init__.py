"""What may be called: tool files are read, checked and compiled here, and kept as a catalogue.

The serving process imports `registry`, `compiled`, `arguments` and `schemas` only; they need nothing but the standard
library. `grammar`, `compile`, `lint` and `load` read YAML and SQL and run when a tool file has changed.
"""
