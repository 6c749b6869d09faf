"""Patterns of personal data and secrets, each with the check that keeps look-alikes out.

A text is first folded: compatibility forms (full-width digits), digits of other scripts and dashes become ASCII, and
invisible characters go, so that a number is found however it is written. Every pattern is bounded in what it may match,
so the cost is linear in the text. IP addresses count where they are public and not the number of a version or section;
e-mail addresses in domains reserved for examples (RFC 2606) are nobody's and count only when asked for.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterable
from itertools import chain, islice

import phonenumbers

from weir.text.words import with_ascii_digits

_EMAIL = re.compile(r"(?<![\w.+-])([\w.%+-]{1,64})@((?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24})(?![\w-])")
_PHONE = re.compile(
    r"(?<![\w+.,-])(?:\+\d[\d ()./-]{6,20}\d|\(\d{3}\) ?\d{3}[ -]\d{4}|\d{3}[-.]\d{3}[-.]\d{4}"
    r"|\(?0\d{1,5}\)?[ /-]{1,3}\d{2,9}(?:[ -]\d{2,9}){0,4})(?![\w.-]\d|\w)"
)
_PHONE_CUE = re.compile(
    r"\b(?:call|phone|tel|telephone|mobile|mobil|handy|cell|dial|ring|fax|whatsapp|sms|telefon|anruf|t[eé]l[eé]fono?|тел)\b"
    r"[^\d+]{0,12}(\+?\d[\d ()./-]{6,20}\d)(?![\w.-]\d|\w)",
    re.IGNORECASE,
)
"""A number after a word that says what it is; without such a word one needs separators."""
_CARD = re.compile(r"(?<![\w-])(?:\d(?:[ -]?\d){12,18}|\d{4}(?:\.\d{4}){3})(?![\w-])")
_IBAN = re.compile(
    r"(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Z0-9])", re.IGNORECASE | re.ASCII
)
_IPV4 = re.compile(r"(?<![\w.-])(?<!\w/)(?:\d{1,3}\.){3}\d{1,3}(?!-?[A-Za-z_]|\d|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{6,39}(?![\w:])")
_SSN = re.compile(
    r"(?:(?<![\w-])|(?:\bssn|\bsocial security)\D{0,20}(?P<cue>))(?!000|666|9)\d{3}"
    r"(?(cue)[ -]?|-)(?!00)\d{2}(?(cue)[ -]?|-)(?!0000)\d{4}(?![\w-])",
    re.IGNORECASE,
)
_API_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:gh[opsu]_[A-Za-z0-9]{36}|github_pat_\w{22,200}|A[KS]IA[0-9A-Z]{16}"
    r"|[rs]k_(?:live|test)_[A-Za-z0-9]{20,200}|hf_[A-Za-z0-9]{34}|glpat-[\w-]{20}|npm_[A-Za-z0-9]{36}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,200}|AIza[\w-]{35}|weir_[0-9a-f]{8}_[\w-]{43}"
    r"|eyJ[\w-]{10,2000}\.eyJ[\w-]{10,2000}\.[\w-]{10,2000})|-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
)
_SK_KEY = re.compile(r"(?<![A-Za-z0-9_-])sk-([A-Za-z0-9_-]{20,200})")
_RANDOM = re.compile(r"(?=[A-Za-z]{0,15}\d)(?=\d{0,15}[A-Za-z])[A-Za-z0-9]{16}")
"""A stretch of letters and digits mixed, as keys have and package names have not."""

_NUMBERED = re.compile(
    r"(?:\b(?:versions?|ver|v|releases?|sections?|sect?|chapters?|clauses?|articles?|art|builds?|revisions?|rev|appendix|steps?"
    r"|paragraphs?|tags?|figures?|fig|tables?|items?|examples?|exercises?|equations?|eq|firmware|drivers?|rules?"
    r"|(?:upgrad|downgrad|updat|bump)(?:ed?|ing)?(?: from| to)?(?: [\d.]{5,15} to)?"
    r"|kapitel|abschnitt|ziffer|punkt|versi[oó]n|secci[oó]n"
    r"|capitolo|chapitre|версия|версии|раздел|пункт)|版本|バージョン|第|§|==|[<>~!]=|\^)[.:#(\s]{0,3}\Z",
    re.IGNORECASE,
)
"""What stands before the number of a version or a section."""

_NUMBERED_CHARS = 48
"""Characters before a number that are looked at; the longest word above with its punctuation fits."""

_DASHES = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")

RESERVED_DOMAINS = ("example", "example.com", "example.org", "example.net", "test", "invalid", "localhost")
"""Domains that belong to nobody. Specified by RFC 2606."""

FILE_ENDINGS = frozenset(
    {"png", "jpg", "jpeg", "gif", "svg", "webp", "pdf", "js", "css", "html", "json", "yaml", "txt"}
)
"""Endings of file names that look like an address (`logo@2x.png`); none is a top-level domain."""

REGIONS = ("US", "DE", "GB", "FR", "ES", "IT", "IN", "BR", "JP")
"""Where numbers without a country code may be from. Arbitrary; more regions find more numbers and more look-alikes."""

CARD_NETWORKS: tuple[tuple[range, int, range], ...] = (
    (range(4, 5), 1, range(13, 20, 3)),
    (range(51, 56), 2, range(16, 17)),
    (range(2221, 2721), 4, range(16, 17)),
    (range(34, 35), 2, range(15, 16)),
    (range(37, 38), 2, range(15, 16)),
    (range(300, 306), 3, range(14, 20)),
    (range(36, 37), 2, range(14, 20)),
    (range(38, 40), 2, range(14, 20)),
    (range(3528, 3590), 4, range(16, 20)),
    (range(6011, 6012), 4, range(16, 20)),
    (range(644, 660), 3, range(16, 20)),
    (range(62, 63), 2, range(16, 20)),
    (range(50, 51), 2, range(16, 20)),
    (range(56, 59), 2, range(16, 20)),
    (range(63, 64), 2, range(16, 20)),
    (range(67, 68), 2, range(16, 20)),
)
"""First digits, how many of them, and lengths of payment cards: Visa, Mastercard (two ranges), American Express, Diners
Club, JCB, Discover, UnionPay, Maestro. Maestro's shorter numbers are left out: 12 to 15 digits are mostly something
else. Source: the networks' published issuer ranges (ISO/IEC 7812)."""

PHONE_CANDIDATES_MAX = 128
"""Candidates of a text that are checked, the first ones: each costs up to 0.3 ms over all REGIONS, a text 40 ms."""

NATIONAL_DIGITS_MIN = 9
"""Digits of a number without a country code: shorter ones look like ranges and times (0100-0200)."""

IBAN_CHARS = range(15, 35)
"""Characters of an IBAN. Specified by ISO 13616: Norway's 15 to the limit of 34."""

GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""The IPv6 addresses that are given out at all (RFC 4291); others are names such as `abc::def`."""


def kinds_in(text: str, kinds: Iterable[str], *, with_reserved: bool = False) -> list[str]:
    """The kinds, of those asked for, that occur in the text. with_reserved: e-mail in example domains counts too."""
    folded = _folded(text)
    return [
        kind for kind in kinds if FINDERS[kind](folded) or (with_reserved and kind == "email" and _addresses(folded))
    ]


def _folded(text: str) -> str:
    if text.isascii():
        return text
    plain = with_ascii_digits(unicodedata.normalize("NFKC", text))
    return _DASHES.sub("-", _INVISIBLE.sub("", plain))


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


def _addresses(text: str) -> list[str]:
    """Domains of the e-mail addresses, lower-cased; neither files nor the user of a git server."""
    found = ((match.group(1), match.group(2).lower()) for match in _EMAIL.finditer(text))
    return [domain for local, domain in found if local != "git" and domain.rpartition(".")[2] not in FILE_ENDINGS]


def _has_email(text: str) -> bool:
    return any(
        not any(domain == name or domain.endswith(f".{name}") for name in RESERVED_DOMAINS)
        for domain in _addresses(text)
    )


def _has_phone(text: str) -> bool:
    found = chain(
        (match.group() for match in _PHONE.finditer(text)), (match.group(1) for match in _PHONE_CUE.finditer(text))
    )
    return any(_is_phone(candidate) for candidate in islice(found, PHONE_CANDIDATES_MAX))


def _is_phone(candidate: str) -> bool:
    regions = (None,) if candidate.startswith("+") else REGIONS
    return any(_is_phone_of(candidate, region) for region in regions)


def _is_phone_of(candidate: str, region: str | None) -> bool:
    if region and len(_digits(candidate)) < NATIONAL_DIGITS_MIN:
        return False
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(candidate, region)))
    except phonenumbers.NumberParseException:
        return False


def _has_card(text: str) -> bool:
    return any(_is_card(_digits(match.group())) for match in _CARD.finditer(text))


def _is_card(number: str) -> bool:
    is_issued = any(
        int(number[:count]) in firsts and len(number) in lengths for firsts, count, lengths in CARD_NETWORKS
    )
    return is_issued and len(set(number)) > 1 and passes_luhn(number)


def _has_iban(text: str) -> bool:
    ibans = (match.group().replace(" ", "").upper() for match in _IBAN.finditer(text))
    return any(len(iban) in IBAN_CHARS and passes_mod_97(iban) for iban in ibans)


def _has_ip(text: str) -> bool:
    return any(_is_public_v4(text, match) for match in _IPV4.finditer(text)) or any(
        _is_public_v6(match.group()) for match in _IPV6.finditer(text)
    )


def _is_public_v4(text: str, match: re.Match[str]) -> bool:
    before = text[max(0, match.start() - _NUMBERED_CHARS) : match.start()]
    if _NUMBERED.search(before):
        return False
    try:
        return ipaddress.IPv4Address(match.group()).is_global
    except ValueError:
        return False


def _is_public_v6(candidate: str) -> bool:
    try:
        address = ipaddress.IPv6Address(candidate)
    except ValueError:
        return False
    return address in GLOBAL_UNICAST and address.is_global


def _has_ssn(text: str) -> bool:
    return _SSN.search(text) is not None


def _has_api_key(text: str) -> bool:
    return _API_KEY.search(text) is not None or any(
        _RANDOM.search(match.group(1)) is not None for match in _SK_KEY.finditer(text)
    )


def _digits(text: str) -> str:
    return "".join(char for char in text if char in "0123456789")


FINDERS: dict[str, Callable[[str], bool]] = {
    "email": _has_email,
    "phone": _has_phone,
    "card": _has_card,
    "iban": _has_iban,
    "ip": _has_ip,
    "api_key": _has_api_key,
    "ssn": _has_ssn,
}
"""Kinds that can be found, in the order they are looked for."""
