"""Rewrite, drop-in, person, or nothing at all."""

from __future__ import annotations

from collections import Counter

import pytest

from migrator.analysis.scan import touch_points
from migrator.analysis.source import Source
from migrator.engine import migrate_source
from migrator.options import Options
from migrator.result import FileResult
from migrator.rules import CATALOGUE


def migrate(text: str, **options: object) -> FileResult:
    return migrate_source("app.py", text.encode(), Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "print('hello')\n",
        "import websocket\nws = websocket.create_connection('wss://api.deepgram.com/v1/listen')\n",
        "import websocket\n# once we used Speechmatics\n",
        '"""Replaces our old wss://eu2.rt.speechmatics.com client."""\nimport websocket\n',
        "from shim import websocket\nURL = 'wss://eu2.rt.speechmatics.com/v2'\n",
        "kind = 'Error'\nif kind == 'Warning':\n    pass\n",
    ],
)
def test_a_source_that_does_not_use_speechmatics_or_has_the_drop_in_stays(text: str) -> None:
    result = migrate(text)
    assert (result.status, result.after, result.edits, result.findings) == (
        "unchanged",
        text.encode(),
        (),
        (),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("from speechmatics.voice import VoiceAgentClient\n", "speechmatics-voice"),
        ("from speechmatics.batch import AsyncClient\n", "batch transcription"),
        ("from speechmatics.tts import AsyncClient\n", "text-to-speech"),
        ("from livekit.plugins import speechmatics\n", "LiveKit"),
        ("from pipecat.services.speechmatics.stt import SpeechmaticsSTTService\n", "Pipecat"),
        ("import aiohttp\nURL = 'wss://eu2.rt.speechmatics.com/v2'\n", "aiohttp"),
        ("import picows\nURL = 'wss://eu2.rt.speechmatics.com/v2'\n", "`shim serve`"),
        ("from speechmatics.voice import VoiceAgentClient\n", "`shim run`"),
        ("from speechmatics.agent_stt import AsyncClient\n", "/v2/agent"),
        (
            "import requests\nrequests.post('https://asr.api.speechmatics.com/v2/jobs')\n",
            "batch transcription",
        ),
        ("URL = 'wss://eu2.rt.speechmatics.com/v2'\n", "the address"),
        ("import os\nKEY = os.environ['SPEECHMATICS_API_KEY']\n", "the variable"),
    ],
)
def test_another_use_of_speechmatics_is_named_and_left_alone(text: str, words: str) -> None:
    result = migrate(text)
    assert (result.status, result.after) == ("manual", text.encode())
    assert any(words in finding.message for finding in result.findings), result.findings
    assert result.touch_points_left == result.touch_points > 0


def test_a_socket_of_another_library_is_named_where_it_is_opened() -> None:
    result = migrate(
        "import aiohttp\n\nURL = 'wss://eu2.rt.speechmatics.com/v2'\n\n"
        "async def main(session):\n    async with session.ws_connect(URL) as ws:\n        await ws.send_json({})\n"
    )
    assert [(finding.line, "`shim run`" in finding.message) for finding in result.findings] == [(6, True)]


def test_a_program_that_also_uses_an_sdk_keeps_the_sdk_and_gets_the_drop_in(legacy: str) -> None:
    result = migrate(legacy.replace("import pyaudio\n", "import pyaudio\nimport speechmatics.tts\n"))
    assert result.status == "shim"
    assert b"import speechmatics.tts\nfrom shim import websocket\n" in result.after
    assert result.touch_points_left == 1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import websocket", "from shim import websocket"),
        ("import websocket as ws", "from shim import websocket as ws"),
        ("from websocket import ABNF, WebSocketApp", "from shim.websocket import ABNF, WebSocketApp"),
        ("import json, websocket", "import json\nfrom shim import websocket"),
        ("import websocket._abnf", "from shim import websocket\nimport websocket._abnf"),
        (
            "from websocket._app import WebSocketApp",
            "from shim import websocket\nfrom websocket._app import WebSocketApp",
        ),
        ("def f():\n    import websocket", "def f():\n    from shim import websocket"),
        ("if 1: import websocket, json", "if 1: import json; from shim import websocket"),
        (
            "try:\n\timport websocket\nexcept ImportError:\n\traise",
            "try:\n\tfrom shim import websocket\nexcept ImportError:\n\traise",
        ),
    ],
)
def test_the_drop_in_changes_only_the_import(line: str, expected: str) -> None:
    rest = '\nURL = "wss://eu2.rt.speechmatics.com/v2"\n'
    result = migrate(line + rest, to="shim")
    assert result.after.decode() == expected + rest
    compile(result.after, "app.py", "exec")


def test_a_relative_module_of_the_same_name_is_not_the_library() -> None:
    text = (
        'from .websocket import connect\nfrom . import websocket\nURL = "wss://eu2.rt.speechmatics.com/v2"\n'
    )
    assert not migrate(text, to="shim").changed


def test_a_program_with_the_drop_in_can_be_rewritten_later(legacy: str, native: str) -> None:
    dropped_in = migrate(legacy, to="shim").after.decode()
    result = migrate(dropped_in, to="native")
    assert (result.status, result.after.decode()) == ("native", native)
    assert result.before.decode() == dropped_in
    assert any(edit.rule == "drop-in" for edit in result.edits)


def test_a_program_that_cannot_be_rewritten_keeps_the_drop_in(legacy: str) -> None:
    text = migrate(
        legacy.replace("eu2.rt.speechmatics.com", "asr.hospital.example"), to="shim"
    ).after.decode()
    result = migrate(text, to="native")
    assert (result.status, result.after.decode()) == ("manual", text)


def test_the_region_can_be_chosen(legacy: str) -> None:
    assert b"wss://streaming.us.assemblyai.com/v3/ws" in migrate(legacy, region="us").after


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("eu", "streaming.eu.assemblyai.com"),
        ("neu", "streaming.eu.assemblyai.com"),
        ("us", "streaming.us.assemblyai.com"),
        ("wus", "streaming.us.assemblyai.com"),
        ("global", "streaming.assemblyai.com"),
    ],
)
def test_the_region_follows_the_host(legacy: str, host: str, expected: str) -> None:
    result = migrate(legacy.replace("eu2.rt", f"{host}.rt"))
    assert f"wss://{expected}/v3/ws".encode() in result.after
    assert any("no data residency" in f.message for f in result.findings) is (host == "global")


@pytest.mark.parametrize(
    "url",
    [
        "wss://asr.hospital.example/v2",
        "ws://10.0.0.7:9000/v2",
        "wss://preview.rt.speechmatics.com/v2/agent/smart",
    ],
)
def test_a_host_that_nobody_chose_a_region_for_is_not_rewritten(legacy: str, url: str) -> None:
    result = migrate(legacy.replace("wss://eu2.rt.speechmatics.com/v2/en", url))
    assert result.status == "shim"
    assert url.encode() in result.after


def test_the_speech_model_can_be_chosen(legacy: str) -> None:
    assert b'"speech_model": "universal-3-5-pro",' in migrate(legacy, speech_model="universal-3-5-pro").after


def test_a_model_that_repeats_its_finals_is_left_to_the_drop_in(legacy: str) -> None:
    assert migrate(legacy, speech_model="universal-streaming-english").status == "shim"


def test_a_fault_of_a_rule_changes_nothing_and_is_reported(
    legacy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise TypeError("unexpected")

    monkeypatch.setattr("migrator.unit.native", fail)
    result = migrate(legacy)
    assert (result.status, result.after.decode()) == ("error", legacy)
    assert "please report" in result.error


def test_every_edit_and_finding_names_a_rule_of_the_catalogue(legacy: str) -> None:
    result = migrate(legacy)
    assert {edit.rule for edit in result.edits} | {
        finding.rule for finding in result.findings
    } <= CATALOGUE.keys()
    assert all(finding.docs == f"rules.md#{finding.rule}" for finding in result.findings)
    assert list(result.edits) == sorted(result.edits)
    assert list(result.findings) == sorted(result.findings)


def test_every_rule_explains_itself() -> None:
    for name, rule in CATALOGUE.items():
        assert rule.id == name
        assert rule.title
        assert "\n" not in rule.title
        assert rule.explanation


POINTS = {
    **dict.fromkeys(
        ["eu2.rt.speechmatics.com", "Bearer", "StartRecognition", "audio_format", "pcm_f32le"], 1
    ),
    **dict.fromkeys(
        ["transcription_config", "RecognitionStarted", "AddPartialTranscript", "AddTranscript"], 1
    ),
    **dict.fromkeys(["EndOfTranscript", "Error", "EndOfStream", "last_seq_no"], 1),
    "enable_partials": 3,
    "max_delay": 3,
    "metadata.transcript": 2,
}


def test_the_touch_points_are_counted_without_the_rules(legacy: str) -> None:
    found = Counter(point.text for point in touch_points(Source(legacy.encode())))
    assert migrate(legacy).touch_points == sum(found.values())
    assert found == POINTS


def test_a_mention_that_no_rule_takes_prevents_the_rewrite(legacy: str) -> None:
    result = migrate(legacy + '\nNAMES = ["AddTranscript"]\n')
    assert result.status == "shim"
    assert [f.line for f in result.findings if f.rule == "not-rewritten"] != []


def test_the_legacy_key_is_in_no_rewrite(legacy: str) -> None:
    result = migrate(legacy)
    assert b"YOUR-SPEECHMATICS-KEY" not in result.after
    assert any("withdraw" in finding.message for finding in result.findings)
    assert not any("YOUR-SPEECHMATICS-KEY" in finding.message for finding in result.findings)


DEEPGRAM = """
import json
import websocket

dg = websocket.create_connection("wss://api.deepgram.com/v1/listen", header=["Authorization: Bearer " + TOKEN])
event = json.loads(dg.recv())
if event["type"] == "Error":
    print(event["channel"]["alternatives"][0]["transcript"], event["metadata"]["request_id"], event["start_time"])
"""


def test_the_fields_of_another_vendor_are_no_touch_points(legacy: str) -> None:
    mine = legacy.replace("Bearer", "").replace('kind == "Error"', "kind == str()")
    before, after = (touch_points(Source(text.encode())) for text in (mine, mine + DEEPGRAM))
    assert [(point.line, point.text) for point in after] == [(point.line, point.text) for point in before]
    assert not touch_points(Source(DEEPGRAM.encode()))


def test_a_sequence_number_that_no_rule_takes_prevents_the_rewrite(legacy: str) -> None:
    result = migrate(legacy + '\nSPARE = {"last_seq_no": 7}\n')
    assert result.status == "shim"
    assert any("last_seq_no is used" in finding.message for finding in result.findings)


def test_a_project_with_a_shim_of_its_own_gets_no_drop_in(legacy: str) -> None:
    result = migrate(legacy, to="shim", shadowed_by="tools/shim.py")
    assert (result.status, result.after.decode()) == ("manual", legacy)
    [finding] = result.findings
    assert "tools/shim.py" in finding.message
    assert "`shim run app.py`" in finding.message
    assert result.touch_points_left == result.touch_points
    assert migrate(legacy, shadowed_by="tools/shim.py").status == "native"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            '"transcription_config": {',
            '"translation_config": {"target_languages": ["de"]},\n        "transcription_config": {',
            "does not translate",
        ),
        (
            '"transcription_config": {',
            '"transcription_config": {\n            "enable_entities": True,',
            "marks no entities",
        ),
        ("eu2.rt", "global.rt", "no data residency"),
        ('"language": "en"', '"language": "xx"', "no AssemblyAI model"),
    ],
)
def test_what_the_drop_in_cannot_keep_is_a_finding(legacy: str, old: str, new: str, words: str) -> None:
    assert old in legacy
    result = migrate(legacy.replace(old, new), to="shim")
    assert result.status == "shim"
    assert any(words in finding.message for finding in result.findings), result.findings


def test_a_program_that_loses_nothing_with_the_drop_in_has_only_its_later_finals_to_check(
    legacy: str,
) -> None:
    assert [finding.rule for finding in migrate(legacy, to="shim").findings] == ["finals-are-turns"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "import websocket\nfrom websocket._abnf import ABNF\nfrom websocket._utils import validate_utf8\n",
            "from shim import websocket\nfrom websocket._abnf import ABNF\nfrom websocket._utils import validate_utf8\n",
        ),
        (
            "from websocket._abnf import ABNF\nfrom websocket._core import create_connection\nimport websocket\n",
            "from shim import websocket\nfrom websocket._abnf import ABNF\n"
            "from websocket._core import create_connection\nfrom shim import websocket\n",
        ),
        (
            "try:\n    from websocket._abnf import ABNF\nexcept ImportError:\n    from websocket._utils import ABNF\nimport websocket\n",
            "try:\n    from shim import websocket\n    from websocket._abnf import ABNF\nexcept ImportError:\n"
            "    from shim import websocket\n    from websocket._utils import ABNF\nfrom shim import websocket\n",
        ),
    ],
    ids=["behind the module", "before it", "in blocks"],
)
def test_submodules_that_the_drop_in_does_not_have_are_imported_behind_one_redirection(
    before: str, after: str
) -> None:
    program = 'ws = websocket.create_connection("wss://eu2.rt.speechmatics.com/v2")\n'
    result = migrate_source("app.py", (before + program).encode(), Options(to="shim"))
    assert result.after.decode() == after + program
