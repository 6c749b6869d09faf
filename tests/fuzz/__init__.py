"""Fuzz runs: `run(seed, cases)` of each module raises AssertionError with the first input that breaks a promise."""
