"""The weights are pinned by their content, at set-up and in the registry."""

from __future__ import annotations

import hashlib
import pathlib

import pytest
import yaml
from chat import weights
from chat.weights import SHA256, WrongWeights, check_weights, weights_file

REGISTRY = pathlib.Path(__file__).resolve().parents[3] / "examples" / "registry"


def test_other_weights_are_refused_with_both_digests(tmp_path: pathlib.Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"other")

    with pytest.raises(WrongWeights, match=f"SHA-256 {hashlib.sha256(b'other').hexdigest()}; expected {SHA256}"):
        check_weights(other)


def test_the_pinned_content_is_taken(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "SHA256", hashlib.sha256(b"right" * 1_000_000).hexdigest())
    right = tmp_path / "right.gguf"
    right.write_bytes(b"right" * 1_000_000)

    check_weights(right)


def test_weights_that_are_not_there_say_what_to_install(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WrongWeights, match=r"no weights at .*install infra/triton/requirements-bare\.txt"):
        check_weights(tmp_path / "none.gguf")
    monkeypatch.setattr(weights, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(WrongWeights, match="no package no_such_package_of_weights"):
        weights_file()


def test_the_models_card_names_the_digest_so_that_other_weights_are_another_release() -> None:
    models = list(yaml.safe_load_all((REGISTRY / "models.yaml").read_text()))

    cards = {model["name"]: model["spec"]["card"] for model in models}

    assert cards["chat"]["weights_sha256"] == cards["docs-chat"]["weights_sha256"] == SHA256
