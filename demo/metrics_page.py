"""One figure of a service's /metrics page."""

from __future__ import annotations


def counter(page: str, name: str, **labels: str) -> float:
    """Value of the sample `name` with exactly these labels, in Prometheus text; 0 where there is none yet."""
    wanted = {f'{key}="{value}"' for key, value in labels.items()}
    for line in page.splitlines():
        head, _, value = line.rpartition(" ")
        found, _, rest = head.partition("{")
        if found == name and set(rest.rstrip("}").split(",")) == wanted:
            return float(value)
    return 0.0
