"""docs/benchmarks.md quotes the run that is kept, and nothing outside of its marks is touched."""

from __future__ import annotations

import json

from bench.markdown import BEGIN, DOCUMENT, END, page
from bench.run import RESULTS


def test_the_page_is_the_one_of_the_kept_run() -> None:
    text = DOCUMENT.read_text()

    assert page(text, json.loads(RESULTS.read_text())) == text


def test_what_stands_outside_of_the_marks_stays() -> None:
    run = {
        "command": "make bench",
        "machine": {"cpus": 2, "load_1min_before": 0.5, "load_1min_after": 1.5},
        "results": [
            {
                "name": "a",
                "value": 1.0,
                "unit": "us",
                "baseline": "b",
                "baseline_value": 2.0,
                "ratio": 0.5,
                "data": "",
                "how": "",
            }
        ],
    }

    text = page(f"before {BEGIN}\n\nold\n\n{END} after", run)

    assert (text.startswith(f"before {BEGIN}\n"), text.endswith(f"{END} after"), "old" in text) == (True, True, False)
    assert "| a | 1.0 us | b | 2.0 | 0.500 |" in text
