"""Receivers of a stack: what a person wrote is checked before a start and never changed by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.alerts.adapters.receivers import receivers_from
from weir.cli.stack import StackError
from weir.cli.stack.layout import Layout, layout
from weir.cli.stack.receivers import receivers_for

MINE = """# mine
receivers:
  - {name: on-call, url: "https://hooks.example.com/x", secret_file: own.secret}
"""


@pytest.fixture
def place(tmp_path: Path) -> Layout:
    found = layout(tmp_path)
    found.make()
    (found.secrets / "own.secret").write_text("whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0\n")
    return found


def test_a_demo_receiver_is_added_for_one_start_and_the_users_file_stays(place: Layout) -> None:
    place.receivers_file.write_text(MINE)

    used = receivers_for(place, "http://127.0.0.1:7777/hook")

    assert place.receivers_file.read_text() == MINE
    assert set(receivers_from(used)) == {"demo", "on-call"}
    assert receivers_from(used)["demo"].target.port == 7777
    assert receivers_for(place, None) == place.receivers_file


def test_a_first_start_makes_a_file_without_receivers_so_that_nothing_is_tried(place: Layout) -> None:
    assert receivers_from(receivers_for(place, None)) == {}


def test_the_example_in_a_new_file_can_be_used_as_it_is(place: Layout) -> None:
    head = receivers_for(place, None).read_text().partition("receivers: []")[0]
    place.receivers_file.write_text("\n".join(line[2:] for line in head.splitlines()[2:]))

    assert set(receivers_from(receivers_for(place, None))) == {"demo"}


@pytest.mark.parametrize(
    "text", ["", "receivers: x", "receivers: [{name: a}]", "receivers: [{name: a, url: ftp://x, secret: s}]"]
)
def test_a_file_with_a_fault_is_named_before_anything_starts(place: Layout, text: str) -> None:
    place.receivers_file.write_text(text)

    with pytest.raises(StackError, match=r"receivers\.yaml"):
        receivers_for(place, None)
    assert place.receivers_file.read_text() == text


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1/", "http://user:word@127.0.0.1/"])
def test_a_url_that_cannot_be_called_is_refused_and_nothing_is_left(place: Layout, url: str) -> None:
    with pytest.raises(StackError, match="--demo-receiver"):
        receivers_for(place, url)
    assert not (place.run / "receivers.yaml").exists()
