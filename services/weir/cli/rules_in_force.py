"""Rules that are stored and that no alias puts in force: a typo of the alias is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weir.cli import client
from weir.cli.output import CliError, say


def rules_not_in_force(answer: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Name and aliases of each stored rule that is not in force, by name; None where that cannot be known, which is said.

    answer: what alerts says of the rules in force.
    """
    try:
        stored = client.get("registry", "/v1/assets", kind="rule")
    except CliError as error:
        say(f"whether other rules are stored is unknown: {error.message}")
        return None
    if answer["truncated"]:
        say(f"more than {len(answer['items'])} rules are in force: whether other rules are stored is unknown")
        return None
    return not_in_force(stored["items"], {one["name"] for one in answer["items"]})


def not_in_force(versions: Sequence[Mapping[str, Any]], in_force: set[str]) -> list[dict[str, Any]]:
    """Name and aliases of each rule of these versions that is not in force, by name."""
    aliases: dict[str, set[str]] = {}
    for one in versions:
        if one["name"] not in in_force:
            aliases.setdefault(one["name"], set()).update(one["aliases"])
    return [{"name": name, "aliases": sorted(found)} for name, found in sorted(aliases.items())]


def why_not(rule: Mapping[str, Any], alias: str) -> str:
    """A rule that is not in force, and why. alias: that puts rules in force."""
    if alias in rule["aliases"]:
        return f"{rule['name']} has the alias {alias} and cannot run, or was just stored (weir logs alerts)"
    return f"{rule['name']} has no alias {alias}; it has {', '.join(rule['aliases']) or 'none'}"
