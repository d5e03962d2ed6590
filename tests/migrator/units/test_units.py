"""Connections whose parts stand in several files: rewritten together, or together with the drop-in."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.migrator.units.projects import CLIENT, SETTINGS, Project

Migrate = Callable[..., Project]
TEST = """\
import json

from client import on_message


def test_a_final_is_printed(capsys):
    on_message(None, json.dumps({"message": "AddTranscript", "metadata": {"transcript": "Hello. "}}))
    assert capsys.readouterr().out == "Hello. \\n"
"""


class TestRewrittenTogether:
    def test_the_address_and_the_key_change_where_they_stand(self, migrate: Migrate) -> None:
        project = migrate({"client.py": CLIENT, "settings.py": SETTINGS})
        assert project.after["settings.py"] == SETTINGS.replace(
            "wss://eu2.rt.speechmatics.com/v2", "wss://streaming.eu.assemblyai.com/v3/ws"
        ).replace("SPEECHMATICS_API_KEY", "ASSEMBLYAI_API_KEY")
        client = project.after["client.py"]
        assert 'f"{URL}?{urlencode(connection_params)}"' in client
        assert '"language_codes": LANGUAGE,' in client
        assert '"sample_rate": SAMPLE_RATE,' in client
        assert "from settings import API_KEY, LANGUAGE, SAMPLE_RATE, URL\n" in client
        assert project.statuses == {"client.py": "native", "settings.py": "native"}
        assert (project["client.py"].unit, project["settings.py"].unit) == ("", "client.py")

    @pytest.mark.parametrize(
        ("line", "prefix"),
        [
            ("import settings", "settings."),
            ("import settings as s", "s."),
            ("from settings import *", ""),
        ],
    )
    def test_however_the_settings_are_imported(self, migrate: Migrate, line: str, prefix: str) -> None:
        text = CLIENT.replace("from settings import API_KEY, LANGUAGE, SAMPLE_RATE, URL", line)
        for name in ("API_KEY", "LANGUAGE", "SAMPLE_RATE", "URL"):
            text = text.replace(f" {name}", f" {prefix}{name}").replace(f"={name}", f"={prefix}{name}")
            text = text.replace(f"{{{name}}}", f"{{{prefix}{name}}}")
        project = migrate({"client.py": text, "settings.py": SETTINGS})
        assert project.statuses == {"client.py": "native", "settings.py": "native"}
        assert f'f"{{{prefix}URL}}?{{urlencode(connection_params)}}"' in project.after["client.py"]
        assert "streaming.eu.assemblyai.com" in project.after["settings.py"]

    @pytest.mark.parametrize(
        ("path", "line", "others"),
        [
            ("app/settings.py", "from .settings import", {"app/__init__.py": ""}),
            ("app/settings.py", "from app.settings import", {"app/__init__.py": ""}),
            (
                "app/config/base.py",
                "from .config import",
                {"app/config/__init__.py": "from .base import *\n"},
            ),
            (
                "app/config/base.py",
                "from app.config import",
                {
                    "app/__init__.py": "",
                    "app/config/__init__.py": "from .base import API_KEY, LANGUAGE, SAMPLE_RATE, URL\n",
                },
            ),
        ],
    )
    def test_wherever_the_settings_stand(
        self, migrate: Migrate, path: str, line: str, others: dict[str, str]
    ) -> None:
        client = CLIENT.replace("from settings import", line)
        project = migrate({"app/client.py": client, path: SETTINGS, **others})
        assert project.changed == sorted(["app/client.py", path])
        assert "streaming.eu.assemblyai.com" in project.after[path]
        assert project.again().changed == []

    def test_handlers_of_another_file_are_rewritten_there(self, migrate: Migrate) -> None:
        head, rest = CLIENT.split("def on_message")
        handler, rest = rest.split("def send")
        handlers = "import json\n\n\ndef on_message" + handler.replace(
            "        threading.Thread(target=send, args=(ws,), daemon=True).start()\n", "        begin(ws)\n"
        ).replace("done.set()", "print()").replace("def on", "from sending import begin\n\n\ndef on")
        handlers = handlers.replace("import json\n", "import json\n\nfrom sending import begin\n")
        sending = (
            "import json\nimport threading\n\nimport pyaudio\nimport websocket\n\nfrom settings import SAMPLE_RATE\n\n\n"
            "def begin(ws):\n    threading.Thread(target=send, args=(ws,), daemon=True).start()\n\n\ndef send"
            + rest.split("def main")[0]
        )
        client = (head + "def main" + rest.split("def main")[1]).replace(
            "from settings", "from handlers import on_message\nfrom settings"
        )
        files = {"client.py": client, "handlers.py": handlers, "sending.py": sending, "settings.py": SETTINGS}
        project = migrate(files)
        assert set(project.statuses.values()) == {"native"}, project.reasons()
        assert 'kind == "Turn" and event["end_of_turn"]' in project.after["handlers.py"]
        assert '{"type": "Terminate"}' in project.after["sending.py"]
        for path, text in project.after.items():
            compile(text, path, "exec")

    def test_a_program_that_only_starts_the_client_stays(self, migrate: Migrate) -> None:
        run = "from client import main\n\nmain()\n"
        project = migrate({"client.py": CLIENT, "settings.py": SETTINGS, "run.py": run})
        assert project.changed == ["client.py", "settings.py"]

    def test_a_test_that_says_nothing_of_the_service_does_not_matter(self, migrate: Migrate) -> None:
        test = "from settings import LANGUAGE\n\n\ndef test_language():\n    assert LANGUAGE == 'en'\n"
        project = migrate({"client.py": CLIENT, "settings.py": SETTINGS, "tests/test_settings.py": test})
        assert project.changed == ["client.py", "settings.py"]

    def test_the_variable_of_the_key_has_its_new_name_in_tests_too(self, migrate: Migrate) -> None:
        conftest = 'import os\n\nos.environ.setdefault("SPEECHMATICS_API_KEY", "key-of-the-tests")\n'
        test = "import client\n\n\ndef test_it_can_be_imported():\n    assert client.main\n"
        project = migrate(
            {
                "client.py": CLIENT,
                "settings.py": SETTINGS,
                "tests/conftest.py": conftest,
                "tests/test_a.py": test,
            }
        )
        assert project.after["tests/conftest.py"] == conftest.replace("SPEECHMATICS", "ASSEMBLYAI")
        assert project.changed == ["client.py", "settings.py", "tests/conftest.py"]

    def test_a_setting_that_nothing_uses_any_more_goes_with_its_import(self, migrate: Migrate) -> None:
        client = CLIENT.replace('"enable_partials": True', '"enable_partials": True, "max_delay": MAX_DELAY')
        client = client.replace("import API_KEY, LANGUAGE", "import API_KEY, LANGUAGE, MAX_DELAY")
        project = migrate({"client.py": client, "settings.py": SETTINGS + "MAX_DELAY = 2.0\n"})
        assert "MAX_DELAY" not in project.after["settings.py"]
        assert "MAX_DELAY" not in project.after["client.py"]

    def test_a_setting_that_another_file_uses_stays(self, migrate: Migrate) -> None:
        client = CLIENT.replace('"enable_partials": True', '"enable_partials": True, "max_delay": MAX_DELAY')
        client = client.replace("import API_KEY, LANGUAGE", "import API_KEY, LANGUAGE, MAX_DELAY")
        other = "from settings import MAX_DELAY\n\nprint(MAX_DELAY)\n"
        project = migrate(
            {"client.py": client, "settings.py": SETTINGS + "MAX_DELAY = 2.0\n", "other.py": other}
        )
        assert "MAX_DELAY = 2.0\n" in project.after["settings.py"]
        assert "MAX_DELAY" not in project.after["client.py"]

    def test_the_file_that_connects_need_not_mention_the_service_itself(self, migrate: Migrate) -> None:
        protocol = CLIENT.split("def main")[0].replace(
            "import API_KEY, LANGUAGE, SAMPLE_RATE, URL", "import LANGUAGE, SAMPLE_RATE"
        )
        client = (
            "import websocket\n\nfrom protocol import on_message, on_open\nfrom settings import API_KEY, URL\n\n\ndef main"
            + CLIENT.split("def main")[1].replace('f"Bearer {API_KEY}"', '"Bearer " + API_KEY')
        )
        project = migrate({"client.py": client, "protocol.py": protocol, "settings.py": SETTINGS})
        assert set(project.statuses.values()) == {"native"}, project.reasons()
        assert '{"Authorization": API_KEY}' in project.after["client.py"]

    def test_line_ends_marks_and_encodings_of_each_file_stay(self, migrate: Migrate) -> None:
        settings = "\ufeff" + SETTINGS.replace("\n", "\r\n").removesuffix("\r\n")
        project = migrate({"client.py": CLIENT, "settings.py": settings})
        after = project.after["settings.py"]
        assert after.startswith("\ufeffimport os\r\n")
        assert after.endswith('LANGUAGE = "en"\r\nSAMPLE_RATE = 16000')
        assert after.count("\n") == after.count("\r\n") == 5
        assert "\r" not in project.after["client.py"]


class TestDropInTogether:
    def test_only_the_import_of_the_file_that_connects_changes(self, migrate: Migrate) -> None:
        project = migrate({"client.py": CLIENT, "settings.py": SETTINGS}, to="shim")
        assert project.after == {
            "client.py": CLIENT.replace("import websocket\n", "from shim import websocket\n"),
            "settings.py": SETTINGS,
        }
        assert project.statuses == {"client.py": "shim", "settings.py": "unchanged"}
        settings = project["settings.py"]
        assert (settings.unit, settings.touch_points, settings.touch_points_left) == ("client.py", 2, 0)

    def test_a_second_run_has_nothing_to_say(self, migrate: Migrate) -> None:
        again = migrate({"client.py": CLIENT, "settings.py": SETTINGS, "tests/test_client.py": TEST}).again()
        assert set(again.statuses.values()) == {"unchanged"}
        assert not any(result.findings or result.touch_points for result in again.results.values())

    def test_the_variable_of_the_key_is_named_once(self, migrate: Migrate) -> None:
        conftest = 'import os\n\nos.environ["SPEECHMATICS_API_KEY"] = "key"\n'
        files = {
            "client.py": CLIENT,
            "settings.py": SETTINGS,
            "tests/conftest.py": conftest,
            "tests/test_a.py": TEST,
        }
        project = migrate(files)
        assert project.changed == ["client.py"]
        [(path, line, message)] = project.reasons("authorization")
        assert (path, line) == ("settings.py", 4)
        assert "ASSEMBLYAI_API_KEY" in message

    @pytest.mark.parametrize(
        ("test", "line", "words"),
        [
            (TEST, 7, "AddTranscript"),
            (
                "from unittest import mock\n\nimport client\n\n\ndef test_it():\n"
                "    with mock.patch('client.websocket.WebSocketApp') as app:\n        client.main()\n    assert app.called\n",
                7,
                "in the place of the connection",
            ),
            (
                "import client\n\n\ndef test_it(monkeypatch):\n    monkeypatch.setattr(client.websocket, 'WebSocketApp', print)\n",
                5,
                "in the place of the connection",
            ),
        ],
        ids=["feeds frames", "patches by name", "patches the attribute"],
    )
    def test_a_test_of_the_protocol_prevents_the_rewrite_and_is_named(
        self, migrate: Migrate, test: str, line: int, words: str
    ) -> None:
        project = migrate({"client.py": CLIENT, "settings.py": SETTINGS, "tests/test_client.py": test})
        assert project.changed == ["client.py"]
        [(path, found, message)] = project.reasons()
        assert (path, found) == ("tests/test_client.py", line)
        assert words in message

    @pytest.mark.parametrize(
        "other",
        [
            "import requests\nfrom settings import URL\n\nrequests.get(URL)\n",
            "from settings import API_KEY\n\nbatch = {'Authorization': 'Bearer ' + API_KEY}\n",
            "import settings\n\nFORWARDED = settings.URL\n",
        ],
    )
    def test_an_address_or_key_that_other_code_uses_stays(self, migrate: Migrate, other: str) -> None:
        files = {"client.py": CLIENT, "settings.py": SETTINGS, "other.py": other}
        project = migrate(files)
        assert project.after == files | {
            "client.py": CLIENT.replace("import websocket\n", "from shim import websocket\n")
        }
        assert [path for path, _, _ in project.reasons()] == ["other.py"]

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (
                'URL = "wss://eu2.rt.speechmatics.com/v2"',
                'URL = os.getenv("STT_URL", "wss://eu2.rt.speechmatics.com/v2")',
            ),
            ('LANGUAGE = "en"', 'LANGUAGE = os.environ["STT_LANGUAGE"]'),
            ('LANGUAGE = "en"', 'LANGUAGE = os.environ.get("STT_LANGUAGE", "cmn")'),
            ('LANGUAGE = "en"', 'LANGUAGE = "en"\nif os.name == "nt":\n    LANGUAGE = "de"'),
        ],
    )
    def test_a_value_that_is_only_known_at_run_time_is_the_drop_ins(
        self, migrate: Migrate, old: str, new: str
    ) -> None:
        settings = SETTINGS.replace(old, new)
        project = migrate({"client.py": CLIENT, "settings.py": settings})
        assert project.changed == ["client.py"]
        assert any(
            "only known at run time" in message or "may set the language" in message
            for _, _, message in project.reasons()
        )

    def test_a_setting_that_another_file_changes_is_not_known(self, migrate: Migrate) -> None:
        main = 'import client\nimport settings\n\nsettings.LANGUAGE = "de"\nclient.main()\n'
        project = migrate({"client.py": CLIENT, "settings.py": SETTINGS, "main.py": main})
        assert project.changed == ["client.py"]

    def test_a_message_that_another_file_asks_for_prevents_the_rewrite(self, migrate: Migrate) -> None:
        client = CLIENT.replace("    event = json.loads(message)\n", "    event = parsed(message)\n").replace(
            "def on_message", "def parsed(message):\n    return json.loads(message)\n\n\ndef on_message"
        )
        other = "from client import parsed\n\nprint(parsed(open('recorded.json').read())['message'])\n"
        alone = migrate({"client.py": client, "settings.py": SETTINGS})
        assert alone["client.py"].status == "native", alone.reasons()
        project = migrate({"client.py": client, "settings.py": SETTINGS, "other.py": other})
        assert project.changed == ["client.py"]
        assert project["client.py"].status == "shim"

    def test_settings_that_are_no_python_are_an_error_and_the_client_gets_the_drop_in(
        self, migrate: Migrate
    ) -> None:
        project = migrate({"client.py": CLIENT, "settings.py": SETTINGS + "def broken(:\n"})
        assert project.statuses == {"client.py": "shim", "settings.py": "error"}
        assert project["settings.py"].error.startswith("line 7, column")

    def test_with_to_native_everything_stays_and_is_named(self, migrate: Migrate) -> None:
        files = {"client.py": CLIENT, "settings.py": SETTINGS, "tests/test_client.py": TEST}
        project = migrate(files, to="native")
        assert project.after == files
        assert set(project.statuses.values()) == {"manual"}
        assert all(result.touch_points_left == result.touch_points for result in project.results.values())
        assert "belongs to the connection in client.py" in project["settings.py"].findings[0].message

    def test_the_drop_in_can_be_rewritten_later(self, migrate: Migrate) -> None:
        files = {"client.py": CLIENT, "settings.py": SETTINGS}
        dropped_in = migrate(files, to="shim").after
        assert migrate(dropped_in, to="native").after == migrate(files).after

    def test_a_program_that_keeps_the_drop_in_keeps_all_its_files(self, migrate: Migrate) -> None:
        dropped_in = migrate(
            {"client.py": CLIENT, "settings.py": SETTINGS, "tests/test_client.py": TEST}
        ).after
        assert migrate(dropped_in, to="native").after == dropped_in

    def test_doubles_work_as_before(self, migrate: Migrate, tmp_path: Path) -> None:
        test = (
            "from unittest import mock\n\nimport client\n\n"
            "with mock.patch('client.websocket.WebSocketApp') as app:\n    client.main()\n"
            "assert app.call_args.kwargs['header'] == {'Authorization': 'Bearer key'}\nprint('passed')\n"
        )
        client = CLIENT.replace("import pyaudio\n", "")
        project = migrate({"client.py": client, "settings.py": SETTINGS, "tests/test_client.py": test})
        assert project.changed == ["client.py"]
        for path, text in project.after.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text)
        ran = subprocess.run(
            [sys.executable, "tests/test_client.py"],
            cwd=tmp_path,
            env={
                "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[3]}",
                "SPEECHMATICS_API_KEY": "key",
                "ASSEMBLYAI_API_KEY": "other key",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.stdout == "passed\n", ran.stderr


class TestWhatStays:
    DEEPGRAM = """\
import json

import websocket

from settings import DEEPGRAM_URL, LANGUAGE


def transcribe(audio):
    ws = websocket.create_connection(f"{DEEPGRAM_URL}?language={LANGUAGE}", header=["Authorization: Token key"])
    ws.send_binary(audio)
    return json.loads(ws.recv())["channel"]["alternatives"][0]["transcript"]
"""

    @pytest.mark.parametrize("to", ["auto", "shim"])
    def test_another_vendor_that_shares_the_settings(self, migrate: Migrate, to: str) -> None:
        settings = SETTINGS + 'DEEPGRAM_URL = "wss://api.deepgram.com/v1/listen"\n'
        files = {"client.py": CLIENT, "settings.py": settings, "deepgram_client.py": self.DEEPGRAM}
        project = migrate(files, to=to)
        assert "deepgram_client.py" not in project.changed
        assert "client.py" in project.changed
        assert 'DEEPGRAM_URL = "wss://api.deepgram.com/v1/listen"\n' in project.after["settings.py"]

    def test_variables_of_the_same_names(self, migrate: Migrate) -> None:
        other = 'URL = "https://example.org"\nAPI_KEY = "other"\nprint(URL, API_KEY)\n'
        project = migrate(
            {"client.py": CLIENT, "settings.py": SETTINGS, "other.py": other, "lib/settings.py": other}
        )
        assert project.changed == ["client.py", "settings.py"]

    def test_the_client_of_an_own_server(self, migrate: Migrate) -> None:
        page = """\
import json

import websocket

import client


def play(url):
    ws = websocket.create_connection(url)
    while message := json.loads(ws.recv()):
        if message["message"] == "AddTranscript":
            print(message["metadata"]["transcript"])


play(f"ws://127.0.0.1:{client.PORT}/listen")
"""
        project = migrate({"client.py": CLIENT + "PORT = 8000\n", "settings.py": SETTINGS, "page.py": page})
        assert "page.py" not in project.changed
        assert "client.py" in project.changed

    def test_settings_that_no_connection_uses_are_named(self, migrate: Migrate) -> None:
        project = migrate(
            {
                "client.py": CLIENT.replace("from settings", "from options"),
                "options.py": SETTINGS,
                "old.py": SETTINGS,
            }
        )
        assert project["old.py"].status == "manual"
        assert project.changed == ["client.py", "options.py"]

    def test_nothing_happens_without_a_connection(self, migrate: Migrate) -> None:
        project = migrate({"settings.py": SETTINGS, "main.py": "import settings\n"})
        assert project.statuses == {"settings.py": "manual"}


class TestSettingsThatAThirdFileBringsTogetherWithTheClient:
    CLIENT = (
        CLIENT.replace("from settings import API_KEY, LANGUAGE, SAMPLE_RATE, URL\n", "SAMPLE_RATE = 16000\n")
        .replace("def main():", "def main(URL, API_KEY):")
        .replace("LANGUAGE", '"en"')
        .replace('\n\nif __name__ == "__main__":\n    main()\n', "\n")
    )

    def test_are_followed_through_the_only_call(self, migrate: Migrate) -> None:
        main = "import settings\nfrom client import main\n\nmain(settings.URL, settings.API_KEY)\n"
        project = migrate({"client.py": self.CLIENT, "settings.py": SETTINGS, "run.py": main})
        assert project.statuses == {"client.py": "native", "settings.py": "native"}
        assert 'URL = "wss://streaming.eu.assemblyai.com/v3/ws"' in project.after["settings.py"]
        assert 'f"{URL}?{urlencode(connection_params)}"' in project.after["client.py"]

    def test_stay_where_the_call_may_give_something_else(self, migrate: Migrate) -> None:
        main = (
            "import sys\n\nimport settings\nfrom client import main\n\n"
            "main(sys.argv[1] if sys.argv[1:] else settings.URL, settings.API_KEY)\n"
        )
        project = migrate({"client.py": self.CLIENT, "settings.py": SETTINGS, "run.py": main})
        assert project.changed == ["client.py"]
        assert (project["settings.py"].unit, project["settings.py"].touch_points_left) == ("client.py", 0)


def test_every_touch_point_is_accounted_for(migrate: Migrate) -> None:
    files = {"client.py": CLIENT, "settings.py": SETTINGS, "tests/test_client.py": TEST, "old.py": SETTINGS}
    project = migrate(files)
    alone = {path: migrate({path: text})[path].touch_points for path, text in files.items()}
    assert {path: result.touch_points for path, result in project.results.items()} == alone
    assert sum(result.touch_points_left for result in project.results.values()) == alone["old.py"]


def test_a_test_that_names_the_sdk_only_in_its_patches_follows_the_program(migrate: Migrate) -> None:
    program = "import speechmatics.client\n\n\ndef make(settings):\n    return speechmatics.client.WebsocketClient(settings)\n"
    patches = (
        "from unittest import mock\n\nimport captions\n\n\n"
        'def test_it():\n    with mock.patch("{}speechmatics.client.WebsocketClient") as made:\n'
        "        assert captions.make(None) is made()\n"
    )
    project = migrate({"captions.py": program, "tests/test_captions.py": patches.format("")})
    assert project.after["captions.py"] == program.replace(
        "import speechmatics.client", "import shim.speechmatics as speechmatics"
    )
    assert project.after["tests/test_captions.py"] == patches.format("shim.")


def test_what_belongs_to_a_program_that_stays_with_the_sdk_stays_too(migrate: Migrate) -> None:
    program = (
        "from speechmatics.rt import AsyncClient, SomethingNew\n\nfrom configuration import CONFIG\n\n\n"
        "async def hear(sound):\n    async with AsyncClient() as client:\n"
        "        await client.transcribe(sound, transcription_config=CONFIG, extra=SomethingNew())\n"
    )
    configuration = (
        'from speechmatics.rt import TranscriptionConfig\n\nCONFIG = TranscriptionConfig(language="en")\n'
    )
    project = migrate({"program.py": program, "configuration.py": configuration})
    assert project.after == {"program.py": program, "configuration.py": configuration}
    assert project.statuses == {"program.py": "manual", "configuration.py": "manual"}
    [finding] = project["configuration.py"].findings
    assert "program.py belongs to it and has to stay with the SDK" in finding.message


def test_a_file_whose_part_cannot_be_rewritten_is_named_beside_the_marks(migrate: Migrate) -> None:
    url = 'URL = os.environ.get("SPEECHMATICS_URL", "wss://eu2.rt.speechmatics.com/v2")\n'
    settings = SETTINGS.replace('URL = "wss://eu2.rt.speechmatics.com/v2"', "from address import URL")
    files = {"client.py": CLIENT, "settings.py": settings, "address.py": "import os\n\n" + url}
    result = migrate(files, to="native", partial=True)["address.py"]
    assert (result.status, result.touch_points_left) == ("manual", 2)
    assert [(f.line, f.message) for f in result.findings] == [
        (3, "belongs to the connection in client.py, which is left to you")
    ]
