"""The gateway's copy of the registry: what a route means now, and every version behind it.

A fold over RegistryChanged events that compares their order (`weir.events.change_order`): read again, in any order and
twice, they make the same catalog, and `prod` never moves back. A route is a chain or a model at alias `prod`.
The Triton name of a registered model's endpoint leads to the chain of that model: the chain of the model's own name
where there is one, else the first by name; without a chain, to the model itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from weir.events import FIRST, ChangeOrder, Reference, RegistryChanged, change_order, release_digest
from weir.gateway.core.errors import Refusal

ALIAS = "prod"
"""Alias at which routes are served."""

NAMES_SHOWN_MAX = 20
"""Names listed in an error. Chosen."""

Key = tuple[str, str, str]
"""Kind, name, version or alias."""


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable version of an asset."""

    kind: str
    name: str
    version: str
    digest: str
    spec: Mapping[str, Any]

    @property
    def reference(self) -> Reference:
        """How events name it."""
        return Reference(kind=self.kind, name=self.name, version=self.version, digest=self.digest)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a route means for one call."""

    route: str
    task: str
    """chat or embeddings."""
    unary_model: str
    """Triton model answered by ModelInfer; empty when there is none."""
    stream_model: str
    """Decoupled Triton model; empty when there is none."""
    input_name: str
    prompt: Version | None
    policy: Mapping[str, Any]
    references: tuple[Reference, ...]
    card: Mapping[str, Any]

    @property
    def release(self) -> str:
        """Digest over everything pinned."""
        return release_digest(self.references)

    def with_prompt(self, prompt: Version) -> Resolved:
        """The same route with another prompt template."""
        others = [reference for reference in self.references if reference.kind != "prompt"]
        return Resolved(
            self.route, self.task, self.unary_model, self.stream_model, self.input_name, prompt, self.policy,
            (*others, prompt.reference), self.card,
        )  # fmt: skip

    def without_prompt(self) -> Resolved:
        """The same route where the client brings its own prompt: no template took part."""
        others = tuple(reference for reference in self.references if reference.kind != "prompt")
        return Resolved(
            self.route,
            self.task,
            self.unary_model,
            self.stream_model,
            self.input_name,
            None,
            self.policy,
            others,
            self.card,
        )


@dataclass(slots=True)
class Catalog:
    """Versions and aliases, and the routes they make."""

    versions: dict[Key, Version] = field(default_factory=dict)
    aliases: dict[Key, str] = field(default_factory=dict)
    revision: int = 0
    version_orders: dict[Key, ChangeOrder] = field(default_factory=dict)
    alias_orders: dict[Key, ChangeOrder] = field(default_factory=dict)
    """The change that each version and alias comes from; `FIRST` where it is not known."""
    _resolved: dict[str, Resolved] = field(default_factory=dict)

    def apply(self, event: RegistryChanged) -> None:
        """Take in one change of the registry, unless a newer one of the same version or alias is known."""
        order = change_order(event)
        version_key, alias_key = (event.kind, event.name, event.version), (event.kind, event.name, event.alias)
        if order >= self.version_orders.get(version_key, FIRST):
            self.version_orders[version_key] = order
            self.versions[version_key] = Version(*version_key, event.digest, json.loads(event.body_json or "{}"))
        if event.change == "alias_moved" and order >= self.alias_orders.get(alias_key, FIRST):
            self.alias_orders[alias_key] = order
            self.aliases[alias_key] = event.version
        self.revision = max(self.revision, event.revision)
        self._resolved.clear()

    def find(self, kind: str, name: str, selector: str) -> Version | None:
        """The version an alias or version label selects; None when there is none."""
        label = self.aliases.get((kind, name, selector), selector)
        return self.versions.get((kind, name, label))

    def resolve(self, name: str) -> Resolved:
        """What a route means now. Raises Refusal("model_not_found") listing the routes there are."""
        if name not in self._resolved:
            self._resolved[name] = self._resolve(name)
        return self._resolved[name]

    def prompt(self, reference: str) -> Version:
        """The prompt `name@alias` or `name@version`. Raises Refusal("prompt_not_found") saying what there is."""
        name, _, selector = reference.partition("@")
        found = self.find("prompt", name, selector or ALIAS)
        if found is not None:
            return found
        known = sorted({key[2] for key in (*self.versions, *self.aliases) if key[:2] == ("prompt", name)})
        if not known:
            names = sorted({key[1] for key in self.versions if key[0] == "prompt"})
            raise Refusal("prompt_not_found", f"no prompt is named {name!r}; there are: {_listed(names)}")
        raise Refusal(
            "prompt_not_found",
            f"prompt {name!r} has no alias or version {selector or ALIAS!r}; it has: {_listed(known)}",
        )

    def routes(self) -> list[Resolved]:
        """Every route, by name."""
        names = {key[1] for key in self.aliases if key[0] in ("chain", "model") and key[2] == ALIAS}
        return [self.resolve(name) for name in sorted(names)]

    def _resolve(self, name: str) -> Resolved:
        chain = self.find("chain", name, ALIAS)
        if chain is not None:
            return self._of_chain(chain)
        model = self.find("model", name, ALIAS)
        if model is not None:
            return self._of_model(model)
        owner = next(
            (self.versions[key] for key in sorted(self.versions) if key[0] == "model" and self._serves(key, name)), None
        )
        if owner is None:
            names = sorted({key[1] for key in self.aliases if key[0] in ("chain", "model") and key[2] == ALIAS})
            raise Refusal(
                "model_not_found",
                f"no chain or model is named {name!r}; there are: {_listed(names)} (register one: weir apply -f)",
            )
        return self._of_endpoint(owner)

    def _serves(self, key: Key, triton_name: str) -> bool:
        spec = self.versions[key].spec
        current = self.find("model", key[1], ALIAS)
        return current is self.versions[key] and triton_name in (spec.get("unary_model"), spec.get("stream_model"))

    def _of_endpoint(self, model: Version) -> Resolved:
        own = self.find("chain", model.name, ALIAS)
        if own is not None:
            return self._of_chain(own)
        names = sorted({key[1] for key in self.aliases if key[0] == "chain" and key[2] == ALIAS})
        for chain in (self.find("chain", name, ALIAS) for name in names):
            if chain is not None and str(chain.spec.get("model", "")).partition("@")[0] == model.name:
                return self._of_chain(chain)
        return self._of_model(model)

    def _of_chain(self, chain: Version) -> Resolved:
        model = self._needed(chain, "model", chain.spec["model"])
        prompt = self._needed(chain, "prompt", chain.spec["prompt"]) if chain.spec.get("prompt") else None
        policy = self._needed(chain, "policy", chain.spec["policy"]) if chain.spec.get("policy") else None
        datasets = [self._needed(chain, "dataset", reference) for reference in chain.spec.get("datasets") or []]
        parts = [chain, model, *([prompt] if prompt else []), *datasets, *([policy] if policy else [])]
        return _resolved(chain.name, model, prompt, policy, tuple(part.reference for part in parts))

    def _of_model(self, model: Version) -> Resolved:
        return _resolved(model.name, model, None, None, (model.reference,))

    def _needed(self, chain: Version, kind: str, reference: str) -> Version:
        name, _, selector = reference.partition("@")
        found = self.find(kind, name, selector or ALIAS)
        if found is None:
            raise Refusal(
                "model_not_found", f"chain {chain.name!r} needs {kind} {reference!r}, which the registry does not have"
            )
        return found


def _resolved(
    route: str, model: Version, prompt: Version | None, policy: Version | None, references: tuple[Reference, ...]
) -> Resolved:
    spec = model.spec
    return Resolved(
        route=route,
        task=str(spec.get("task", "chat")),
        unary_model=str(spec.get("unary_model") or ""),
        stream_model=str(spec.get("stream_model") or ""),
        input_name=str(spec.get("input", "text_input")),
        prompt=prompt,
        policy=policy.spec if policy else {},
        references=references,
        card=spec.get("card", {}),
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN_MAX]) or "none"
    return f"{shown} and {len(names) - NAMES_SHOWN_MAX} more" if len(names) > NAMES_SHOWN_MAX else shown
