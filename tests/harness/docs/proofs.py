"""Sentences of docs/delivery.md beside the tests that prove them, and whether both are as somebody last compared them.

No program can tell that a test proves a sentence. What it can tell is that one of the two changed since a person held
them against each other: then they are to be compared again, and
`PYTHONPATH=tests python -m harness.docs.proofs` writes that down.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.docs.named_tests import NODE
from harness.docs.pages import ROOT

PAGE = ROOT / "docs" / "delivery.md"
COMPARED = ROOT / "tests" / "contract" / "delivery_compared.json"
"""Fingerprints of sentences and proofs when they were last compared."""

FAULT = re.compile(r"`chaos:([a-z-]+)`")
CATALOGUE = ROOT / "tests" / "chaos" / "catalogue.py"
HEX = 12
"""Digits of a fingerprint: two texts of a hundred thousand do not share one by chance."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A promise and what proves it."""

    sentence: str
    proofs: tuple[str, ...]
    """Test nodes, and faults as `chaos:NAME`, sorted."""


def claims_of(page: str) -> list[Claim]:
    """The promises of a page: its bullets, up to what is not promised."""
    promised = page.split("## What is not promised")[0]
    bullets = [re.split(r"\n(?=#|$)", part)[0] for part in re.split(r"^- ", promised, flags=re.MULTILINE)[1:]]
    return [_claim(re.split(r"^## ", bullet, flags=re.MULTILINE)[0]) for bullet in bullets]


def fingerprints(claims: list[Claim]) -> dict[str, dict[str, str]]:
    """Each sentence by its own fingerprint and beginning, with those of its proofs."""
    return {
        f"{_digest(claim.sentence)} {claim.sentence[:60]}": {proof: fingerprint(proof) for proof in claim.proofs}
        for claim in claims
    }


def differences(now: Mapping[str, Mapping[str, str]], compared: Mapping[str, Mapping[str, str]]) -> list[str]:
    """What changed since somebody compared, in words."""
    found = [f"new or changed sentence: {name[HEX + 1 :]}..." for name in now if name not in compared]
    found += [f"gone: {name[HEX + 1 :]}..." for name in compared if name not in now]
    for name in set(now) & set(compared):
        for proof in sorted(set(now[name]) | set(compared[name])):
            if now[name].get(proof) != compared[name].get(proof):
                found.append(f"{proof} changed; does it still prove: {name[HEX + 1 :]}...")
    return sorted(found)


def fingerprint(proof: str) -> str:
    """Of the code that proves: the function, and what it uses in its own file; comments, layout and docstrings are none."""
    if proof.startswith("chaos:"):
        path, name = _fault(proof.removeprefix("chaos:"))
    else:
        path, _, name = proof.partition("::")
    named = _definitions(path)
    wanted, used = [name], set[str]()
    while wanted:
        one = wanted.pop()
        used.add(one)
        names = {node.id for node in ast.walk(named[one]) if isinstance(node, ast.Name)}
        names |= {node.arg for node in ast.walk(named[one]) if isinstance(node, ast.arg)}
        wanted += [other for other in names if other in named and other not in used]
    return _digest("\n".join(ast.dump(_bare(named[one])) for one in sorted(used)))


def compared() -> dict[str, dict[str, str]]:
    """What was written down."""
    return dict(json.loads(COMPARED.read_text()))


def _claim(bullet: str) -> Claim:
    proofs = {*NODE.findall(bullet), *(f"chaos:{name}" for name in FAULT.findall(bullet))}
    # What stands before the nested list of proofs, or before the first proof, is the sentence.
    sentence = re.split(r"\n  - `", bullet)[0]
    return Claim(" ".join(sentence.split()), tuple(sorted(proofs)))


@functools.cache
def _definitions(path: str) -> Mapping[str, ast.AST]:
    """Functions, classes and constants of a file by name."""
    found: dict[str, ast.AST] = {}
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    found[target.id] = node
    return found


def _fault(name: str) -> tuple[str, str]:
    """File and function of a fault of the chaos suite, as the catalogue calls it."""
    for node in ast.walk(ast.parse(CATALOGUE.read_text())):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == name:
                    return next(_called(value))
    raise KeyError(f"no fault {name!r} in {CATALOGUE}")


def _called(node: ast.AST) -> Iterator[tuple[str, str]]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
            yield f"tests/chaos/faults/{inner.value.id}.py", inner.attr


def _bare(node: ast.AST) -> ast.AST:
    """The definition without docstrings, and without the capability it is counted for."""
    copy = ast.parse(ast.unparse(node))
    for inner in ast.walk(copy):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
            marks = inner.decorator_list
            inner.decorator_list = [one for one in marks if not ast.unparse(one).startswith("pytest.mark.capability")]
        body = getattr(inner, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            inner.body = body[1:] or [ast.Pass()]  # type: ignore[attr-defined]  # it has a body: it was just read
    return copy


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:HEX]


if __name__ == "__main__":
    COMPARED.write_text(json.dumps(fingerprints(claims_of(PAGE.read_text())), indent=1, sort_keys=True) + "\n")
