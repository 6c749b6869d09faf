"""The gateway's copy of the registry: what a route means now, and every version behind it.

A fold over RegistryChanged events that compares their order (`weir.events.change_order`): read again, in any order and
twice, they make the same catalog, and `prod` never moves back. A route is a chain or a model at alias `prod`.
The Triton name of a registered model's endpoint leads to the chain of that model: the chain of the model's own name
where there is one, else the first by name; without a chain, to the model itself.

What names mean is worked out once after a change, so that a name is one look into a dictionary, known or not: strangers
ask for unknown ones.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from weir.events import FIRST, ChangeOrder, Reference, RegistryChanged, change_order, release_digest
from weir.gateway.core.errors import Refusal, checked_name

ALIAS = "prod"
"""Alias at which routes are served."""

NAMES_SHOWN_MAX = 20
"""Names listed in an error: so many short ones fit into its length."""

UNKNOWN_RETRY_S = 1.0
"""Seconds a client is asked to wait for a gateway that has just started. It reads the changes of a registry in less."""

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
    dimensions: int | None = None
    """Numbers of an embedding; None where the registry does not say."""

    @property
    def release(self) -> str:
        """Digest over everything pinned."""
        return release_digest(self.references)

    def with_prompt(self, prompt: Version) -> Resolved:
        """The same route with another prompt template."""
        return replace(self, prompt=prompt, references=(*self._without_prompts, prompt.reference))

    def without_prompt(self) -> Resolved:
        """The same route where the client brings its own prompt: no template took part."""
        if self.prompt is None:
            return self
        return replace(self, prompt=None, references=self._without_prompts)

    @property
    def _without_prompts(self) -> tuple[Reference, ...]:
        return tuple(reference for reference in self.references if reference.kind != "prompt")


@dataclass(frozen=True, slots=True)
class Index:
    """What every name means at one revision."""

    names: Mapping[str, Resolved | str]
    """Routes and endpoint names; a text says why a route cannot be served."""
    routes: tuple[str, ...]
    """Names of chains and models, sorted."""
    prompts: Mapping[str, tuple[str, ...]]
    """Aliases and versions of each prompt, sorted."""


@dataclass(slots=True)
class Catalog:
    """Versions and aliases, and the routes they make."""

    versions: dict[Key, Version] = field(default_factory=dict)
    aliases: dict[Key, str] = field(default_factory=dict)
    revision: int = 0
    is_read: bool = True
    """Whether the registry's changes were read once, or a snapshot of them: before, no name means anything yet."""
    version_orders: dict[Key, ChangeOrder] = field(default_factory=dict)
    alias_orders: dict[Key, ChangeOrder] = field(default_factory=dict)
    """The change that each version and alias comes from; `FIRST` where it is not known."""
    _index: Index | None = field(default=None, repr=False, compare=False)

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
        self._index = None

    def find(self, kind: str, name: str, selector: str) -> Version | None:
        """The version an alias or version label selects; None when there is none."""
        label = self.aliases.get((kind, name, selector), selector)
        return self.versions.get((kind, name, label))

    def resolve(self, name: str) -> Resolved:
        """What a route means now. Raises Refusal("model_not_found") listing the routes there are, or "catalog_unknown"."""
        self._demand_read()
        found = self._current().names.get(checked_name(name, "model_not_found"))
        if isinstance(found, Resolved):
            return found
        if found is not None:
            raise Refusal("model_not_found", found)
        raise Refusal(
            "model_not_found",
            f"no chain or model is named {name!r}; there are: {_listed(self._current().routes)} "
            "(register one: weir apply -f)",
        )

    def knows(self, name: str) -> bool:
        """Whether a route or an endpoint of that name can be served now."""
        return isinstance(self._current().names.get(name), Resolved)

    def prompt(self, reference: str) -> Version:
        """The prompt `name@alias` or `name@version`; its route was resolved before. Raises Refusal("prompt_not_found")."""
        name, _, selector = checked_name(reference, "prompt_not_found").partition("@")
        found = self.find("prompt", name, selector or ALIAS)
        if found is not None:
            return found
        prompts = self._current().prompts
        known = prompts.get(name)
        if known is None:
            raise Refusal("prompt_not_found", f"no prompt is named {name!r}; there are: {_listed(tuple(prompts))}")
        raise Refusal(
            "prompt_not_found",
            f"prompt {name!r} has no alias or version {selector or ALIAS!r}; it has: {_listed(known)}",
        )

    def routes(self) -> list[Resolved]:
        """Every route that can be served, by name. One that lacks a part says so to who asks for it.

        Raises Refusal("catalog_unknown"): an empty list would say that there is none.
        """
        self._demand_read()
        current = self._current()
        return [route for name in current.routes if isinstance(route := current.names[name], Resolved)]

    def _demand_read(self) -> None:
        if not self.is_read:
            raise Refusal(
                "catalog_unknown",
                "this gateway has just started and has not read the registry's changes; try again, or ask another gateway",
                retry_after_s=UNKNOWN_RETRY_S,
            )

    def _current(self) -> Index:
        if self._index is None:
            self._index = self._indexed()
        return self._index

    def _indexed(self) -> Index:
        routes = sorted({key[1] for key in self.aliases if key[0] in ("chain", "model") and key[2] == ALIAS})
        # A route is found under its version label `prod` too, as before: `find` takes an alias or a label.
        labelled = {key[1] for key in self.versions if key[0] in ("chain", "model") and key[2] == ALIAS}
        names = {name: self._served(name) for name in {*routes, *labelled}}
        for name, model in self._endpoints().items():
            names.setdefault(name, self._worked_out(model))
        return Index(names, tuple(routes), self._prompts())

    def _served(self, name: str) -> Resolved | str:
        chain = self.find("chain", name, ALIAS)
        if chain is not None:
            return self._worked_out(chain)
        model = self.find("model", name, ALIAS)
        return (
            f"{name!r} is not at {ALIAS}" if model is None else _resolved(name, model, None, None, (model.reference,))
        )

    def _endpoints(self) -> dict[str, Version]:
        """What each Triton name leads to: the chain of its model, or the model."""
        chains = [chain for name in self._names("chain") if (chain := self.find("chain", name, ALIAS)) is not None]
        of_model: dict[str, Version] = {}
        for chain in chains:
            of_model.setdefault(str(chain.spec.get("model", "")).partition("@")[0], chain)
        of_model.update({chain.name: chain for chain in chains})
        found: dict[str, Version] = {}
        for name in sorted({key[1] for key in self.versions if key[0] == "model"}):
            model = self.find("model", name, ALIAS)
            for endpoint in (model.spec.get("unary_model"), model.spec.get("stream_model")) if model else ():
                if model is not None and endpoint:
                    found.setdefault(str(endpoint), of_model.get(name, model))
        return found

    def _prompts(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, set[str]] = {}
        for kind, name, selector in (*self.versions, *self.aliases):
            if kind == "prompt":
                found.setdefault(name, set()).add(selector)
        return {name: tuple(sorted(found[name])) for name in sorted(found)}

    def _names(self, kind: str) -> list[str]:
        return sorted({key[1] for key in self.aliases if key[0] == kind and key[2] == ALIAS})

    def _worked_out(self, version: Version) -> Resolved | str:
        if version.kind == "model":
            return _resolved(version.name, version, None, None, (version.reference,))
        try:
            return self._of_chain(version)
        except Refusal as refusal:
            return refusal.message
        except (KeyError, TypeError, AttributeError) as error:  # one broken chain must not take the other routes away
            return f"chain {version.name!r} cannot be read ({error!r}); register it again"

    def _of_chain(self, chain: Version) -> Resolved:
        model = self._needed(chain, "model", chain.spec["model"])
        prompt = self._needed(chain, "prompt", chain.spec["prompt"]) if chain.spec.get("prompt") else None
        policy = self._needed(chain, "policy", chain.spec["policy"]) if chain.spec.get("policy") else None
        datasets = [self._needed(chain, "dataset", reference) for reference in chain.spec.get("datasets") or []]
        parts = [chain, model, *([prompt] if prompt else []), *datasets, *([policy] if policy else [])]
        return _resolved(chain.name, model, prompt, policy, tuple(part.reference for part in parts))

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
        dimensions=spec.get("dimensions"),
    )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN_MAX]) or "none"
    return f"{shown} and {len(names) - NAMES_SHOWN_MAX} more" if len(names) > NAMES_SHOWN_MAX else shown
