"""What a source takes from its environment is found; what it writes for another process is not."""

from __future__ import annotations

from harness.docs.taken_variables import taken_in

SOURCE = """
import os

ADDRESS = "WEIR_ADDRESS"
WRITTEN = "WEIR_WRITTEN"
NUMBER = 3


def read(service):
    given = os.environ.get("WEIR_HOME") or os.environ["WEIR_ROOT"] or os.environ.get(
        ADDRESS, ""
    )
    os.environ["WEIR_SET"] = "1"
    return given, os.environ.get(f"WEIR_{service}_URL"), {WRITTEN: given, "WEIR_OTHER": "x"}, "see WEIR_TEXT"
"""


def test_names_and_constants_that_are_taken_are_found_and_no_others() -> None:
    assert taken_in(SOURCE) == {"WEIR_HOME", "WEIR_ROOT", "WEIR_ADDRESS"}
