"""Installs the redirect when an interpreter starts below ``shim run``; see `shim.run`.

Python imports a module of this name before it looks at the program, so ``__main__``, ``sys.argv``, ``sys.path[0]``, the
exit status and tracebacks are all its own. Processes that the program starts with the same interpreter are redirected
too. Nothing of ours stays on ``sys.path``.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(FOLDER))
INTERPRETER_VARIABLE = "SHIM_RUN_INTERPRETER"
"""The environment (`sys.prefix`) that ``shim run`` was started in: in another one our dependencies may be missing."""
APART_VARIABLE = "SHIM_RUN_APART"
"""Set where the program has a module ``shim`` of its own, which must not find ours in `sys.modules`."""


def load(name: str, path: list[str]) -> bool:
    """Load a top-level module from these folders into `sys.modules`; False if they have none."""
    spec = importlib.machinery.PathFinder.find_spec(name, path)
    if spec is None or spec.loader is None:
        return False
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return True


def leave_to_the_program() -> None:
    """Take away what leads here, and run the ``sitecustomize`` that we stood before."""
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != FOLDER]
    load("sitecustomize", sys.path)


def redirect() -> None:
    """Redirect all client libraries, as the program imports them, and refuse what would go past them."""
    load("shim", [ROOT])
    adapters = importlib.import_module("shim.adapters")
    modules = [*adapters.ADAPTERS, *adapters.GUARDS]
    if not os.environ.get(APART_VARIABLE):
        adapters.watch(modules)
        return
    adapters.watch(modules, load=True)
    for name in [name for name in sys.modules if name.partition(".")[0] == "shim"]:
        del sys.modules[name]


def start() -> None:
    """What happens before the program; in an interpreter of another environment, nothing."""
    leave_to_the_program()
    if os.environ.get(INTERPRETER_VARIABLE) != sys.prefix:
        return
    try:
        redirect()
    except Exception as error:
        # Python would go on without us, and the program's audio would go to Speechmatics.
        print(f"shim run: the redirect was not installed: {type(error).__name__}: {error}", file=sys.stderr)
        sys.stderr.flush()
        os._exit(1)


if __name__ == "sitecustomize":  # not when `shim.run` reads the names above
    start()
