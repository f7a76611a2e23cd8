"""The matrix of systems and what is tried with each, made from the outcomes of the tests that cover its cells."""
