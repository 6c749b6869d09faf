"""Texts of each language are told apart, and what has no language says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.observed_text import words_of
from harness.samples.scripts import SAMPLES, Sample
from weir.detectors.language import LANGUAGES, STOP_WORDS, UNDETERMINED, language_of


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("english", "How do I read a file line by line in Python, and what is the best way to close it?"),
        ("german", "Wie kann ich eine Datei zeilenweise lesen, und was ist der beste Weg, sie zu schließen?"),
        ("french", "Comment est-ce que je peux lire un fichier ligne par ligne, et quelle est la meilleure façon ?"),
        ("spanish", "¿Cómo puedo leer un archivo línea por línea, y cuál es la mejor manera de cerrarlo?"),
        ("italian", "Come posso leggere un file riga per riga, e qual è il modo migliore di chiudere questo file?"),
        ("portuguese", "Como é que eu posso ler um arquivo linha por linha, e qual é a melhor forma de o fechar?"),
        ("dutch", "Hoe kan ik een bestand regel voor regel lezen, en wat is de beste manier om het te sluiten?"),
        ("swedish", "Hur kan jag läsa en fil rad för rad, och vad är det bästa sättet att stänga den?"),
        ("polish", "Jak mogę czytać plik linia po linii i jaki jest najlepszy sposób, aby się go pozbyć?"),
        ("turkish", "Bir dosyayı satır satır nasıl okuyabilirim ve onu kapatmak için en iyi yol nedir?"),
        ("cyrillic", "Как прочитать файл построчно?"),
        ("greek", "Πώς μπορώ να διαβάσω ένα αρχείο;"),
        ("hangul", "파일을 한 줄씩 어떻게 읽나요"),
        (UNDETERMINED, "stdin 404 foo_bar"),
        (UNDETERMINED, ""),
    ],
)
def test_the_language_of_a_sentence(language: str, text: str) -> None:
    assert LANGUAGES[language_of(words_of(text))] == language


@given(st.lists(st.text(max_size=8), max_size=60))
def test_every_text_has_one_answer_that_the_order_of_words_does_not_change(words: list[str]) -> None:
    answer = language_of(words)
    assert 0 <= answer < len(LANGUAGES)
    assert language_of(sorted(words)) == answer


def test_one_function_word_settles_nothing() -> None:
    assert LANGUAGES[language_of(("der", "python", "interpreter"))] == UNDETERMINED


def test_no_language_lists_a_word_twice() -> None:
    for words in STOP_WORDS.values():
        assert len(set(words.split())) == len(words.split())


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.script != "latin"], ids=lambda sample: sample.script)
def test_every_script_that_names_a_language_is_told(sample: Sample) -> None:
    assert LANGUAGES[language_of(words_of(sample.text))] == sample.script
