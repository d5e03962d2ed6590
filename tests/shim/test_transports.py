"""Connections are ended at once, whatever was done with them before."""

import asyncio
import ssl
from pathlib import Path

import pytest

from shim.emulator.tls import CertificateAuthority
from shim.transports import cut


class ClosedTwice(asyncio.Transport):
    """A TLS transport of early Python 3.11 that was closed twice."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = 0

    def abort(self) -> None:
        raise AttributeError("'NoneType' object has no attribute '_abort'")

    def close(self) -> None:
        self.closed += 1


def test_an_error_of_python_itself_does_not_come_out() -> None:
    transport = ClosedTwice()
    cut(transport)
    assert transport.closed == 1


@pytest.mark.parametrize("closed_before", [0, 1, 2])
def test_a_connection_with_tls_is_cut_however_often_it_was_closed(tmp_path: Path, closed_before: int) -> None:
    authority = CertificateAuthority.create(tmp_path)
    trusted = ssl.create_default_context(cafile=str(authority.ca_file))

    async def connect_and_cut() -> None:
        gone = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.read()
            except ConnectionError:
                pass
            finally:
                cut(writer.transport)
                gone.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.certificate(["localhost"]))
        async with server:
            port = server.sockets[0].getsockname()[1]
            _, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=trusted, server_hostname="localhost"
            )
            for _ in range(closed_before):
                writer.transport.close()
            cut(writer.transport)
            await gone.wait()

    asyncio.run(asyncio.wait_for(connect_and_cut(), 30))
