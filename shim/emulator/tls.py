"""Certificates for the emulators: an authority of our own that test clients are told to trust."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path

import trustme

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


class CertificateAuthority:
    """Issues certificates for any names; its keys never leave this process.

    Attributes:
        ca_file: PEM file of the authority, for ``SSL_CERT_FILE`` and the like.
    """

    def __init__(self, authority: trustme.CA, ca_file: Path) -> None:
        self._authority = authority
        self.ca_file = ca_file

    @classmethod
    def create(cls, folder: str | Path) -> CertificateAuthority:
        """Make an authority and write ``ca.pem`` into ``folder`` (made if missing).

        Raises:
            OSError: the file cannot be written.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        return cls(authority, ca_file)

    def certificate(self, hosts: Iterable[str] = ()) -> ssl.SSLContext:
        """What a server needs to speak TLS under these names and this machine's own (localhost, 127.0.0.1, ::1)."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert(*dict.fromkeys((*LOCAL_NAMES, *hosts))).configure_cert(context)
        return context

    def client_context(self) -> ssl.SSLContext:
        """What a client needs to trust this authority, and no other."""
        return ssl.create_default_context(cafile=str(self.ca_file))
