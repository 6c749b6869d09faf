"""The models' pure parts are no part of the distribution: their folder joins the path for these tests."""

from __future__ import annotations

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "infra" / "triton"))
