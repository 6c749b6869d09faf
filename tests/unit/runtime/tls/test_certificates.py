"""Files of TLS: what is wrong with one is said with its name, and a change of one is seen."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from harness.tls import authority, pem_of
from weir.runtime.errors import BadSetting
from weir.runtime.tls.certificates import Certificates, TlsFiles


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    """What a listener needs, with authorities of clients."""
    ours = authority(tmp_path)
    certificate, key = ours.sign(tmp_path, "server")
    return TlsFiles(certificate=certificate, key=key, authorities=ours.file)


def outdated(files: TlsFiles) -> float | None:
    """The metric of files that changed and cannot be used."""
    return REGISTRY.get_sample_value("weir_tls_files_outdated", {"certificate": str(files.certificate)})


@pytest.mark.parametrize("name", ["certificate", "key", "authorities"])
@pytest.mark.parametrize("what", ["missing", "a folder", "a FIFO", "empty", "half", "endless"])
@pytest.mark.timeout(20)
def test_a_file_that_cannot_be_used_is_named(files: TlsFiles, tmp_path: Path, name: str, what: str) -> None:
    bad = tmp_path / "bad.pem"
    match what:
        case "a folder":
            bad.mkdir()
        case "a FIFO":
            os.mkfifo(bad)
        case "endless":
            bad.symlink_to("/dev/zero")
        case "empty":
            bad.write_bytes(b"")
        case "half":
            bad.write_bytes(getattr(files, name).read_bytes()[:100])

    with pytest.raises(BadSetting, match=rf"the TLS \w+ {bad} cannot be (read|used)"):
        Certificates(replace(files, **{name: bad}), is_server=True)


def test_a_key_of_another_certificate_is_named(files: TlsFiles, tmp_path: Path) -> None:
    _, other = authority(tmp_path, "another").sign(tmp_path, "other")

    with pytest.raises(BadSetting, match=f"the TLS key {other} is not the key of the certificate {files.certificate}"):
        Certificates(replace(files, key=other), is_server=True)


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_one(files: TlsFiles, tmp_path: Path) -> None:
    locked = tmp_path / "locked.key"
    locked.write_bytes(pem_of(authority(tmp_path, "another").key, b"secret"))

    with pytest.raises(
        BadSetting, match=f"the TLS key {locked} cannot be used: it must be a PEM key without a password"
    ):
        Certificates(replace(files, key=locked), is_server=True)


def test_files_that_do_not_change_are_read_once(files: TlsFiles) -> None:
    certificates = Certificates(files, is_server=True)

    assert certificates.current() is certificates.current()


def test_files_that_changed_are_read_again(files: TlsFiles, tmp_path: Path) -> None:
    certificates = Certificates(files, is_server=True)
    before = certificates.current()

    authority(tmp_path, "another").sign(tmp_path, "server")

    assert certificates.current().context is not before.context
    assert certificates.current().certificate != before.certificate
    assert outdated(files) == 0


def test_a_link_that_points_to_another_folder_is_another_file(files: TlsFiles, tmp_path: Path) -> None:
    """As Kubernetes replaces the files of a secret."""
    for version in ("1", "2"):
        (tmp_path / version).mkdir()
        authority(tmp_path, f"authority{version}").sign(tmp_path / version, "server")
    (tmp_path / "now").symlink_to(tmp_path / "1")
    linked = TlsFiles(certificate=tmp_path / "now" / "server.crt", key=tmp_path / "now" / "server.key")
    certificates = Certificates(linked, is_server=True)

    (tmp_path / "next").symlink_to(tmp_path / "2")
    (tmp_path / "next").rename(tmp_path / "now")

    assert certificates.current().certificate == (tmp_path / "2" / "server.crt").read_bytes()


def test_changed_files_that_cannot_be_used_leave_those_before_until_they_can(files: TlsFiles, tmp_path: Path) -> None:
    certificates = Certificates(files, is_server=True)
    before = certificates.current()
    assert files.certificate is not None
    assert files.key is not None
    (tmp_path / "new").mkdir()
    certificate, key = authority(tmp_path, "another").sign(tmp_path / "new", "server")

    files.certificate.unlink()
    assert certificates.current() is before
    shutil.copy(certificate, files.certificate)
    assert certificates.current() is before, "the key is still the old one"
    assert outdated(files) == 1
    shutil.copy(key, files.key)

    assert certificates.current().certificate == certificate.read_bytes()
    assert outdated(files) == 0
