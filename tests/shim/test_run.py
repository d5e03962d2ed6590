"""``shim run``: what a program sees of its start, its end and itself is what plain Python shows it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.emulator.scene import Scene

COMMAND = Path(sys.executable).with_name("shim")
KEY = "assemblyai-key-of-the-tests"

Run = Callable[..., "subprocess.CompletedProcess[str]"]

VIEW = """
import os, sys
print(sys.argv, __name__, __file__, __package__, repr(__spec__).partition("0x")[0], sys.path, os.getcwd())
print(sys.modules["__main__"].__dict__ is globals(), sys.flags, [m for m in ("asyncio", "websockets") if m in sys.modules])
"""


@pytest.fixture
def both(tmp_path: Path) -> Callable[..., list[subprocess.CompletedProcess[str]]]:
    """Runs a program as ``python ...`` does and as ``shim run ...`` does, in the same folder."""

    def run(
        *program: str, options: tuple[str, ...] = (), standard_input: str = ""
    ) -> list[subprocess.CompletedProcess[str]]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        return [
            subprocess.run(
                [sys.executable, *options, *way, *program],
                cwd=tmp_path,
                env=environment,
                input=standard_input,
                capture_output=True,
                text=True,
                timeout=60,
            )
            for way in ([], ["-m", "shim", "run"])
        ]

    return run


def same(done: list[subprocess.CompletedProcess[str]]) -> bool:
    plain, ours = done
    return (plain.returncode, plain.stdout, plain.stderr) == (ours.returncode, ours.stdout, ours.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--region", "mars", "-m", "x", "-h", "--", "a b"),
        ("--", "--", ""),
    ],
)
def test_a_script_sees_itself_and_its_arguments_as_without_us(both, tmp_path, arguments):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "app.py").write_text(VIEW)
    (tmp_path / "app.py").symlink_to("folder/app.py")
    done = both("app.py", *arguments)
    assert same(done)
    assert done[1].stdout.startswith(str(["app.py", *arguments]))


@pytest.mark.parametrize("name", ["package", "package.module", "module"])
def test_a_module_sees_itself_as_with_python_m(both, tmp_path, name):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for path in (package / "__main__.py", package / "module.py", tmp_path / "module.py"):
        path.write_text(VIEW)
    assert same(both("-m", name, "-m", "--help"))


def test_a_folder_with_a_main_module_runs(both, tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__main__.py").write_text(VIEW)
    assert same(both("app", "x"))


def test_a_module_that_is_missing_is_pythons_to_report(both):
    done = both("-m", "no_such_module")
    assert same(done)
    assert done[1].returncode == 1


@pytest.mark.parametrize(
    "source",
    [
        "import sys; sys.exit(7)",
        "import sys; sys.exit('a reason')",
        "import os; os._exit(3)",
        "def f():\n    raise ValueError('wrong')\nf()",
        "x = = 1",
        "raise KeyboardInterrupt",
        "import os, signal; os.kill(os.getpid(), signal.SIGTERM)",
        "import sys; sys.excepthook = lambda *a: print('hook', a[0].__name__, a[2].tb_lineno); 1/0",
        "import atexit, threading; atexit.register(print, 'exit'); threading.Thread(target=print, args=['thread']).start()",
        "import warnings; warnings.warn('old', DeprecationWarning)",
        "print(input())",
    ],
)
def test_a_program_ends_as_without_us(both, tmp_path, source):
    (tmp_path / "app.py").write_text(source)
    assert same(both("app.py", standard_input="a line\n"))


def test_options_of_the_interpreter_are_kept(both, tmp_path):
    (tmp_path / "app.py").write_text("import sys; print(sys.flags, sys._xoptions, sys.warnoptions)")
    assert same(both("app.py", options=("-u", "-O", "-X", "dev", "-W", "ignore::UserWarning")))


def test_a_sitecustomize_of_the_user_still_runs(both, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import builtins; builtins.customized = __file__")
    (tmp_path / "app.py").write_text("import sitecustomize; print(customized, sitecustomize.__file__)")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-m", "shim", "run", "app.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    path = str(tmp_path / "site" / "sitecustomize.py")
    assert done.stdout.split() == [path, path]


def test_a_signal_reaches_the_program_itself(tmp_path):
    (tmp_path / "app.py").write_text("print('up', flush=True); import time; time.sleep(60)")
    process = subprocess.Popen(
        [sys.executable, "-m", "shim", "run", "app.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == -signal.SIGINT
    process.stdout.close()


# The redirect


TRANSCRIBE = """
import asyncio, json, sys, websockets
async def main():
    async with websockets.connect("wss://eu2.rt.speechmatics.com/v2", extra_headers={}) as ws:
        await ws.send(json.dumps({"message": "StartRecognition",
            "audio_format": {"type": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
            "transcription_config": {"language": "en"}}))
        print(json.loads(await ws.recv())["message"])
"""


@pytest.fixture
def run(one_sentence: Scene, tmp_path: Path):
    """Runs files of a folder with ``shim run`` against an AssemblyAI emulator, which is returned too."""
    with AssemblyAIEmulator(one_sentence, speed=20, keys=[KEY]) as emulator:

        def start(*command: str, key: str = KEY) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [COMMAND, "run", *command],
                cwd=tmp_path,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": str(tmp_path),
                    "ASSEMBLYAI_API_KEY": key,
                    "ASSEMBLYAI_STREAMING_URL": emulator.url,
                },
                capture_output=True,
                text=True,
                timeout=60,
            )

        start.emulator = emulator
        yield start


def test_a_connection_to_speechmatics_ends_at_assemblyai(run, tmp_path):
    (tmp_path / "app.py").write_text(TRANSCRIBE + "asyncio.run(main())")
    done = run("--model", "universal-streaming-english", "app.py")
    assert (done.stdout, done.stderr, done.returncode) == ("RecognitionStarted\n", "", 0)
    (connection,) = run.emulator.journal.connections
    assert connection.query["speech_model"] == ("universal-streaming-english",)


def test_a_program_with_a_module_named_shim_keeps_its_own(run, tmp_path):
    (tmp_path / "shim.py").write_text("mine = True")
    (tmp_path / "app.py").write_text(TRANSCRIBE + "import shim; print(shim.mine); asyncio.run(main())")
    done = run("app.py")
    assert (done.stdout, done.stderr) == ("True\nRecognitionStarted\n", "")


def test_a_program_that_also_imports_the_drop_in_configures_one_and_the_same(run, tmp_path):
    (tmp_path / "app.py").write_text(
        TRANSCRIBE + f"import shim; shim.configure(api_key={KEY!r})\n"
        "from shim import websockets as dropped\nassert dropped is websockets\nasyncio.run(main())"
    )
    done = run("app.py", key="wrong")
    assert (done.stdout, done.stderr) == ("RecognitionStarted\n", "")


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_worker_processes_are_redirected_too(run, tmp_path, method):
    (tmp_path / "app.py").write_text(
        TRANSCRIBE
        + f"""
import multiprocessing
def work(): asyncio.run(main())
if __name__ == "__main__":
    worker = multiprocessing.get_context({method!r}).Process(target=work)
    worker.start(); worker.join(); sys.exit(worker.exitcode)
"""
    )
    done = run("app.py")
    assert (done.stdout, done.returncode) == ("RecognitionStarted\n", 0)


def test_without_a_key_the_program_sees_a_refused_handshake_and_the_log_names_the_variable(run, tmp_path):
    (tmp_path / "app.py").write_text(
        TRANSCRIBE
        + "try: asyncio.run(main())\nexcept websockets.InvalidStatus as e: print(e.response.status_code)"
    )
    done = run("app.py", key="")
    assert done.stdout == "401\n"
    assert "ASSEMBLYAI_API_KEY" in done.stderr


RAW = """
import asyncio, socket
host = "eu2.rt.speechmatics.com"
async def main():
    await asyncio.open_connection(host, 443, ssl=True)
for way in (lambda: socket.create_connection((host, 443)), lambda: asyncio.run(main())):
    try: way()
    except OSError as refused: print(type(refused).__name__)
print(socket.getaddrinfo("127.0.0.1", 80)[0][4])
"""


@pytest.mark.parametrize("has_its_own_shim", [False, True])
def test_a_library_that_cannot_be_redirected_is_refused_aloud(run, tmp_path, has_its_own_shim):
    (tmp_path / "app.py").write_text(RAW)
    if has_its_own_shim:
        (tmp_path / "shim.py").write_text("")
    done = run("app.py")
    assert done.stdout.split("\n") == ["gaierror", "gaierror", "('127.0.0.1', 80)", ""]
    assert done.stderr.count("the connection to eu2.rt.speechmatics.com was refused") == 2
    assert "shim serve" in done.stderr


# What the user may get wrong


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name the program"),
        (["-m"], "name the program"),
        (["no_such_file.py"], "there is no program 'no_such_file.py'"),
        (["--region", "mars", "app.py"], "invalid choice: 'mars'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_status_2(run, arguments, says):
    done = run(*arguments)
    assert done.returncode == 2
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["-E", "-I"])
def test_an_interpreter_that_would_keep_the_redirect_out_is_refused(tmp_path, option):
    (tmp_path / "app.py").write_text("print('ran')")
    done = subprocess.run(
        [sys.executable, option, "-m", "shim", "run", str(tmp_path / "app.py")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert option in done.stderr


def test_a_redirect_that_cannot_be_installed_stops_the_program(run, tmp_path):
    (tmp_path / "app.py").write_text("print('ran')")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import sys, types; sys.modules['shim.import_hook'] = types.ModuleType('shim.import_hook')"
    )
    done = subprocess.run(
        [sys.executable, "-m", "shim", "run", "app.py"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "the redirect was not installed" in done.stderr
