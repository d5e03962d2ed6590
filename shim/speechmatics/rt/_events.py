"""Handlers of server messages."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any, TypeVar, overload

from shim.speechmatics.rt._logging import get_logger
from shim.speechmatics.rt._models import ServerMessageType

_Handler = TypeVar("_Handler", bound=Callable[..., Any])
# The keys are the handlers: a set that keeps the order of registration.
_Handlers = dict[str, dict[Callable[..., Any], None]]


class EventEmitter:
    """Calls functions with the messages of the types that they were registered for.

    A handler runs in the event loop's thread, and all handlers of a message get the same dict, in the order in which
    they were registered; one that is registered twice is called once. What a handler raises is logged and goes no
    further. A message type is a `ServerMessageType` or its name.
    """

    _logger: logging.Logger

    def __init__(self) -> None:
        self._handlers: _Handlers = {}
        self._once_handlers: _Handlers = {}
        if not hasattr(self, "_logger"):
            self._logger = get_logger("speechmatics.rt.event_emitter")

    @overload
    def on(self, event: ServerMessageType | str, callback: _Handler) -> _Handler: ...
    @overload
    def on(self, event: ServerMessageType | str) -> Callable[[_Handler], _Handler]: ...
    def on(self, event: ServerMessageType | str, callback: Callable[..., Any] | None = None) -> Any:
        """Call a function with every message of a type; without a function, a decorator that does it.

        Returns:
            the function, unchanged, or the decorator.

        Raises:
            ValueError: it is a coroutine function.
            TypeError: it cannot be called.
        """
        return _register(self._handlers, event, callback)

    @overload
    def once(self, event: ServerMessageType | str, callback: _Handler) -> _Handler: ...
    @overload
    def once(self, event: ServerMessageType | str) -> Callable[[_Handler], _Handler]: ...
    def once(self, event: ServerMessageType | str, callback: Callable[..., Any] | None = None) -> Any:
        """`on`, for the next message of the type only. It is called after those that stay."""
        return _register(self._once_handlers, event, callback)

    def off(self, event: ServerMessageType | str, callback: Callable[..., Any]) -> None:
        """Call a function no more; nothing happens if it was not registered."""
        for handlers in (self._handlers, self._once_handlers):
            handlers.get(event, {}).pop(callback, None)

    def emit(self, event: ServerMessageType | str, message: dict[str, Any]) -> None:
        """Call the handlers of a message type with a message."""
        for callback in tuple(self._handlers.get(event, ())):
            self._call(callback, event, message)
        for callback in self._once_handlers.pop(event, ()):
            self._call(callback, event, message)

    def remove_all_listeners(self, event: ServerMessageType | str | None = None) -> None:
        """Forget all handlers of a message type, or of every type."""
        for handlers in (self._handlers, self._once_handlers):
            if event is None:
                handlers.clear()
            else:
                handlers.pop(event, None)

    def listeners(self, event: ServerMessageType | str) -> list[Callable[..., Any]]:
        """The handlers of a message type, in the order in which they are called."""
        return [*self._handlers.get(event, ()), *self._once_handlers.get(event, ())]

    def _call(self, callback: Callable[..., Any], event: str, message: dict[str, Any]) -> None:
        try:
            callback(message)
        except Exception as error:
            self._logger.warning("Event handler error (%s): %s", event, error, exc_info=True)


def _register(handlers: _Handlers, event: str, callback: Callable[..., Any] | None) -> Any:
    def register(function: _Handler) -> _Handler:
        if inspect.iscoroutinefunction(function):
            raise ValueError("Only synchronous callbacks are supported")
        if not callable(function):
            raise TypeError("Callback must be callable")
        handlers.setdefault(event, {})[function] = None
        return function

    return register if callback is None else register(callback)
