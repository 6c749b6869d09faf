"""Sayings of a fortune file: texts between lines that hold one percent sign."""

from __future__ import annotations


def fortunes_of(content: str) -> list[str]:
    """Every saying in order, overstrikes and the line of its source (`-- somebody`) removed."""
    sayings: list[list[str]] = [[]]
    for line in content.splitlines():
        if line.strip() == "%":
            sayings.append([])
        elif not line.strip().startswith("--"):
            sayings[-1].append(line.replace("\b", ""))
    return [" ".join(lines) for lines in sayings if lines]
