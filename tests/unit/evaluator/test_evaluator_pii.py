"""PII patterns: each kind is found, its look-alikes are not, and nothing found is ever repeated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.builders import completed
from weir.assets.evaluator import PiiParameters
from weir.assets.shapes import InvalidAsset, shaped
from weir.evaluator.core.evaluators.pii import pii
from weir.evaluator.core.pii_patterns import FINDERS, kinds_in, passes_luhn, passes_mod_97
from weir.evaluator.core.verdict import Verdict

DIGITS = "0123456789"
FAKE_TOKEN = "gh" + "p_" + "a1B2" * 9


def luhn_check_digit(number: str) -> str:
    return next(digit for digit in DIGITS if passes_luhn(number + digit))


@given(st.text(DIGITS, min_size=1, max_size=18))
def test_luhn_has_exactly_one_check_digit(number: str) -> None:
    assert sum(passes_luhn(number + digit) for digit in DIGITS) == 1


@given(st.text(DIGITS, min_size=12, max_size=18), st.data())
def test_luhn_sees_every_single_wrong_digit(number: str, data: st.DataObject) -> None:
    valid = number + luhn_check_digit(number)
    place = data.draw(st.integers(0, len(valid) - 1))
    wrong = data.draw(st.sampled_from([digit for digit in DIGITS if digit != valid[place]]))

    assert not passes_luhn(valid[:place] + wrong + valid[place + 1 :])


@given(st.text(DIGITS, min_size=14, max_size=14))
def test_a_card_number_is_found_however_it_is_grouped(number: str) -> None:
    card = "4" + number + luhn_check_digit("4" + number)

    for text in (card, f"pay with {card[:4]} {card[4:8]} {card[8:12]} {card[12:]}.", "-".join(card)):
        assert "card" in kinds_in(text, FINDERS) or len(set(card)) == 1


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to jane.doe+x@mail.corp-site.com.", "email"),
        ("call +1 202 555 0143 now", "phone"),
        ("call (202) 555-0143", "phone"),
        ("card 4111 1111 1111 1111", "card"),
        ("IBAN DE89 3704 0044 0532 0130 00, please", "iban"),
        ("IBAN GB82WEST12345698765432", "iban"),
        ("from 8.8.8.8 at noon", "ip"),
        ("from 2001:4860:4860::8888.", "ip"),
        (f"token {FAKE_TOKEN}", "api_key"),
        ("weir_" + "0a1b2c3d_" + "x" * 43, "api_key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "api_key"),
    ],
)
def test_each_kind_is_found(text: str, kind: str) -> None:
    assert kinds_in(text, FINDERS) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "user@example.com and x@host.test",
        "an at sign @ and a decorator @app.get",
        "version 3.11.7 of 2026-11-24, build 20261124",
        "card 4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "GB82WEST12345698765433",
        "127.0.0.1, 10.1.2.3, 192.0.2.7 and 999.1.1.1",
        "::1 and a slice [::2]",
        "time 12:30:45",
        "sk-short",
        "3.141592653589793 and 1234567890123456789012345",
    ],
)
def test_look_alikes_are_not_found(text: str) -> None:
    assert kinds_in(text, FINDERS) == []


def test_example_addresses_count_when_asked_for() -> None:
    assert kinds_in("user@example.com", ["email"], with_reserved=True) == ["email"]


def test_checks_of_ibans() -> None:
    assert passes_mod_97("DE89370400440532013000")
    assert not passes_mod_97("DE88370400440532013000")


def test_kinds_are_named_and_the_find_is_not_repeated() -> None:
    verdict = pii(shaped(PiiParameters, {}))(completed(output_text=f"jane@corp.io has {FAKE_TOKEN} at 8.8.8.8"))

    assert verdict == Verdict(0.0, "api_key,email,ip", "3 of 7 kinds found")


def test_only_the_chosen_fields_and_kinds_are_read() -> None:
    event = completed(input_text="from 8.8.8.8", output_text="jane@corp.io")

    assert pii(shaped(PiiParameters, {"fields": ["input"]}))(event) == Verdict(0.0, "ip", "1 of 7 kinds found")
    assert pii(shaped(PiiParameters, {"kinds": ["card"]}))(event) == Verdict(1.0, "", "0 of 1 kinds found")
    assert pii(shaped(PiiParameters, {}))(completed(output_text="")) is None


@pytest.mark.parametrize("parameters", [{"kinds": ["name"]}, {"fields": ["headers"]}, {"fields": []}])
def test_unknown_kinds_and_fields_are_refused(parameters: dict[str, object]) -> None:
    with pytest.raises(InvalidAsset, match=r"expected one of|has 0 items"):
        pii(shaped(PiiParameters, parameters))


@given(st.text(max_size=500))
def test_any_text_is_read_without_error(text: str) -> None:
    assert set(kinds_in(text, FINDERS)) <= set(FINDERS)


@pytest.mark.slow
def test_a_long_hostile_text_is_read_in_linear_time() -> None:
    for piece in ("a@", "1 ", "+1", "A1", ":", "eyJ", "-----BEGIN ", "a.", "DE12 AAAA "):
        assert isinstance(kinds_in(piece * 50_000, FINDERS), list)
