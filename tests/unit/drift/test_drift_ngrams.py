"""Laws of character n-grams: nothing is lost, other scripts stay words, and another subject is told in Chinese too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.observed_text import observe, words_of
from weir.detectors.channels.surprisal import Surprisal
from weir.detectors.channels.vocabulary import Vocabulary
from weir.detectors.ngrams import terms_of
from weir.detectors.observation import MAX_WORDS, Observation
from weir.detectors.reference import build_reference

USUAL = [
    "数据库",
    "查询",
    "索引",
    "事务",
    "提交",
    "回滚",
    "表",
    "列",
    "视图",
    "备份",
    "恢复",
    "用户",
    "权限",
    "连接",
    "日志",
]
OTHER = [
    "橡树",
    "叶子",
    "花朵",
    "根茎",
    "种子",
    "土壤",
    "果实",
    "森林",
    "光合",
    "枝条",
    "蘑菇",
    "苔藓",
    "授粉",
    "落叶",
    "松针",
]


def texts(words: list[str], count: int, seed: int) -> list[Observation]:
    rng = np.random.default_rng(seed)
    clauses = ["".join(rng.choice(words, size=rng.integers(3, 9))) for _ in range(2 * count)]
    return [
        observe(f"请问{first}，{second}？", event_id=f"e{i}")
        for i, (first, second) in enumerate(zip(clauses[::2], clauses[1::2], strict=True))
    ]


@given(st.lists(st.text(min_size=1, max_size=20), max_size=20))
def test_every_character_is_in_a_term_in_order(words: list[str]) -> None:
    terms = list(terms_of(words))
    assert all(terms)
    left = iter("".join(terms))
    assert all(char in left for char in "".join(words))


@given(st.lists(st.text("abcdefäößéñçøłžабвгдאבגدحخαβγ한국어0123_", min_size=1), max_size=20))
def test_words_of_scripts_with_spaces_stay_whole(words: list[str]) -> None:
    assert list(terms_of(words)) == words


@given(st.text(max_size=2_000))
def test_words_are_bounded(text: str) -> None:
    assert len(words_of(text)) <= MAX_WORDS


@pytest.mark.parametrize(
    ("run", "terms"),
    [
        ("数据库索引", ("数据", "据库", "库索", "索引")),
        ("pep8是什么", ("pep8", "是什", "什么")),
        ("カタカナ", ("カタ", "タカ", "カナ")),
        ("表", ("表",)),
        ("กขคง", ("กขค", "ขคง")),
        ("한국어", ("한국어",)),
    ],
)
def test_runs_are_cut_into_pieces(run: str, terms: tuple[str, ...]) -> None:
    assert tuple(terms_of([run])) == terms


def test_another_subject_in_chinese_is_strange() -> None:
    reference = build_reference(texts(USUAL, 300, 1), 1)
    for channel in (Vocabulary(), Surprisal()):
        usual = np.sort(channel.reference_scores(reference))
        same, other = (channel.score_many(texts(words, 50, 2), reference) for words in (USUAL, OTHER))
        assert np.mean(np.searchsorted(usual, same) > 0.95 * usual.size) < 0.2
        assert np.mean(np.searchsorted(usual, other) > 0.95 * usual.size) > 0.95
