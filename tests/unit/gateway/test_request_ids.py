"""K13: a request id says by itself whose call it names."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.access.request_id_secret import request_id_secret
from weir.access.request_ids import is_issued, issued_id
from weir.events.request_id import bare_id
from weir.gateway.calls.request_ids import RequestIds
from weir.runtime.errors import BadSetting

SECRET = b"s" * 32
TIMES = st.integers(0, 2**47 * 1_000)
TENANTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(time_us=TIMES, unique=st.integers(0, 2**40), tenant=TENANTS)
def test_an_id_is_a_uuid_of_version_7_that_its_tenant_alone_can_use(time_us: int, unique: int, tenant: str) -> None:
    issued = issued_id(time_us, unique, tenant, SECRET)

    assert (uuid.UUID(issued).version, str(uuid.UUID(issued))) == (7, issued)
    assert int(issued.replace("-", "")[:12], 16) == time_us // 1_000
    assert is_issued(issued, tenant, SECRET)
    assert not is_issued(issued, tenant + "x", SECRET)
    assert not is_issued(issued, tenant, b"t" * 32)


@given(first=TIMES, second=TIMES)
def test_ids_sort_by_time(first: int, second: int) -> None:
    earlier, later = sorted((first, second))

    assert later - earlier <= 1 or issued_id(earlier, 2**29, "t", SECRET) < issued_id(later, 0, "t", SECRET)


@given(st.text(max_size=60))
def test_any_other_text_is_no_id(text: str) -> None:
    assert not is_issued(text, "demo", SECRET)


@pytest.mark.parametrize("place", range(36))
def test_a_changed_digit_is_no_id(place: int) -> None:
    issued = issued_id(1_767_225_600_000_000, 7, "demo", SECRET)
    digit = "1" if issued[place] in "0-" else "0"

    assert not is_issued(issued[:place] + digit + issued[place + 1 :], "demo", SECRET)


def test_ids_of_one_process_differ() -> None:
    ids = RequestIds(SECRET)

    assert len({ids.new("demo") for _ in range(20_000)}) == 20_000


def test_the_id_that_stock_clients_see_is_understood() -> None:
    assert bare_id("chatcmpl-x") == bare_id("cmpl-x") == bare_id("x") == "x"


def test_the_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "gateway" / "request-id.secret"
    made = request_id_secret(path)

    assert len(made) == 64
    assert request_id_secret(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_a_secret_that_was_cut_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("short")

    with pytest.raises(BadSetting, match="holds 5 bytes; at least 16"):
        request_id_secret(tmp_path / "secret")


def test_a_secret_that_can_neither_be_read_nor_made_is_a_setting_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "no-folder").touch()

    with pytest.raises(BadSetting, match="WEIR_GATEWAY_REQUEST_ID_SECRET_FILE=.*weir secrets init"):
        request_id_secret(tmp_path / "no-folder" / "secret")
