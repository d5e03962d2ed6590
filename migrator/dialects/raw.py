"""The dialects that handle raw messages, and which of them a source speaks."""

from __future__ import annotations

from migrator.analysis.scan import touch_points
from migrator.analysis.source import Source
from migrator.dialects.recogniser import Recogniser
from migrator.dialects.session import Library, Session
from migrator.dialects.websocket_client import WebsocketClient
from migrator.dialects.websockets import Websockets

DIALECTS: tuple[type[Recogniser], ...] = (WebsocketClient, Websockets)
LIBRARIES: tuple[Library, ...] = tuple(dialect.library for dialect in DIALECTS)


def recognise(source: Source) -> Session | None:
    """The facts of a source that speaks to Speechmatics in raw messages; None for any other source."""
    dialects = [dialect for dialect in DIALECTS if dialect.library.imports(source.tree)]
    if not dialects or not any(point.kind in ("host", "message") for point in touch_points(source)):
        return None
    sessions = [dialect(source).run() for dialect in dialects]
    connected = [session for session in sessions if session.connection is not None]
    if len(connected) > 1:
        connected[0].obstacles += [obstacle for session in connected[1:] for obstacle in session.obstacles]
    return (connected or sessions)[0]
