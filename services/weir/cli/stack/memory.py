"""Memory of process trees as proportional set size: shared pages are counted once, split among who shares them."""

from __future__ import annotations

import re
from pathlib import Path

import psutil

PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def tree_pss_mib(pid: int) -> float:
    """PSS of a process and all its children, MiB; 0 for a process that is gone."""
    try:
        root = psutil.Process(pid)
        members = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    return sum(_pss_kib(member.pid) for member in members) / 1_024


def _pss_kib(pid: int) -> int:
    try:
        match = PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0  # it ended while the tree was read
    return int(match[1]) if match else 0
