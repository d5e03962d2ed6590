"""The ``shim`` command: finds its subcommands, imports no more than it needs, and ends as a command should."""

from __future__ import annotations

import argparse
import importlib
import io
import subprocess
import sys
import types

import pytest

from shim import cli


@pytest.fixture
def command(monkeypatch):
    """Puts one subcommand, which does what a function does, in the place of all."""

    def install(run):
        module = types.SimpleNamespace(
            add_arguments=lambda parser: parser.add_argument("--number", type=int), run=run
        )
        monkeypatch.setitem(sys.modules, "shim.made_up", module)
        monkeypatch.setattr(cli, "COMMANDS", (cli.Command("made-up", "shim.made_up", "does it"),))

    return install


def test_the_exit_status_is_that_of_the_command(command):
    command(lambda arguments: arguments.number)
    assert cli.main(["made-up", "--number", "7"]) == 7


def test_ctrl_c_is_status_130_without_a_word(command, capsys):
    def interrupt(arguments):
        raise KeyboardInterrupt

    command(interrupt)
    assert cli.main(["made-up"]) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["made-up", "--number", "x"]])
def test_wrong_usage_is_status_2(command, arguments, capsys):
    command(lambda arguments: 0)
    with pytest.raises(SystemExit) as exit:
        cli.main(arguments)
    assert exit.value.code == 2
    assert "shim" in capsys.readouterr().err


def test_a_reader_that_leaves_early_gets_no_traceback():
    program = "import sys; from shim import cli; cli.COMMANDS = (cli.Command('flood', 'flood', ''),)\n"
    program += "sys.modules['flood'] = sys\n"
    program += "sys.add_arguments = lambda parser: None\n"
    program += "def run(arguments):\n    while True: print('x' * 999, flush=True)\n"
    program += "sys.run = run\n"
    program += "sys.exit(cli.main(['flood']))"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.read(10)
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == 1
    assert errors == b""


@pytest.mark.parametrize("command", cli.COMMANDS, ids=lambda command: command.name)
def test_every_command_of_the_table_is_there(command):
    module = importlib.import_module(command.module)
    module.add_arguments(argparse.ArgumentParser())
    assert callable(module.run)


def run_python(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=60)


def test_help_names_every_command_and_imports_nothing_heavy():
    program = (
        "import sys\n"
        "from shim.cli import main\n"
        "try: main(['--help'])\n"
        "finally: print(sorted({'asyncio', 'websockets', 'numpy', 'shim.emulator'} & set(sys.modules)), file=sys.stderr)"
    )
    done = run_python("-c", program)
    assert done.returncode == 0
    assert done.stderr == "[]\n"
    for command in cli.COMMANDS:
        assert command.name in done.stdout


def test_the_help_of_listen_starts_no_event_loop_library():
    program = "import sys\nfrom shim.cli import main\ntry: main(['listen', '--help'])\nfinally: print('asyncio' in sys.modules, file=sys.stderr)"
    assert run_python("-c", program).stderr == "False\n"


def test_the_module_is_the_command():
    assert run_python("-m", "shim", "--version").stdout.startswith("shim ")


def test_output_is_not_needed_for_the_status(command, monkeypatch):
    command(lambda arguments: 0)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert cli.main(["made-up"]) == 0
