"""The chaos suite: faults on the real stack, and a ledger that must close after each.

`python -m chaos.run` (make chaos) runs all of them and prints one table; `test_chaos_short` runs a few.
"""
