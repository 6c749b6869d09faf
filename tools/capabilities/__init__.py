"""docs/capabilities.md: every capability, its state as the tests found it, the test of its check, the command to try.

docs/capabilities.yaml lists the rows and claims a state for each. Tests carry the rows' ids (`marks.py`), a run writes down
how they ended (`tests/harness/results.py`), `states.py` tells what they prove, and `page.py` prints it.
"""
