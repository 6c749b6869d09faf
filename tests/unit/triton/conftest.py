"""Makes the pure parts of the models importable; they live beside the models, outside the package."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "infra" / "triton"))
