"""Files of anchors, read once at a start."""

from __future__ import annotations

from pathlib import Path

from weir.evaluator.core.anchors import AnchorSet, InvalidAnchors, anchor_set
from weir.runtime.errors import BadSetting


def load_anchors(folder: Path | None) -> dict[str, AnchorSet]:
    """The sets of anchors in `folder`, by digest. Raises BadSetting for a folder or file that cannot be used."""
    if folder is None:
        return {}
    if not folder.is_dir():
        raise BadSetting(f"WEIR_EVALUATOR_ANCHORS_DIR is {folder}, which is no folder; for example examples/anchors")
    found: dict[str, AnchorSet] = {}
    for path in sorted(folder.glob("*.jsonl")):
        try:
            one = anchor_set(path.read_bytes())
        except (InvalidAnchors, UnicodeDecodeError, OSError) as error:
            raise BadSetting(f"{path} cannot be used: {error}") from error
        found[one.digest] = one
    return found
