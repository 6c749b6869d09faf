"""Documentation that can be followed: blocks are run or say why not, and commands, files and pages that are named exist.

`tests/docs` runs the blocks on a fresh stack; here is what needs none.
"""

from __future__ import annotations

import importlib
import pathlib
import pkgutil
import re

import pytest
import yaml
from pydantic_settings import BaseSettings
from tools.settings_page import main as settings_page
from tools.settings_page import variables

import weir
from chaos.catalogue import FULL, SHORT
from harness.docs.named_commands import commands_in, is_command, problem_with
from harness.docs.pages import (
    HISTORY,
    NOT_RUN,
    READ,
    ROOT,
    RUN,
    SHOWN,
    blocks_of,
    every_block,
    headings,
    links,
    pages,
    paragraphs,
    quoted,
    read,
)
from weir.assets.kinds import KINDS
from weir.gateway.core.openai_fields import STOP_CHARS_MAX, STOPS_MAX
from weir.gateway.core.openai_request import DEPTH_MAX, VALUES_MAX
from weir.registry.core.documents import definitions_from

PAGES = pages()
SETTINGS = "docs/settings.md"
"""Generated: it quotes the reasons of settings, whose figures are told, with their commands, on the pages of results."""

WRITTEN = [page for page in PAGES if re.fullmatch(r"README.md|docs/[\w-]+\.md", page)]
INDEX = "docs/README.md"
KINDS_OF_PAGES = ("Tutorial", "How-to", "Reference", "Explanation")
BLOCKS = every_block()

NOT_RUN_HERE = {
    "README.md": 1,
    "docs/containers.md": 1,
    "docs/drift-howto.md": 1,
}
"""Blocks of each page that no test runs, all of them marked with their reason. More is a decision to make here."""

FILE = re.compile(r"(?:bench|demo|docs|examples|infra|schemas|services|tests|tools)/[\w./-]*\w")
PAST_THE_GATEWAY = ("drift killed", "alerts killed", "rule edited while firing")
"""Rows of the chaos suite before those of the store whose load is written into Kafka, not sent as calls."""

GONE = {"WEIR_ALERTS_TRIES_MAX", "WEIR_DRIFT"}
"""Named by the history alone, as what was before; and the beginning of names."""

READ_BY_TOOLS = {"WEIR_HOME", "WEIR_CLONE_TIME", "WEIR_API_KEY", "WEIR_ROOT"}
"""Variables of the command line and of the demo."""

SOURCES = "\n".join(
    path.read_text()
    for folder in ("services", "tests", "tools", "bench", "demo")
    for path in sorted((ROOT / folder).rglob("*.py"))
)
ROUTES = {re.sub(r"\{+[^}]*\}+", "[^/]+", path) for path in re.findall(r'"(/[a-z0-9/{}:._-]*)"', SOURCES)}
"""Patterns of the routes that are served, as the code writes them."""

MODULE = re.compile(r"(?:weir|tests|tools|bench|demo)(?:\.[a-z_]\w*)+")
HEADING = re.compile(r"\[?`?(?:docs/)?([\w-]+\.md)(?:`|\]\([\w./-]+\))?,? \"([^\"]+)\"")
"""A page and the heading in it that a sentence sends its reader to: docs/drift.md, "System or judge"."""


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.place)
def test_a_block_says_what_it_is_and_is_run_read_or_marked(block) -> None:  # type: ignore[no-untyped-def]  # a Block
    assert block.language in (*RUN, *READ, SHOWN), f"{block.place} begins with ```{block.language}"
    if block.language == SHOWN:
        assert not list(commands_in(block.text)), f"{block.place} is text and holds a command: call it sh"


def test_no_block_hides_behind_another_form() -> None:
    marked = {page: sum(bool(NOT_RUN.fullmatch(words)) for words, _ in paragraphs(read(page))) for page in PAGES}
    used = {page: sum(bool(block.not_run) for block in BLOCKS if block.page == page) for page in PAGES}

    assert marked == used
    assert {page: count for page, count in used.items() if count} == NOT_RUN_HERE


def test_what_is_read_can_be_read() -> None:
    for block in BLOCKS:
        if block.language in READ:
            documents = [one for one in yaml.safe_load_all(block.text) if one is not None]
            assert documents, block.place
            assert definitions_from([one for one in documents if "kind" in one and one["kind"] in KINDS]) is not None


@pytest.mark.parametrize("page", PAGES)
def test_every_command_that_is_named_can_be_typed(page: str) -> None:
    text = read(page)
    named = [one for one in quoted(text) if is_command(one)]
    in_blocks = [one for block in blocks_of(page, text) if block.language == "sh" for one in commands_in(block.text)]

    assert [found for one in (*named, *in_blocks) if (found := problem_with(one))] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != HISTORY])
def test_every_file_that_is_named_exists(page: str) -> None:
    text = read(page)
    named = {path for one in quoted(text) for path in FILE.findall(one) if one.startswith(path)}
    linked = {target.split("#")[0] for target in links(text) if "://" not in target}

    assert [one for one in sorted(named) if not _is_there(one)] == []
    assert [one for one in sorted(linked) if one and not (ROOT / page).parent.joinpath(one).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_module_and_function_that_is_named_exists(page: str) -> None:
    named = [one for one in quoted(read(page)) if MODULE.fullmatch(one)]

    assert [one for one in named if not _is_module(one)] == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if re.fullmatch(r"README.md|docs/[\w-]+\.md", page) and page != SETTINGS]
)
def test_a_figure_that_was_measured_names_the_command_that_measures_it(page: str) -> None:
    """In its paragraph, so that nobody has to believe a figure. The pages of benchmarks name theirs at their top."""
    measured = [(words, code) for words, code in paragraphs(read(page)) if re.search(r"\bMeasured\b", words)]

    assert [words[:80] for words, code in measured if not any(map(is_command, code))] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_heading_that_a_reader_is_sent_to_exists(page: str) -> None:
    for name, words in HEADING.findall(re.sub(r"\s+", " ", read(page))):
        found = [one for one in PAGES if pathlib.Path(one).name == name]
        assert any(words in heading for one in found for heading in headings(read(one))), f"{name}: {words}"


@pytest.mark.parametrize(
    "command",
    [
        "make dream", "make demo DREAM=1", "weir dream", "weir drift dream", "weir audit gaps --dream", "weir trace show",
        "weir drift accept --tenant x", "python -m bench.dream", "python -m bench.text_drift.run --dream",
        "python -m bench.text_drift.run --part dreams", "python dream.py", "weir sql 'SELECT", "weir alert list|dream",
    ],
)  # fmt: skip
def test_a_command_that_cannot_be_typed_is_found(command: str) -> None:
    is_a_name_alone = command == "weir trace show"

    assert bool(problem_with(command)) != is_a_name_alone


@pytest.mark.parametrize(
    "command",
    [
        "make demo EXIT=1",
        "weir alert silence add|list",
        "weir dlq show <id>",
        "weir logs -n 5 <service>",
        "weir --help",
    ],
)
def test_a_command_that_can_be_typed_is_taken(command: str) -> None:
    assert problem_with(command) == ""


def test_blocks_are_found_with_their_reasons() -> None:
    text = (
        "# P\n\n*Not run by the tests: it takes a day.*\n\n```sh\nmake test\n```\n\nWords.\n\n```sql\nSELECT 1\n```\n"
    )

    first, second = blocks_of("p.md", text)
    assert (first.language, first.line, first.not_run) == ("sh", 5, "it takes a day.")
    assert (second.language, second.text, second.not_run) == ("sql", "SELECT 1\n", "")


@pytest.mark.parametrize("page", PAGES)
def test_every_option_and_route_that_is_named_alone_exists(page: str) -> None:
    named = quoted(read(page))
    options = {one.split()[0] for one in named if re.match(r"--[a-z]", one)}
    routes = {found[1] for one in named if (found := re.match(r"(?:GET|POST|PUT|DELETE) (/[^\s\[?]+)", one))}

    assert [one for one in sorted(options) if f'"{one}"' not in SOURCES and not _is_option(one)] == []
    assert [one for one in sorted(routes) if not any(re.fullmatch(served, _filled(one)) for served in ROUTES)] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_that_is_named_exists(page: str) -> None:
    named = set(re.findall(r"WEIR_[A-Z0-9_]*[A-Z0-9]", read(page)))

    assert named - settings() - GONE - READ_BY_TOOLS == set()


def settings() -> set[str]:
    """Variables that the services read."""
    names = set[str]()
    for module in pkgutil.walk_packages(weir.__path__, "weir."):
        if "settings" in module.name:
            for kind in vars(importlib.import_module(module.name)).values():
                if isinstance(kind, type) and issubclass(kind, BaseSettings):
                    prefix = str(kind.model_config.get("env_prefix", ""))
                    fields = kind.model_fields.items()
                    names |= {one for name, field in fields for one in variables(name, field, prefix)}
    return names


def test_the_share_of_chaos_that_bypasses_the_gateway_is_that_of_the_table() -> None:
    rows = re.findall(r"^\| ([^|]+) \| [\d,]+ \| ([\d,]+) \|", read("docs/chaos.md"), re.MULTILINE)
    counts = {name: int(count.replace(",", "")) for name, count in rows}
    first = list(counts).index("ClickHouse killed")
    past = sum(list(counts.values())[first:-1]) + sum(counts.get(name, 0) for name in PAST_THE_GATEWAY)
    said = f"{counts['all']:,} acknowledged events: lost 0, visible duplicates 0. {past:,} of them ({past / counts['all']:.0%})"

    assert said.replace("%", " %") in read("README.md")
    (commit,) = re.findall(r"a fresh clone of commit `(\w+)`", read("docs/chaos.md"))
    assert f"in one run of commit {commit}, {counts['all']:,}" in read("README.md")


def test_the_bars_of_drift_that_were_missed_are_those_of_the_table() -> None:
    rows = [[one.strip() for one in row.split("|")[2:-1]] for row in _bars(read("docs/drift-results.md"))]
    readme = re.sub(r"\s+", " ", read("README.md"))
    missed = [row for row in rows if "**no**" in row]
    late = [(what, bar, held_out.split()[0]) for what, bar, *_, held_out, _, held in missed if held == "**no**"]
    said = [f"{what.replace('%', ' %')}: {median} (bar {bar.removeprefix('<= ')})" for what, bar, median in late]
    us = {what: (ours, theirs) for what, _, ours, theirs, *_ in rows if "us an event" in what or "MMD" in what}
    alone, batched = us["CPU us an event, one at a time"], us["CPU us an event, batches of 64"]

    assert (len(missed), len(said)) == (7, 6)
    assert "seven were missed" in readme
    assert "Six delays on the held-out texts" in readme
    assert [one for one in said if one not in readme] == []
    assert f"needs {alone[1]} us, ours {batched[0]} in batches of 64 and {alone[0]} alone" in readme
    times, peer_us = us["alibi-detect's online MMD / batched"]
    assert f"needs {int(peer_us.split()[0]):,} us, {times} ours in batches and" in readme
    times_alone, _ = us["alibi-detect's online MMD / one at a time"]
    assert f"and {times_alone} ours alone (bar 5: held)" in readme


def test_the_run_lengths_that_the_readme_gives_are_those_of_the_table() -> None:
    rows = [[one.strip() for one in row.split("|")[2:-1]] for row in _bars(read("docs/drift-results.md"))]
    first, held_out = next((row[2], row[5]) for row in rows if row[0] == "ARL, i.i.d., 4 draws together")

    assert f"the runs gave one in {first}; on held-out texts one in {held_out.split()[0]}." in read("README.md")
    for length in (first, held_out):
        assert f"{length.split()[0]} on the" in read("docs/drift-results.md")


def _bars(page: str) -> list[str]:
    """The rows of the first table of figures: item, what, bar, ours, MMD, held, and the same on held-out texts."""
    return re.findall(r"^\| [1-5] \|.*\|$", page, re.MULTILINE)


def test_the_pages_count_the_faults_that_there_are() -> None:
    page = read("docs/chaos.md")
    table = page.partition("## The faults")[2].partition("\n## ")[0]
    listed = [one for ids in re.findall(r"^\| ([a-z][^|]*) \|", table, re.MULTILINE) for one in ids.split(", ")]

    assert f"`make test` runs {len(SHORT)} of the {len(FULL)} faults in short" in page
    assert sorted(set(listed) - {"id"}) == sorted(FULL), "written whole, so that a reader finds them"


def _is_option(name: str) -> bool:
    """An option that typer makes of an argument's name."""
    return re.search(rf"\b{name[2:].replace('-', '_')}: ", SOURCES) is not None


def _filled(route: str) -> str:
    return re.sub(r"[{<][^}>]*[}>]", "x", route)


def _is_module(name: str) -> bool:
    """A module of the checkout, or a public thing in one."""
    found = [ROOT / base / name.replace(".", "/") for base in ("", "services", "tests")]
    if any(path.is_dir() or path.with_suffix(".py").is_file() for path in found):
        return True
    module, _, thing = name.rpartition(".")
    files = [ROOT / base / f"{module.replace('.', '/')}.py" for base in ("", "services", "tests")]
    return any(path.is_file() and re.search(rf"\b{thing}\b", path.read_text()) for path in files)


def _is_there(path: str) -> bool:
    """A path of the checkout; names of modules and of services' parts are told from the service they belong to."""
    return (ROOT / path).exists() or (ROOT / f"{path}.py").exists() or any(ROOT.glob(path))


def test_the_index_holds_every_page_once_under_one_of_four_kinds() -> None:
    text = read(INDEX)
    listed = [target for target in links(text) if target.startswith(("../README.md", "adr/")) or "/" not in target]
    written = [
        str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").glob("*.md") if path.name != "README.md"
    ]

    assert headings(text)[1:] == list(KINDS_OF_PAGES)
    assert sorted(listed) == sorted([*written, "../README.md", "adr/"])


def test_the_page_of_settings_is_the_one_of_the_classes() -> None:
    assert settings_page(["--check"]) == 0


def test_the_page_of_the_openai_api_gives_the_limits_of_the_code() -> None:
    page = read("docs/openai.md")

    assert f"`stop` 1-{STOPS_MAX} texts of 1 to {STOP_CHARS_MAX} characters" in page
    assert f"at most {DEPTH_MAX} levels of nesting" in page
    assert f"{VALUES_MAX:,} values" in page


def test_a_decision_has_a_number_of_its_own() -> None:
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))

    numbers = [int(path.name.partition("-")[0]) for path in decisions]

    assert numbers == list(range(1, len(decisions) + 1))
    assert all(path.read_text().startswith(f"# {number}. ") for path, number in zip(decisions, numbers, strict=True))
