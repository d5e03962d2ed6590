"""Kills ``migrate`` at every single thing that it asks of the file system, and looks at what is left.

Run in an empty folder with ``write`` or ``undo``; prints the states of the two files that it saw after a kill, each once.
The engine is that of ``conftest.py``. One process for all of it: a copy of it is killed each time.
"""

import json
import os
import signal
import sys
import types
from pathlib import Path

from conftest import migrate_group

import migrator
from migrator import cli, journal, transaction

BEFORE = b"HOST = 'eu2.rt.speechmatics.com'\n"
AFTER = b"HOST = 'streaming.eu.assemblyai.com'\n"
FILES = (Path("a.py"), Path("b.py"))
COUNTED = ("open", "os", "shutil", "fcntl")


def migrate(*arguments):
    """The command, which must succeed."""
    assert cli.main(["--color", "never", *arguments]) == 0


def kill_after(steps):
    """End this process when it asks the file system for one thing more than so many."""
    taken = 0

    def step(event, _):
        nonlocal taken
        taken += event.partition(".")[0] in COUNTED
        if taken == steps + 1:  # to kill counts as well
            os.kill(os.getpid(), signal.SIGKILL)

    # There is no audit event for a flush.
    flush = os.fsync
    os.fsync = lambda descriptor: (step("os.fsync", ()), flush(descriptor))
    sys.addaudithook(step)


def is_killed(steps, operation):
    """Run a copy of this process; whether it came to an end before the operation did."""
    copy = os.fork()
    if copy == 0:
        original = getattr(transaction, operation)

        def watched(*arguments):
            kill_after(steps)
            return original(*arguments)

        setattr(transaction, operation, watched)
        os._exit(cli.main([f"--{operation}"]))
    status = os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def main(operation):
    """Let it happen with more steps each time, until the operation is done."""
    migrator.engine = types.SimpleNamespace(migrate_group=migrate_group)
    states = []
    for steps in range(1000):
        for file in FILES:
            file.write_bytes(BEFORE)
        if operation == "undo":
            migrate("--write")
        killed = is_killed(steps, operation)
        contents = [file.read_bytes() for file in FILES]
        assert set(contents) <= {BEFORE, AFTER}
        state = ["old" if content == BEFORE else "new" for content in contents]
        states += [] if state in states else [state]

        migrate("--undo")
        assert [file.read_bytes() for file in FILES] == [BEFORE, BEFORE]
        # The next run leaves no trace of the one that was killed.
        migrate("--write")
        migrate("--undo")
        assert sorted(os.listdir()) == [file.name for file in FILES]
        assert os.listdir(journal.folder()) == []
        if not killed:
            assert steps > 10
            print(json.dumps(states))
            return


main(sys.argv[1])
