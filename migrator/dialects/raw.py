"""The dialects that handle raw messages, and which of them a source speaks."""

from __future__ import annotations

from migrator.analysis.scan import touch_points
from migrator.analysis.source import Source
from migrator.dialects.recogniser import Recogniser
from migrator.dialects.session import Library, Session
from migrator.dialects.websocket_client import WebsocketClient
from migrator.dialects.websockets import Websockets
from migrator.edits import Obstacle

DIALECTS: tuple[type[Recogniser], ...] = (WebsocketClient, Websockets)
LIBRARIES: tuple[Library, ...] = tuple(dialect.library for dialect in DIALECTS)


def recognise(source: Source) -> Session | None:
    """The facts of a source that speaks to Speechmatics in raw messages; None for any other source."""
    if not any(point.kind in ("host", "message") for point in touch_points(source)):
        return None
    return connects(source)


def connects(source: Source) -> Session | None:
    """The facts of a source that may open a connection, whoever it is to; None where it has no WebSocket library."""
    dialects = [dialect for dialect in DIALECTS if dialect.library.imports(source.tree)]
    if not dialects:
        return None
    sessions = [dialect(source).run() for dialect in dialects]
    connected = [session for session in sessions if session.connection is not None]
    first, *others = connected or sessions
    first.libraries = [session.library for session in connected or sessions]
    for other in others if connected else []:
        assert other.connection is not None
        line = other.connection.call.lineno
        first.obstacles.append(Obstacle(line, f"the file also connects with {other.library.name}"))
    return first


def may_connect(source: Source) -> bool:
    """Whether a source may open a connection to Speechmatics through a WebSocket library, or gives away what opens one."""
    return any(dialect(source).may_connect() for dialect in DIALECTS if dialect.library.imports(source.tree))
