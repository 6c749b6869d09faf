"""Settings of a service that speaks TLS: what its listener shows, and whom its channel trusts."""

from __future__ import annotations

from pathlib import Path

from weir.runtime.errors import BadSetting
from weir.runtime.settings import SharedSettings
from weir.runtime.tls.certificates import H2, Certificates, TlsFiles


class ListenerTlsSettings(SharedSettings):
    """TLS of a service that is called; its variables carry the service's own prefix. Files are PEM, and read again at the first
    connection after they changed."""

    tls_certificate_file: Path | None = None
    """Certificate that the listener shows, with those between it and its authority behind it. Not set: no TLS."""

    tls_key_file: Path | None = None
    """Private key of that certificate, without a password."""

    tls_client_ca_file: Path | None = None
    """Authorities of clients' certificates; a client without one is refused (mutual TLS). Keys and tokens are asked for all the
    same. Not set: clients show none."""

    def listener_certificates(self, protocol: str = H2) -> Certificates | None:
        """What clients are shown; None without TLS. protocol: what is spoken inside, in ALPN's words.

        Raises BadSetting naming the file and what is wrong with it.
        """
        self._refuse_without("tls_certificate_file", "tls_key_file")
        self._refuse_without("tls_key_file", "tls_certificate_file")
        self._refuse_without("tls_client_ca_file", "tls_certificate_file")
        if self.tls_certificate_file is None:
            return None
        files = TlsFiles(
            certificate=self.tls_certificate_file, key=self.tls_key_file, authorities=self.tls_client_ca_file
        )
        return Certificates(files, is_server=True, protocol=protocol)

    def _refuse_without(self, name: str, other: str) -> None:
        if getattr(self, name) is not None and getattr(self, other) is None:
            variable, missing = (type(self).model_fields[one].validation_alias for one in (name, other))
            raise BadSetting(f"{variable} is set and {missing} is not; set both, or neither")


class TlsSettings(ListenerTlsSettings):
    """The same of a service that calls another too."""

    upstream_ca_file: Path | None = None
    """Authorities that the next server's certificate must come from; it must name the host of that server's address. A
    system's own are in a file such as `/etc/ssl/certs/ca-certificates.crt`. Not set: no TLS on the way there."""

    upstream_certificate_file: Path | None = None
    """Certificate that the next server is shown, where it asks for one."""

    upstream_key_file: Path | None = None
    """Private key of that certificate, without a password."""

    def upstream_certificates(self) -> Certificates | None:
        """Whom the next server is checked by; None without TLS. Raises BadSetting naming the file and what is wrong with it."""
        self._refuse_without("upstream_certificate_file", "upstream_key_file")
        self._refuse_without("upstream_key_file", "upstream_certificate_file")
        self._refuse_without("upstream_certificate_file", "upstream_ca_file")
        if self.upstream_ca_file is None:
            return None
        files = TlsFiles(
            certificate=self.upstream_certificate_file, key=self.upstream_key_file, authorities=self.upstream_ca_file
        )
        return Certificates(files, is_server=False)
