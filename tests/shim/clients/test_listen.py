"""``shim listen``: what it shows on a terminal, and what it says when it cannot listen."""

from __future__ import annotations

import io
import json
import logging
import signal
import socket
import threading

import pytest

from shim import cli, listen, microphone
from shim.emulator.assemblyai import AssemblyAIEmulator
from shim.microphone import InputDevice, MicrophoneError
from shim.settings import API_KEY_VARIABLE, STREAMING_URL_VARIABLE, configure


class Terminal(io.StringIO):
    """A terminal with 20 columns, of which we see what is sent to it."""

    def isatty(self):
        return True

    @property
    def visible(self):
        """What stands on it now, line by line."""
        return [line.rpartition("\r\x1b[K")[2] for line in self.getvalue().split("\n")]


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


class TestScreen:
    def test_a_partial_takes_the_place_of_the_one_before(self, terminal):
        screen = listen.Screen(terminal)
        for text in ("Good", "Good morning", "Good"):
            screen.partial(text)
            assert terminal.visible == [text]

    def test_a_final_takes_the_place_of_the_partial_and_stays(self, terminal):
        screen = listen.Screen(terminal)
        screen.partial("good morn")
        screen.final("Good morning. ")
        screen.partial("how")
        assert terminal.visible == ["Good morning.", "how"]

    def test_a_long_partial_shows_its_end_and_never_wraps_nor_does_ctrl_c_behind_it(self, terminal):
        listen.Screen(terminal).partial("it was the best of times, it was the worst of times")
        assert terminal.visible == ["…e worst of times"]

    def test_a_long_final_is_whole(self, terminal):
        listen.Screen(terminal).final("it was the best of times, it was the worst of times")
        assert terminal.visible[0] == "it was the best of times, it was the worst of times"

    def test_an_empty_final_is_no_line(self, terminal):
        listen.Screen(terminal).final("")
        assert terminal.getvalue() == ""

    def test_a_note_goes_to_standard_error_and_leaves_no_partial_behind(self, terminal, capsys):
        screen = listen.Screen(terminal)
        screen.partial("good morn")
        screen.note("something is odd")
        assert terminal.visible == [""]
        assert capsys.readouterr().err == "shim listen: something is odd\n"

    def test_what_a_terminal_would_obey_is_not_passed_on(self, terminal):
        listen.Screen(terminal).final("a\x1b[2Jb\rc\u009bd")
        assert terminal.getvalue() == "a [2Jb c d\n"

    @pytest.mark.parametrize("dumb", [True, False])
    def test_without_a_terminal_that_rewrites_there_are_no_partials(self, terminal, monkeypatch, dumb):
        if dumb:
            monkeypatch.setenv("TERM", "dumb")
        output = terminal if dumb else io.StringIO()
        screen = listen.Screen(output)
        screen.partial("good morn")
        screen.final("Good morning.")
        assert output.getvalue() == "Good morning.\n"


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "…cd"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "…本語"),
        ("日本語", 4, "…語"),
        ("ábć", 3, "ábć"),
        ("abcd", 1, "…"),
    ],
)
def test_a_text_is_fitted_by_the_columns_that_it_takes(text, width, shown):
    assert listen.fitted(text, width) == shown


class Room:
    """Takes the place of the microphone: what it hears, and what then happens.

    Attributes:
        sound: 16 kHz 16-bit samples.
        at_the_end: called when everything was heard.
        stopped: set by `stop`.
    """

    sound = b""
    stopped = threading.Event()

    def __init__(self, device, sample_rate, frame_ms):
        type(self).device = device
        self._left = io.BytesIO(self.sound)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        return None

    def at_the_end(self):
        return None

    def stop(self):
        self.stopped.set()

    def read(self, size):
        data = self._left.read(size)
        if not data:
            self.at_the_end()
        return data


@pytest.fixture
def room(monkeypatch):
    monkeypatch.setattr(microphone, "Microphone", Room)
    monkeypatch.setattr(Room, "stopped", threading.Event())
    yield Room
    configure(region=None, speech_model=None)


@pytest.fixture
def heard(room, monkeypatch, one_sentence, assemblyai):
    """An AssemblyAI behind and a room in which the sentence is spoken; the key is set."""
    monkeypatch.setattr(room, "sound", one_sentence.sound.read_bytes()[44:])
    monkeypatch.setenv(API_KEY_VARIABLE, "assemblyai-key-of-the-tests")
    return assemblyai


class TestASession:
    def test_what_is_heard_is_printed(self, heard, one_sentence, capsys):
        heard()
        assert cli.main(["listen"]) == 0
        output, errors = capsys.readouterr()
        assert " ".join(output.split()) == one_sentence.text
        assert errors == ""

    def test_the_choices_of_the_command_line_reach_the_session(self, room, monkeypatch):
        made = {}

        class Client:
            def __init__(self, settings):
                pass

            def add_event_handler(self, kind, handler):
                pass

            def run_synchronously(self, stream, config, audio):
                from shim.settings import current

                made.update(region=current().region, model=current().speech_model, language=config.language)

        monkeypatch.setattr("shim.speechmatics.WebsocketClient", Client)
        monkeypatch.setenv(API_KEY_VARIABLE, "k")
        arguments = [
            "listen",
            "--language",
            "de",
            "--device",
            "3",
            "--model",
            "universal-3-6-pro",
            "--region",
            "us",
        ]
        assert cli.main(arguments) == 0
        assert made == {"region": "us", "model": "universal-3-6-pro", "language": "de"}
        assert room.device == 3

    def test_the_first_ctrl_c_ends_the_recording_and_the_rest_comes(
        self, heard, room, monkeypatch, one_sentence, capsys
    ):
        emulator = heard()

        def press_the_key(self):
            signal.raise_signal(signal.SIGINT)
            self.stopped.wait(20)

        monkeypatch.setattr(room, "at_the_end", press_the_key)
        before = signal.getsignal(signal.SIGINT)
        assert cli.main(["listen"]) == 0
        assert room.stopped.is_set()
        assert " ".join(capsys.readouterr().out.split()) == one_sentence.text
        assert emulator.journal.messages("received")[-1] == {"type": "Terminate"}
        assert signal.getsignal(signal.SIGINT) is before

    def test_a_microphone_that_fails_is_named_after_the_last_words(
        self, heard, room, monkeypatch, one_sentence, capsys
    ):
        heard()

        def unplug(self):
            raise MicrophoneError("the microphone 'x' stopped")

        monkeypatch.setattr(room, "at_the_end", unplug)
        assert cli.main(["listen"]) == 1
        output, errors = capsys.readouterr()
        assert " ".join(output.split()) == one_sentence.text
        assert errors == "shim listen: the microphone 'x' stopped\n"

    def test_a_warning_of_the_microphone_is_shown(self, heard, room, monkeypatch, capsys):
        heard()
        monkeypatch.setattr(
            room, "at_the_end", lambda self: logging.getLogger("shim.microphone").warning("lost sound")
        )
        assert cli.main(["listen"]) == 0
        assert capsys.readouterr().err == "shim listen: lost sound\n"

    def test_json_is_one_message_a_line(self, heard, one_sentence, capsys):
        heard()
        assert cli.main(["listen", "--json"]) == 0
        messages = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        finals = [m["metadata"]["transcript"] for m in messages if m["message"] == "AddTranscript"]
        assert "".join(finals).strip() == one_sentence.text


class TestWhenItCannotListen:
    def fails(self, capsys, *arguments):
        assert cli.main(["listen", *arguments]) == 1
        output, errors = capsys.readouterr()
        assert output == ""
        assert errors.startswith("shim listen: ")
        assert errors.count("\n") == 1
        return errors

    def test_without_a_key_it_names_the_variable(self, room, monkeypatch, capsys):
        monkeypatch.delenv(API_KEY_VARIABLE, raising=False)
        assert API_KEY_VARIABLE in self.fails(capsys)

    def test_a_key_that_cannot_be_one_is_named_but_not_shown(self, room, monkeypatch, capsys):
        monkeypatch.setenv(API_KEY_VARIABLE, "two words")
        line = self.fails(capsys)
        assert API_KEY_VARIABLE in line
        assert "two words" not in line

    def test_a_key_that_is_refused_is_an_error_of_one_line(self, room, monkeypatch, capsys, one_sentence):
        with AssemblyAIEmulator(one_sentence, keys=["another"]) as emulator:
            monkeypatch.setenv(API_KEY_VARIABLE, "wrong")
            monkeypatch.setenv(STREAMING_URL_VARIABLE, emulator.url)
            assert "key" in self.fails(capsys)

    def test_a_server_that_refuses_the_connection_is_an_error_of_one_line(self, room, monkeypatch, capsys):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            monkeypatch.setenv(API_KEY_VARIABLE, "k")
            monkeypatch.setenv(STREAMING_URL_VARIABLE, f"ws://127.0.0.1:{nobody.getsockname()[1]}")
            assert STREAMING_URL_VARIABLE in self.fails(capsys)

    def test_a_language_that_nobody_knows_is_an_error_of_one_line(self, heard, capsys):
        heard()
        assert "xx" in self.fails(capsys, "--language", "xx")

    def test_without_a_microphone_it_says_what_to_check(self, monkeypatch, capsys):
        def missing(*arguments):
            raise MicrophoneError("there is no default microphone; check that one is connected")

        monkeypatch.setattr(microphone, "Microphone", missing)
        monkeypatch.setenv(API_KEY_VARIABLE, "k")
        assert "check" in self.fails(capsys)

    def test_a_device_that_is_no_number_is_wrong_usage(self, capsys):
        with pytest.raises(SystemExit) as exit:
            cli.main(["listen", "--device", "front"])
        assert exit.value.code == 2


class TestListOfDevices:
    def test_it_names_each_and_marks_the_default(self, monkeypatch, capsys):
        found = [InputDevice(0, "Front", 2, 44100, False), InputDevice(12, "USB", 1, 16000, True)]
        monkeypatch.setattr(microphone, "devices", lambda: found)
        assert cli.main(["listen", "--list-devices"]) == 0
        assert capsys.readouterr().out == (
            "  0  Front, 2 channels, 44100 Hz\n 12  USB, 1 channels, 16000 Hz  (default)\n"
        )

    def test_none_at_all_is_an_error(self, monkeypatch, capsys):
        monkeypatch.setattr(microphone, "devices", list)
        assert cli.main(["listen", "--list-devices"]) == 1
        assert "no input device" in capsys.readouterr().err
