"""Where the command begins: it imports nothing of weight, so that Ctrl-C during the imports is answered like any other."""

from __future__ import annotations

import sys
from collections.abc import Sequence

INTERRUPTED = 130
"""The exit status after Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command ``migrate``; the exit status, which ``migrator.cli`` explains."""
    try:
        from migrator import cli

        return cli.main(arguments)
    except KeyboardInterrupt:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one must not spoil the answer to the first
        line = "migrate: interrupted; every file is whole, as it was or as it shall be"
        print(line, file=sys.stderr)
        return INTERRUPTED
