"""Patterns of personal data and secrets, each with the check that keeps look-alikes out.

Every pattern is bounded in what it may match, so the cost is linear in the text. IP addresses count where they are
public; e-mail addresses in domains reserved for examples (RFC 2606) are nobody's and count only when asked for.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable

_EMAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9._%+-]{1,64}@((?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24})(?![\w-])")
_PHONE = re.compile(r"(?<![\w+])(?:\+\d[\d ()./-]{6,20}\d|\(\d{3}\) ?\d{3}[ -]\d{4}|\d{3}[-.]\d{3}[-.]\d{4})(?![\w])")
_CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{6,39}(?![\w:])")
_API_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{20,200}|gh[opsu]_[A-Za-z0-9]{36}|github_pat_\w{22,200}|AKIA[0-9A-Z]{16}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,200}|AIza[\w-]{35}|weir_[0-9a-f]{8}_[\w-]{43}"
    r"|eyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}\.[\w-]{10,2000})|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----"
)

RESERVED_DOMAINS = ("example", "example.com", "example.org", "example.net", "test", "invalid", "localhost")
"""Domains that belong to nobody. Specified by RFC 2606."""

PHONE_DIGITS = range(8, 16)
"""Digits of an international number. Specified by E.164: at most 15; chosen: at least 8."""

CARD_DIGITS = range(13, 20)
"""Digits of a card number. Specified by ISO/IEC 7812, from 13 in use."""

CARD_FIRST_DIGITS = "23456"
"""Industries that issue payment cards (ISO/IEC 7812)."""

IBAN_CHARS = range(15, 35)
"""Characters of an IBAN. Specified by ISO 13616: Norway's 15 to the limit of 34."""


def kinds_in(text: str, kinds: Iterable[str], *, with_reserved: bool = False) -> list[str]:
    """The kinds, of those asked for, that occur in the text. with_reserved: e-mail in example domains counts too."""
    return [
        kind for kind in kinds if FINDERS[kind](text) or (with_reserved and kind == "email" and _EMAIL.search(text))
    ]


def passes_luhn(digits: str) -> bool:
    """Whether the last digit of a number is its check digit by Luhn's rule (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def passes_mod_97(iban: str) -> bool:
    """Whether an IBAN without spaces has the right check digits (ISO 7064, MOD 97-10)."""
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def _has_email(text: str) -> bool:
    domains = (match.group(1).lower() for match in _EMAIL.finditer(text))
    return any(
        not any(domain == name or domain.endswith(f".{name}") for name in RESERVED_DOMAINS) for domain in domains
    )


def _has_phone(text: str) -> bool:
    return any(len(_digits(match.group())) in PHONE_DIGITS for match in _PHONE.finditer(text))


def _has_card(text: str) -> bool:
    numbers = (_digits(match.group()) for match in _CARD.finditer(text))
    return any(
        len(number) in CARD_DIGITS and number[0] in CARD_FIRST_DIGITS and len(set(number)) > 1 and passes_luhn(number)
        for number in numbers
    )


def _has_iban(text: str) -> bool:
    ibans = (match.group().replace(" ", "") for match in _IBAN.finditer(text))
    return any(len(iban) in IBAN_CHARS and passes_mod_97(iban) for iban in ibans)


def _has_ip(text: str) -> bool:
    candidates = [match.group() for pattern in (_IPV4, _IPV6) for match in pattern.finditer(text)]
    return any(_is_public(candidate) for candidate in candidates)


def _is_public(candidate: str) -> bool:
    try:
        return ipaddress.ip_address(candidate).is_global
    except ValueError:
        return False


def _has_api_key(text: str) -> bool:
    return _API_KEY.search(text) is not None


def _digits(text: str) -> str:
    return "".join(char for char in text if char in "0123456789")


FINDERS: dict[str, Callable[[str], bool]] = {
    "email": _has_email,
    "phone": _has_phone,
    "card": _has_card,
    "iban": _has_iban,
    "ip": _has_ip,
    "api_key": _has_api_key,
}
"""Kinds that can be found, in the order they are looked for."""
