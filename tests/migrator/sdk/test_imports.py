"""The drop-ins of the SDKs: which imports change, and how."""

from __future__ import annotations

import pytest

from migrator.dialects import sdk_names
from migrator.engine import migrate_source
from migrator.options import Options
from migrator.result import FileResult

USE = "client = {}WebsocketClient(None)\n"
DOTTED = USE.format("speechmatics.client.")


def migrate(text: str, **options: object) -> FileResult:
    return migrate_source("app.py", text.encode(), Options(**options))  # type: ignore[arg-type]


def both(before: str, after: str, rest: str = "") -> object:
    return pytest.param(before, after, rest, id=before.replace("\n", "; "))


@pytest.mark.parametrize(
    ("before", "after", "rest"),
    [
        both("import speechmatics", "import shim.speechmatics as speechmatics", DOTTED),
        both("import speechmatics as sm", "import shim.speechmatics as sm", USE.format("sm.client.")),
        both("import speechmatics.client", "import shim.speechmatics as speechmatics", DOTTED),
        both("import speechmatics.client as c", "import shim.speechmatics.client as c", USE.format("c.")),
        both(
            "import speechmatics.client\nimport speechmatics.models",
            "import shim.speechmatics as speechmatics",
            DOTTED + "kinds = speechmatics.models.ServerMessageType\n",
        ),
        both("import json, speechmatics", "import json\nimport shim.speechmatics as speechmatics", DOTTED),
        both(
            "import speechmatics as sm, json as j",
            "import json as j\nimport shim.speechmatics as sm",
            USE.format("sm."),
        ),
        both("import os; import speechmatics", "import os; import shim.speechmatics as speechmatics", DOTTED),
        both(
            "from speechmatics.client import WebsocketClient",
            "from shim.speechmatics.client import WebsocketClient",
            USE.format(""),
        ),
        both(
            "from speechmatics.models import (\n    ServerMessageType,  # what it says\n    TranscriptionConfig,\n)",
            "from shim.speechmatics.models import (\n    ServerMessageType,  # what it says\n    TranscriptionConfig,\n)",
        ),
        both(
            "from speechmatics import client", "from shim.speechmatics import client", USE.format("client.")
        ),
        both(
            "from speechmatics import WebsocketClient as W",
            "from shim.speechmatics import WebsocketClient as W",
        ),
        both(
            "from speechmatics.models import *",
            "from shim.speechmatics.models import *",
            "print(ServerMessageType.AddTranscript, __file__)\n",
        ),
        both(
            "def f():\n\tfrom speechmatics.models import TranscriptionConfig",
            "def f():\n\tfrom shim.speechmatics.models import TranscriptionConfig",
        ),
        both(
            "try:\n    import speechmatics\nexcept ImportError:\n    speechmatics = None",
            "try:\n    import shim.speechmatics as speechmatics\nexcept ImportError:\n    speechmatics = None",
            DOTTED,
        ),
        both(
            "import importlib\nsm = importlib.import_module('speechmatics')",
            "import importlib\nsm = importlib.import_module('shim.speechmatics')",
            USE.format("sm.client."),
        ),
        both(
            'from importlib import import_module\nclient = import_module("speechmatics.client").WebsocketClient',
            'from importlib import import_module\nclient = import_module("shim.speechmatics.client").WebsocketClient',
        ),
        both(
            "from unittest import mock\nfake = mock.patch('speechmatics.client.WebsocketClient')",
            "from unittest import mock\nfake = mock.patch('shim.speechmatics.client.WebsocketClient')",
        ),
        both(
            'import sys\nsys.modules["speechmatics.models"] = None',
            'import sys\nsys.modules["shim.speechmatics.models"] = None',
        ),
        both(
            "def test(monkeypatch, fake):\n    import sys\n    monkeypatch.setitem(sys.modules, 'speechmatics', fake)",
            "def test(monkeypatch, fake):\n    import sys\n    monkeypatch.setitem(sys.modules, 'shim.speechmatics', fake)",
        ),
    ],
)
def test_the_imports_of_speechmatics_python_become_those_of_the_drop_in(
    before: str, after: str, rest: str
) -> None:
    result = migrate(f"{before}\n{rest}", to="shim")
    assert result.after.decode() == f"{after}\n{rest}"
    assert (result.status, result.touch_points_left) == ("shim", 0)
    again = migrate_source("app.py", result.after, Options(to="shim"))
    assert (again.after, again.findings) == (result.after, ())


@pytest.mark.parametrize(
    ("before", "after", "rest"),
    [
        both(
            "from speechmatics.rt import AsyncClient, ServerMessageType",
            "from shim.speechmatics.rt import AsyncClient, ServerMessageType",
        ),
        both(
            "import speechmatics.rt as rt", "import shim.speechmatics.rt as rt", "client = rt.AsyncClient()\n"
        ),
        both(
            "from speechmatics import rt", "from shim.speechmatics import rt", "client = rt.AsyncClient()\n"
        ),
        both(
            "async def test(mocker):\n    mocker.patch('speechmatics.rt.AsyncClient')",
            "async def test(mocker):\n    mocker.patch('shim.speechmatics.rt.AsyncClient')",
        ),
    ],
)
def test_the_imports_of_speechmatics_rt_become_those_of_the_drop_in(
    before: str, after: str, rest: str
) -> None:
    result = migrate(f"{before}\n{rest}", to="shim")
    assert result.after.decode() == f"{after}\n{rest}"
    assert (result.status, result.touch_points_left) == ("shim", 0)


BATCH = """\
from speechmatics.batch_client import BatchClient
from speechmatics.client import WebsocketClient
from speechmatics.models import BatchTranscriptionConfig, ConnectionSettings, TranscriptionConfig

"""


def test_batch_transcription_keeps_its_imports_beside_those_of_the_drop_in() -> None:
    text = "from speechmatics.batch_client import BatchClient\n" + (
        "from speechmatics.models import BatchTranscriptionConfig, ServerMessageType, TranscriptionConfig\n"
    )
    result = migrate(text)
    assert result.after.decode() == (
        "from speechmatics.batch_client import BatchClient\n"
        "from speechmatics.models import BatchTranscriptionConfig\n"
        "from shim.speechmatics.models import ServerMessageType, TranscriptionConfig\n"
    )
    assert any("batch transcription" in finding.message for finding in result.findings)
    assert result.touch_points_left == 2


def test_a_name_of_both_clients_goes_to_the_one_that_gets_it() -> None:
    live = "settings = ConnectionSettings('wss://eu2.rt.speechmatics.com/v2')\nclient = WebsocketClient(settings)\n"
    result = migrate(BATCH + live)
    assert (
        "from speechmatics.models import BatchTranscriptionConfig\n"
        "from shim.speechmatics.models import ConnectionSettings, TranscriptionConfig\n"
    ) in result.after.decode()
    batch = (
        "with BatchClient(ConnectionSettings('https://asr.api.speechmatics.com/v2')) as client:\n    pass\n"
    )
    result = migrate(BATCH + batch + "live = WebsocketClient('key')\n")
    assert (
        "from speechmatics.models import BatchTranscriptionConfig, ConnectionSettings\n"
        "from shim.speechmatics.models import TranscriptionConfig\n"
    ) in result.after.decode()


@pytest.mark.parametrize(
    "rest",
    [
        "settings = ConnectionSettings(url)\nBatchClient(settings)\nWebsocketClient(settings)\n",
        "settings = make(ConnectionSettings)\nWebsocketClient(settings)\n",
        "BatchClient(ConnectionSettings(one))\nWebsocketClient(ConnectionSettings(two))\n",
    ],
)
def test_a_name_that_may_serve_both_clients_keeps_every_import(rest: str) -> None:
    result = migrate(BATCH + rest)
    assert (result.status, result.after.decode()) == ("manual", BATCH + rest)
    assert any("batch transcription" in finding.message for finding in result.findings)


def test_dotted_names_of_both_clients_are_told_apart_one_by_one() -> None:
    result = migrate(
        "import speechmatics\nimport speechmatics.batch_client\n"
        "live = speechmatics.client.WebsocketClient('key')\n"
        "batch = speechmatics.batch_client.BatchClient('key')\n"
        "settings = speechmatics.models.ConnectionSettings('https://asr.api.speechmatics.com')\n"
        "speechmatics.batch_client.BatchClient(settings)\n"
    )
    assert result.after.decode() == (
        "import speechmatics\nimport shim.speechmatics\nimport speechmatics.batch_client\n"
        "live = shim.speechmatics.client.WebsocketClient('key')\n"
        "batch = speechmatics.batch_client.BatchClient('key')\n"
        "settings = speechmatics.models.ConnectionSettings('https://asr.api.speechmatics.com')\n"
        "speechmatics.batch_client.BatchClient(settings)\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "from speechmatics.batch_client import BatchClient\nfrom speechmatics.models import ConnectionSettings\n",
        "import speechmatics.batch_client\nclient = speechmatics.batch_client.BatchClient('key')\n",
        "from speechmatics.models import BatchTranscriptionConfig\n",
        "from speechmatics.batch import AsyncClient\n",
        "from speechmatics.tts import AsyncClient\n",
        "from speechmatics.flow import FlowClient\n",
        "from speechmatics.voice import VoiceAgentClient\nfrom speechmatics.rt import Microphone\n",
        "from .speechmatics import WebsocketClient\nfrom .speechmatics.models import TranscriptionConfig\n",
        "from myapp.speechmatics.client import WebsocketClient\n",
        "PROVIDERS = {'speechmatics': 'a', 'speechmatics.client': 'b'}\n",
        "def test(mocker):\n    mocker.patch('speechmatics.batch_client.BatchClient')\n",
    ],
)
def test_what_is_no_real_time_client_stays(text: str) -> None:
    result = migrate(text)
    assert (result.status in ("manual", "unchanged"), result.after.decode()) == (True, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("from speechmatics.client import WebsocketClient, Nonsense\n", "no speechmatics.client.Nonsense"),
        (
            "import speechmatics\nspeechmatics.client.WebsocketClient(0)\nspeechmatics.nonsense()\n",
            "no speechmatics.nonsense",
        ),
        (
            "from speechmatics.models import *\nprint(ServerMessageType, nonsense)\n",
            "no speechmatics.models.nonsense",
        ),
        (
            "from speechmatics.client import WebsocketClient\n"
            "def test(mocker):\n    mocker.patch('speechmatics.client.nonsense')\n",
            "no speechmatics.client.nonsense",
        ),
    ],
)
def test_a_name_that_the_drop_in_does_not_have_keeps_the_whole_file(text: str, words: str) -> None:
    result = migrate(text)
    assert (result.status, result.after.decode()) == ("manual", text)
    assert any(words in f.message and "shim run app.py" in f.message for f in result.findings)
    assert result.touch_points_left == result.touch_points


def test_a_project_with_a_module_shim_is_left_to_shim_run() -> None:
    text = f"import speechmatics\n{DOTTED}"
    result = migrate(text, shadowed_by="src/shim.py")
    assert (result.status, result.after.decode()) == ("manual", text)
    assert any("src/shim.py" in f.message and "shim run app.py" in f.message for f in result.findings)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends_mark_and_encoding_stay(newline: str) -> None:
    lines = ["# -*- coding: utf-8 -*-", "import json, speechmatics", "name = 'Müller'", DOTTED.strip(), ""]
    text = b"\xef\xbb\xbf" + newline.join(lines).encode()
    result = migrate_source("app.py", text, Options(to="shim"))
    lines[1:2] = ["import json", "import shim.speechmatics as speechmatics"]
    assert result.after == b"\xef\xbb\xbf" + newline.join(lines).encode()


def test_to_native_brings_back_the_imports_of_the_sdk_only_for_a_rewrite() -> None:
    text = "import shim.speechmatics as speechmatics\nfrom shim.speechmatics.models import *\nspeechmatics.run()\n"
    result = migrate(text, to="native")
    assert result.after.decode() == text


def test_the_names_come_from_the_drop_in_itself() -> None:
    import shim.speechmatics
    import shim.speechmatics.client
    import shim.speechmatics.models

    for module in (shim.speechmatics, shim.speechmatics.client, shim.speechmatics.models):
        name = module.__name__.removeprefix("shim.")
        visible = {n for n in vars(module) if not (n.startswith("__") and n.endswith("__"))}
        found = {n for n in sdk_names.exports(name) if not (n.startswith("__") and n.endswith("__"))}
        below = {n for n in visible if sdk_names.is_module(f"{name}.{n}")}
        assert visible - below - {"annotations"} == found - below
        assert sdk_names.loaded(name) <= below
