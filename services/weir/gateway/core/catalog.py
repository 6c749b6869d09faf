"""The gateway's copy of the registry: what a route means now, and every version behind it.

A fold over RegistryChanged events that compares their order (`weir.events.change_order`): read again, in any order and
twice, they make the same catalog, and `prod` never moves back. A route is a chain or a model at alias `prod`.
An endpoint name leads to a chain that runs its model: the one with the model's name if it does, else the first by name. A
model that no chain runs is served alone.

Invariant: a caller hears of the routes that its key is for, and of no other: a name of another route and a name of nothing
are refused in the same words, and errors list the caller's own.

What names mean is worked out once after a change, so that a name is one look into a dictionary, known or not: strangers
ask for unknown ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from weir.access.keys import Caller
from weir.access.refusals import Refusal, checked_name
from weir.assets.chain import Chain
from weir.assets.kinds import KINDS
from weir.assets.model import Model
from weir.assets.policy import Policy
from weir.assets.prompt import Prompt
from weir.assets.references import PROD, AssetReference
from weir.assets.shapes import Asset, InvalidAsset, restore
from weir.events import FIRST, ChangeOrder, Reference, RegistryChanged, change_order, release_digest

NAMES_SHOWN_MAX = 20
"""Names listed in an error: so many short ones fit into its length."""

UNKNOWN_RETRY_S = 1.0
"""Seconds a client is asked to wait for a gateway that has just started. It reads the changes of a registry in less."""

Key = tuple[str, str, str]
"""Kind, name, version or alias."""


A = TypeVar("A", bound=Asset)


@dataclass(frozen=True, slots=True)
class Version:
    """One immutable version of an asset. asset: what it says, or why that cannot be read."""

    kind: str
    name: str
    version: str
    digest: str
    asset: Asset | str

    @classmethod
    def restored(cls, kind: str, name: str, version: str, digest: str, body_json: str) -> Version:
        """A version of a known kind from its published body."""
        try:
            asset: Asset | str = restore(KINDS[kind], body_json or "{}")
        except InvalidAsset as error:
            asset = str(error)
        return cls(kind, name, version, digest, asset)

    def read_as(self, kind: type[A]) -> A:
        """What it says. Raises Refusal where that cannot be read: "prompt_not_found" of a prompt, else "model_not_found"."""
        if isinstance(self.asset, kind):
            return self.asset
        missing = "prompt_not_found" if self.kind == "prompt" else "model_not_found"
        raise Refusal(missing, f"{self.kind} {self.name!r} cannot be read ({self.asset}); register it again")

    @property
    def reference(self) -> Reference:
        """How events name it."""
        return Reference(kind=self.kind, name=self.name, version=self.version, digest=self.digest)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a route means for one call."""

    route: str
    model: Model
    prompt: Version | None
    policy: Policy
    references: tuple[Reference, ...]

    @property
    def template(self) -> str | None:
        """The prompt's template; None without a prompt. Raises Refusal where the prompt cannot be read."""
        return None if self.prompt is None else self.prompt.read_as(Prompt).template

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
class Unserved:
    """A route that cannot be served."""

    route: str
    reason: str


@dataclass(frozen=True, slots=True)
class Index:
    """What every name means at one revision."""

    names: Mapping[str, Resolved | Unserved]
    """Routes and endpoint names."""
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
    changes: int = field(default=0, compare=False)
    """Changes taken in since the start. Not the revision: a registry made anew counts that from 1 again."""
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
        if event.kind in KINDS and order >= self.version_orders.get(version_key, FIRST):
            self.version_orders[version_key] = order
            self.versions[version_key] = Version.restored(*version_key, event.digest, event.body_json)
        if event.change == "alias_moved" and order >= self.alias_orders.get(alias_key, FIRST):
            self.alias_orders[alias_key] = order
            self.aliases[alias_key] = event.version
        self.revision = max(self.revision, event.revision)
        self.changes += 1
        self._index = None

    def find(self, kind: str, name: str, selector: str) -> Version | None:
        """The version an alias or version label selects; None when there is none."""
        label = self.aliases.get((kind, name, selector), selector)
        return self.versions.get((kind, name, label))

    def resolve(self, name: str, caller: Caller) -> Resolved:
        """What a route means now. Raises Refusal: "permission_denied" for a name that the key is not for, whether it means
        something or not, "model_not_found" listing the caller's routes, or "catalog_unknown".
        """
        self._demand_read()
        found = self._current().names.get(checked_name(name, "model_not_found"))
        caller.demand_route(name if found is None else found.route, asked=name)
        if isinstance(found, Resolved):
            return found
        if found is not None:
            raise Refusal("model_not_found", found.reason)
        own = [route for route in self._current().routes if caller.may_ask(route)]
        raise Refusal(
            "model_not_found",
            f"no chain or model is named {name!r}; there are: {_listed(own)} (register one: weir apply -f)",
        )

    def knows(self, name: str) -> bool:
        """Whether a route or an endpoint of that name can be served now."""
        return isinstance(self._current().names.get(name), Resolved)

    def prompt(self, reference: str, caller: Caller) -> Version:
        """The prompt `name@alias` or `name@version`; its route was resolved before.

        Raises Refusal("prompt_not_found") listing the prompts of the caller's routes: all of them where it has every route.
        """
        asked = AssetReference.named(checked_name(reference, "prompt_not_found"))
        found = self.find("prompt", asked.name, asked.selector)
        if found is not None:
            return found
        prompts = self._prompts_of(caller)
        known = prompts.get(asked.name)
        if known is None:
            raise Refusal(
                "prompt_not_found", f"no prompt is named {asked.name!r}; there are: {_listed(tuple(prompts))}"
            )
        raise Refusal(
            "prompt_not_found",
            f"prompt {asked.name!r} has no alias or version {asked.selector!r}; it has: {_listed(known)}",
        )

    def routes(self, caller: Caller) -> list[Resolved]:
        """The caller's routes that can be served, by name. One that lacks a part says so to who asks for it.

        Raises Refusal("catalog_unknown"): an empty list would say that there is none.
        """
        self._demand_read()
        current = self._current()
        own = (current.names[name] for name in current.routes if caller.may_ask(name))
        return [route for route in own if isinstance(route, Resolved)]

    def _prompts_of(self, caller: Caller) -> Mapping[str, tuple[str, ...]]:
        prompts = self._current().prompts
        if caller.has_all_routes:
            return prompts
        own = {route.prompt.name for route in self.routes(caller) if route.prompt is not None}
        return {name: selectors for name, selectors in prompts.items() if name in own}

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
        routes = sorted({key[1] for key in self.aliases if key[0] in ("chain", "model") and key[2] == PROD})
        # A route is found under its version label `prod` too, as before: `find` takes an alias or a label.
        labelled = {key[1] for key in self.versions if key[0] in ("chain", "model") and key[2] == PROD}
        names = {name: self._served(name) for name in {*routes, *labelled}}
        for name, model in self._endpoints().items():
            names.setdefault(name, self._worked_out(model))
        return Index(names, tuple(routes), self._prompts())

    def _served(self, name: str) -> Resolved | Unserved:
        version = self.find("chain", name, PROD) or self.find("model", name, PROD)
        return Unserved(name, f"{name!r} is not at {PROD}") if version is None else self._worked_out(version)

    def _endpoints(self) -> dict[str, Version]:
        """What each Triton name leads to: the chain of its model, or the model."""
        of_model: dict[str, Version] = {}
        for chain in self._at_prod("chain"):
            if isinstance(chain.asset, Chain):
                of_model.setdefault(chain.asset.model.name, chain)
        # One that cannot be read keeps its model's name: its policy is not to be gone around.
        named = [chain for chain in self._at_prod("chain") if _runs(chain, chain.name)]
        of_model.update({chain.name: chain for chain in named})
        found: dict[str, Version] = {}
        for model in self._at_prod("model"):
            for endpoint in model.asset.server_names if isinstance(model.asset, Model) else ():
                found.setdefault(endpoint, of_model.get(model.name, model))
        return found

    def _prompts(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, set[str]] = {}
        for kind, name, selector in (*self.versions, *self.aliases):
            if kind == "prompt":
                found.setdefault(name, set()).add(selector)
        return {name: tuple(sorted(found[name])) for name in sorted(found)}

    def _at_prod(self, kind: str) -> list[Version]:
        """The assets of a kind that run, by name."""
        names = sorted({key[1] for key in (*self.aliases, *self.versions) if key[0] == kind and key[2] == PROD})
        return [version for name in names if (version := self.find(kind, name, PROD)) is not None]

    def _worked_out(self, version: Version) -> Resolved | Unserved:
        try:
            if version.kind == "model":
                return Resolved(version.name, version.read_as(Model), None, Policy(), (version.reference,))
            return self._of_chain(version)
        except Refusal as refusal:  # one broken chain must not take the other routes away
            return Unserved(version.name, refusal.message)

    def _of_chain(self, version: Version) -> Resolved:
        chain = version.read_as(Chain)
        model = self._needed(version, "model", chain.model)
        prompt = self._needed(version, "prompt", chain.prompt) if chain.prompt else None
        policy = self._needed(version, "policy", chain.policy) if chain.policy else None
        datasets = [self._needed(version, "dataset", reference) for reference in chain.datasets or ()]
        parts = [version, model, *([prompt] if prompt else []), *datasets, *([policy] if policy else [])]
        return Resolved(
            route=version.name,
            model=model.read_as(Model),
            prompt=prompt,
            policy=policy.read_as(Policy) if policy else Policy(),
            references=tuple(part.reference for part in parts),
        )

    def _needed(self, chain: Version, kind: str, reference: AssetReference) -> Version:
        found = self.find(kind, reference.name, reference.selector)
        if found is None:
            missing = f"{kind} '{reference}'"
            raise Refusal("model_not_found", f"chain {chain.name!r} needs {missing}, which the registry does not have")
        return found


def _runs(chain: Version, model_name: str) -> bool:
    """Whether a chain runs that model; one that cannot be read may."""
    return not isinstance(chain.asset, Chain) or chain.asset.model.name == model_name


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN_MAX]) or "none"
    return f"{shown} and {len(names) - NAMES_SHOWN_MAX} more" if len(names) > NAMES_SHOWN_MAX else shown
