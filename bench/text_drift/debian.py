"""Text packages of the distribution: fetched by name, unpacked beside the benchmark, never installed.

Images often leave documentation out when they install (`path-exclude` of dpkg), and nothing of a package but its text is
wanted: so `apt-get download` and `dpkg-deb --extract`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

PACKAGES = (
    "python3.11-doc", "postgresql-doc-15", "git-doc", "perl-doc", "dict-foldoc", "dict-jargon", "fortunes", "fortunes-min",
    "dict-devil", "dict-wn", "manpages", "manpages-dev", "manpages-fr",
    "tcl8.6-doc", "debian-handbook", "dict-gcide", "manpages-es",
)  # fmt: skip
"""The last four serve the held-out base alone."""


class PackagesMissing(Exception):
    """The packages cannot be fetched here; the text says what to run."""


def unpack_packages(folder: Path) -> Path:
    """The root of the unpacked packages under `folder`, fetched once. Raises PackagesMissing with the remedy."""
    root, stamp = folder / "packages", folder / "packages.done"
    listed = "\n".join(PACKAGES)
    if stamp.exists() and stamp.read_text() == listed:
        return root
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise PackagesMissing("the texts are Debian packages; run this on Debian 12 (a container will do)")
    fetched = folder / "deb"
    for stale in (root, fetched):
        shutil.rmtree(stale, ignore_errors=True)
    fetched.mkdir(parents=True)
    if os.geteuid() == 0:
        _run(["apt-get", "update", "-qq"], folder)
    _run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", *PACKAGES], fetched)
    for package in sorted(fetched.glob("*.deb")):
        _run(["dpkg-deb", "--extract", str(package), str(root)], folder)
    shutil.rmtree(fetched)
    stamp.write_text(listed)
    return root


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackagesMissing(
            f"`{' '.join(command[:2])} ...` failed: {done.stderr.strip()[-300:]}\n"
            "Packages of Debian 12 are needed. Run `sudo apt-get update`, then again: make bench-drift"
        )
