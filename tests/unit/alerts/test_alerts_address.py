"""Address: every way into a private network is closed, on the URL and on every address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.alerts.core.address import ForbiddenAddress, Target, checked_address, is_public, target_of

PRIVATE = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:1::1",
    "2001:db8::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "100::1",
    "not an address",
    "",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_private_address_is_refused_even_among_public_ones(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(ForbiddenAddress, match="not a public address"):
        checked_address(["93.184.215.14", address], allow_private=False)


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_a_public_address_is_accepted(address: str) -> None:
    assert checked_address([address], allow_private=False) == address


@given(st.ip_addresses(v=4))
@pytest.mark.slow
def test_a_mapped_address_is_judged_as_what_it_maps(address: object) -> None:
    assert is_public(f"::ffff:{address}") == is_public(str(address))


@given(st.ip_addresses(v=4))
def test_a_translated_address_is_never_public(address: object) -> None:
    assert not is_public(f"64:ff9b::{address}")


def test_an_operator_may_allow_a_private_receiver() -> None:
    assert checked_address(["127.0.0.1"], allow_private=True) == "127.0.0.1"


def test_no_address_is_no_receiver() -> None:
    with pytest.raises(ForbiddenAddress, match="has no address"):
        checked_address([], allow_private=True)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com/", "scheme 'http'; expected https"),
        ("ftp://example.com/", "scheme 'ftp'"),
        ("file:///x", "scheme 'file'"),
        ("gopher://x", "scheme 'gopher'"),
        ("https://", "must name a host"),
        ("https://user:pass@example.com/", "no user or password"),
        ("https://user@example.com/", "no user or password"),
        ("https://example.com:99999/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("", "scheme ''"),
    ],
)
def test_a_url_that_may_not_be_called_is_refused(url: str, message: str) -> None:
    with pytest.raises(ForbiddenAddress, match="receiver URL") as caught:
        target_of(url, allow_private=False)

    assert message in str(caught.value)
    assert "pass" not in str(caught.value).replace("password", "")


def test_a_url_in_its_parts() -> None:
    assert target_of("https://example.com", allow_private=False) == Target("https", "example.com", 443, "/")
    assert target_of("http://h:81/a?b=c#d", allow_private=True) == Target("http", "h", 81, "/a?b=c")
