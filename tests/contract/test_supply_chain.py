"""Files that run at every start of the interpreter: only those we know. A stolen package once hid its code in one."""

from __future__ import annotations

import pathlib
import sysconfig

KNOWN = {"distutils-precedence.pth"}
"""Files with code that are expected: setuptools' own, which only puts its copy of distutils first."""


def with_code(folder: pathlib.Path) -> set[str]:
    """Names of the `.pth` files of a folder that hold a line which Python executes."""
    return {
        path.name
        for path in folder.glob("*.pth")
        if any(line.startswith(("import ", "import\t")) for line in path.read_text().splitlines())
    }


def test_no_dependency_runs_code_at_the_start_of_the_interpreter() -> None:
    assert with_code(pathlib.Path(sysconfig.get_paths()["purelib"])) - KNOWN == set()


def test_a_file_with_code_is_found(tmp_path: pathlib.Path) -> None:
    (tmp_path / "path.pth").write_text("/somewhere\n")
    (tmp_path / "code.pth").write_text("/somewhere\nimport os\n")

    assert with_code(tmp_path) == {"code.pth"}
