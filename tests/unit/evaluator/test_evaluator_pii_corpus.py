"""A corpus of personal data and of its look-alikes, as people write them; precision and recall of each kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.evaluator.core.pii_patterns import FINDERS, kinds_in

STRIPE_LIKE = "sk_" + "live_0123456789abcdefghijABCD"
"""Put together here, so that no scanner of secrets takes this file for one."""

CORPUS: tuple[tuple[str, str], ...] = (
    ("write to jane.doe@corp-site.com", "email"),
    ("mail jörg@müller.de today", "email"),
    ("Почта: иван@почта.рф", "email"),
    ("ｊａｎｅ＠ｃｏｒｐ．ｉｏ", "email"),
    ("jane@corp\u200b.io", "email"),
    ("Call 0151 23456789", "phone"),
    ("call +1 202 555 0143 now", "phone"),
    ("Tel. +49 (0)30 901820", "phone"),
    ("call (202) 555-0143", "phone"),
    ("ring 020 7946 0958", "phone"),
    ("電話 ０３－３２２４－９９９９", "phone"),
    ("اتصل ‎+٩٦٦ ٥٠ ١٢٣ ٤٥٦٧", "phone"),
    ("card 4111 1111 1111 1111", "card"),
    ("４１１１ １１１１ １１１１ １１１１", "card"),
    ("4111‑1111‑1111‑1111", "card"),
    ("4111\u200b1111\u200b1111\u200b1111", "card"),
    ("amex 378282246310005", "card"),
    ("mastercard 2223 0031 2200 3222", "card"),
    ("الرقم ٤١١١ ١١١١ ١١١١ ١١١١", "card"),
    ("IBAN DE89 3704 0044 0532 0130 00", "iban"),
    ("GB82WEST12345698765432", "iban"),
    ("from 8.8.8.8 at noon", "ip"),
    ("host=93.184.216.34:443", "ip"),
    ("dig @1.1.1.1", "ip"),
    ("from 2001:4860:4860::8888.", "ip"),
    ("my ssn is 123-45-6789", "ssn"),
    ("key " + STRIPE_LIKE, "api_key"),
    ("sk-" + "proj-Ab1" * 6 + "x9Y8z7W6v5U4t3S2", "api_key"),
    ("token hf_" + "a1B2" * 8 + "xy", "api_key"),
    ("my social security number: 123 45 6789", "ssn"),
    ("mobile 015123456789", "phone"),
    ("iban de89 3704 0044 0532 0130 00", "iban"),
    ("4111.1111.1111.1111", "card"),
    ("-----BEGIN PGP " + "PRIVATE KEY BLOCK-----", "api_key"),
    ("http://8.8.8.8/x", "ip"),
    ("::ffff:8.8.8.8", "ip"),
    ("Mozilla/5.0 Chrome/120.0.6.109 Safari/537.36", ""),
    ("upgraded from 8.1.2.3 to 8.1.2.4", ""),
    ("tag 8.1.2.3-rc1", ""),
    ("раздел 4.1.2.1 и 第4.1.2.1节", ""),
    ("count 123 45 6789", ""),
    ("mac 00:1a:2b:3c:4d:5e", ""),
    ("ratio 4.532015112830366", ""),
    ("hesap AB12 3456 İSTA 1234 no 0", ""),
    ("ſsn 123 45 6789", "ssn"),
    ("Bump to version 1.2.3.4", ""),
    ("see section 4.1.2.1", ""),
    ("siehe Abschnitt 4.1.2.1", ""),
    ("release 8.8.4.1 and v8.8.4.1", ""),
    ("pip install tool==8.8.4.1", ""),
    ("apply migration 20260823000019 first", ""),
    ("use sk-learn-contrib-imbalanced-api", ""),
    ("sk-toggleable__label-arrow-container", ""),
    ("std::vector and abc::def and dead::beef", ""),
    ("logo@2x.png", ""),
    ("git clone git@github.com:org/repo.git", ""),
    ("user@example.com", ""),
    ("order 1234567890123456", ""),
    ("IMEI 490154203237518", ""),
    ("pi is 3.141592653589793", ""),
    ("on 2026-11-27 from 10:00 to 12:30", ""),
    ("ISBN 978-3-16-148410-0", ""),
    ("range 0100-0200", ""),
    ("part 000-12-3456", ""),
    ("127.0.0.1 and 10.0.0.1", ""),
    ("0.5 1200 3000", ""),
    ("uuid 01890000-0000-7000-8000-000000000000", ""),
    ("電話番号は不明です", ""),
)
"""(text, kind that a person would mark; empty for none)."""

KNOWN_ERRORS: tuple[tuple[str, str, str], ...] = (
    ("call 555 0143", "phone", ""),  # local numbers without an area code
    ("jane at corp dot io", "email", ""),  # spelt out
    ("4111 1111 1111\n1111", "card", ""),  # broken over lines
    ("tool-chain 8.8.4.1 is out", "", "ip"),  # a version that nothing before it names as one
    ("serial 4111111111111111", "", "card"),  # one in ten numbers of a card's length and beginning passes Luhn
)
"""(text, what a person would mark, what is found): the limits, kept so that the documentation stays true."""


@pytest.mark.parametrize(("text", "kind"), CORPUS)
def test_a_text_of_the_corpus(text: str, kind: str) -> None:
    assert kinds_in(text, FINDERS) == ([kind] if kind else [])


@pytest.mark.parametrize(("text", "marked", "found"), KNOWN_ERRORS)
def test_a_known_error_is_still_one(text: str, marked: str, found: str) -> None:
    assert marked != found
    assert kinds_in(text, FINDERS) == ([found] if found else [])


def test_precision_and_recall_are_printed_for_every_kind(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {}
    for kind in FINDERS:
        texts = [*CORPUS, *((text, marked) for text, marked, _ in KNOWN_ERRORS)]
        found = [marked for text, marked in texts if kind in kinds_in(text, [kind])]
        right, marked_all = found.count(kind), sum(marked == kind for _, marked in texts)
        rows[kind] = (right / len(found), right / marked_all)
        print(f"{kind}: precision {rows[kind][0]:.2f}, recall {rows[kind][1]:.2f}, {marked_all} texts")  # noqa: T201  the figure is what this test is for

    assert all(precision >= 0.75 and recall >= 0.75 for precision, recall in rows.values()), rows
    assert "card: precision" in capsys.readouterr().out


def test_a_text_full_of_candidates_is_read_in_bounded_time() -> None:
    for piece in ("012 3456 ", "+1 202 55 ", "(012) 34-5 ", "1.2.3.4 ", "sk-" + "a" * 30 + " "):
        assert isinstance(kinds_in(piece * 8_000, FINDERS), list)


ALPHABET = "İıſKK\u0130\u0131ßſtﬁ²①٣१AZaz019 .-@:/+()§_"


@given(st.text(ALPHABET, max_size=80))
def test_letters_that_change_by_case_or_fold_raise_nothing(text: str) -> None:
    for shown in (text, f"AB12 3456 {text} 1234", f"card 4111 {text}", f"tel {text}", f"ssn {text}"):
        assert set(kinds_in(shown, FINDERS)) <= set(FINDERS)
