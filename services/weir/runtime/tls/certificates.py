"""Certificate, key and trusted authorities from PEM files, as contexts of `ssl`.

The files are looked at for each new connection. Changed files are read again, so a renewed certificate needs no restart; where
they cannot be used, what was read before stays in use, the log says why, and `weir_tls_files_outdated` is 1.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path

from weir.runtime.errors import BadSetting
from weir.runtime.files.regular import read_regular
from weir.runtime.telemetry.logs import logger
from weir.runtime.tls.metrics import OUTDATED

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Ciphers of TLS 1.2, those that HTTP/2 allows (RFC 9113, section 9.2.2). TLS 1.3 has its own, all of them good."""

FILE_BYTES_MAX = 1_048_576
"""Largest TLS file. Chosen: four times the bundle of all public authorities."""

H2, HTTP_1 = "h2", "http/1.1"
"""What is spoken inside, in ALPN's words."""

Version = tuple[tuple[int, int, int], ...]
"""What tells that a file is another one: inode, size in bytes, time of change in nanoseconds, of each file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """What one end shows, and whom it trusts. PEM files."""

    certificate: Path | None = None
    """Its certificate, with those between it and the authority behind it. A listener has one."""
    key: Path | None = None
    """The private key of the certificate, not encrypted."""
    authorities: Path | None = None
    """Certificates of the authorities that the other end's must come from. A channel has some. A listener without them
    asks clients for no certificate."""

    def each(self) -> tuple[Path, ...]:
        """The files that there are."""
        return tuple(file for file in (self.certificate, self.key, self.authorities) if file is not None)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the files hold: a context of `ssl`, and the same as PEM for a library that makes its own."""

    context: ssl.SSLContext
    certificate: bytes | None
    key: bytes | None
    authorities: bytes | None


class Certificates:
    """The files of a listener or channel, read again when they change."""

    def __init__(self, files: TlsFiles, *, is_server: bool, protocol: str = H2) -> None:
        """protocol: what is spoken inside: H2 or HTTP_1. Raises BadSetting naming the file and what is wrong with it."""
        self._files = files
        self._is_server = is_server
        self._protocol = protocol
        self._seen = _version(files)
        self._credentials = self._read()

    def current(self) -> Credentials:
        """Those for the next connection: of the files as they are now, else of those that could be used last."""
        try:
            now = _version(self._files)
            if now != self._seen:
                self._seen = now
                self._credentials = self._read()
                self._tell(is_outdated=False)
        except BadSetting as error:
            self._tell(is_outdated=True, error=str(error))
        return self._credentials

    def _read(self) -> Credentials:
        files = self._files
        certificate, key, authorities = (
            None if file is None else _content(file) for file in (files.certificate, files.key, files.authorities)
        )
        context = context_of(files, is_server=self._is_server, protocol=self._protocol)
        return Credentials(context, certificate, key, authorities)

    def _tell(self, *, is_outdated: bool, error: str = "") -> None:
        name = str(self._files.certificate or self._files.authorities)
        OUTDATED.labels(name).set(is_outdated)
        if is_outdated:
            logger().error("tls_files_not_usable", error=error, hint="those read before stay in use")
        else:
            logger().info("tls_files_read_again", certificate=name)


def speaks_h2(transport: asyncio.BaseTransport) -> bool:
    """Whether both ends of a connection chose HTTP/2; True for one without TLS."""
    session = transport.get_extra_info("ssl_object")
    return session is None or session.selected_alpn_protocol() == H2


def context_of(files: TlsFiles, *, is_server: bool, protocol: str) -> ssl.SSLContext:
    """The context of one end. Raises BadSetting naming the file and what is wrong with it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols([protocol])
    if files.certificate is not None and files.key is not None:
        _show(context, files.certificate, files.key)
    if files.authorities is not None:
        _trust(context, files.authorities)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _show(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        context.load_cert_chain(certificate, key, password="")  # else OpenSSL asks for one at the terminal
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise BadSetting(f"the TLS key {key} is not the key of the certificate {certificate}") from error
        _trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate)
        raise BadSetting(
            f"the TLS key {key} cannot be used: it must be a PEM key without a password ({error})"
        ) from error


def _trust(context: ssl.SSLContext, authorities: Path) -> None:
    try:
        context.load_verify_locations(authorities)
    except ssl.SSLError as error:
        raise BadSetting(
            f"the TLS file {authorities} cannot be used: it must hold PEM certificates ({error})"
        ) from error


def _content(file: Path) -> bytes:
    try:
        return read_regular(file, FILE_BYTES_MAX)
    except OSError as error:
        raise BadSetting(f"the TLS file {file} cannot be read: {error.strerror}") from error


def _version(files: TlsFiles) -> Version:
    return tuple(_identity(file) for file in files.each())


def _identity(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:  # one that cannot be seen is another one; reading it says why
        return 0, 0, 0
    return found.st_ino, found.st_size, found.st_mtime_ns
