"""Authorities: the certificates in a PEM file, taken out of what people write around them, and read once before they are used."""

from __future__ import annotations

import re
import ssl

CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
"""A certificate in PEM; what stands between two is a comment, in whatever encoding."""


def certificates_in(content: bytes) -> str:
    """The certificates of a file. Raises ValueError for a file without one, and for one that OpenSSL cannot read."""
    found = CERTIFICATE.findall(content)
    if not found:
        raise ValueError("it holds no certificate; expected PEM, which begins with -----BEGIN CERTIFICATE-----")
    try:
        text = b"\n".join(found).decode("ascii")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (UnicodeDecodeError, ssl.SSLError) as error:
        raise ValueError(f"one of its {len(found)} certificates cannot be read ({type(error).__name__})") from error
    return text
