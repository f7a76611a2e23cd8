"""Everything at once: chance drives the real pieces and a small model of them; both say the same after each step."""
