"""Address, configuration, counters and the end of a session."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Text = Callable[..., str]


@pytest.mark.parametrize(
    ("constants", "url"),
    [
        ("LIMIT = 1", '"wss://us.rt.speechmatics.com/v2/en"'),
        ('LIMIT = 1\nHOST = "us.rt.speechmatics.com"', 'f"wss://{HOST}/v2"'),
        ('LIMIT = 1\nBASE = "wss://us.rt.speechmatics.com"', 'BASE + "/v2"'),
        ('LIMIT = 1\nLANG = os.environ["LANG"]', 'f"wss://us.rt.speechmatics.com/v2/{LANG}"'),
        ("LIMIT = 1", '"wss://{}.rt.speechmatics.com/v2".format("us")'),
        ("LIMIT = 1", '"wss://us.rt.speechmatics.com/v2?sm-app=demo"'),
    ],
)
def test_an_address_becomes_the_one_of_the_same_region(rewritten: Text, constants: str, url: str) -> None:
    after = rewritten(constants=constants, url=url)
    assert 'WebSocketApp(f"wss://streaming.us.assemblyai.com/v3/ws?{urlencode(connection_params)}",' in after
    assert "speechmatics.com" not in after


@pytest.mark.parametrize(
    "url",
    [
        "URL",
        'os.environ["URL"]',
        'f"wss://{HOST}/v2"',
        '"wss://" + HOST',
        "settings.url",
        '"wss://rt.example.com/v2"',
    ],
)
def test_an_address_that_is_not_known_prevents_the_rewrite(refused: Text, url: str) -> None:
    assert refused(constants="from other import HOST, URL, settings\nLIMIT = 1", url=url)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (', "diarization": "speaker"', '"speaker_labels": "true",'),
        (
            ', "additional_vocab": ["Kafka", {"content": "Gödel"}]',
            '"keyterms_prompt": \'["Kafka","Gödel"]\',',
        ),
        (', "conversation_config": {"end_of_utterance_silence_trigger": 0.7}', '"max_turn_silence": "700",'),
        (', "domain": "medical"', '"domain": "medical-v1",'),
    ],
)
def test_settings_become_parameters(rewritten: Text, config: str, expected: str) -> None:
    assert f"        {expected}\n" in rewritten(config=config)


@pytest.mark.parametrize(
    "config",
    [
        ', "output_locale": "en-GB"',
        ', "output_locale": input()',
        ', "max_delay": 1',
        ', "enable_entities": True',
        ', "punctuation_overrides": {"permitted_marks": ["."]}',
        ', "transcript_filtering_config": {"replacements": json.loads(input())}',
    ],
)
def test_settings_that_are_lost_are_named(migrate: Callable[..., object], config: str) -> None:
    result = migrate(config=config)
    assert result.status == "native"  # type: ignore[attr-defined]
    assert any(f.rule == "connection-parameters" for f in result.findings)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "config", [', "diarization": "channel"', ', "nonsense": 1', ', "additional_vocab": WORDS', ", **WORDS"]
)
def test_settings_that_cannot_be_kept_prevent_the_rewrite(refused: Text, config: str) -> None:
    assert refused(constants="from other import WORDS\nLIMIT = 1", config=config)


COUNTING = (
    "global sent\nstream = pyaudio.PyAudio().open(format=pyaudio.paInt16, channels=1, rate=16000, input=True)\n"
    "while LIMIT:\n    ws.send(stream.read(1600), opcode=2)\n    sent += 1"
)
END = 'ws.send(json.dumps({"message": "EndOfStream", "last_seq_no": sent}))\ndone.wait(10)'


def test_a_counter_that_only_fed_last_seq_no_goes(rewritten: Text) -> None:
    assert "sent" not in rewritten(constants="LIMIT = 1\nsent = 0", capture=COUNTING, end=END)


def test_a_counter_that_is_shown_stays(rewritten: Text) -> None:
    after = rewritten(constants="LIMIT = 1\nsent = 0", capture=COUNTING, end=END + "\nprint(sent)")
    assert "    global sent\n" in after
    assert "        sent += 1\n" in after
    assert "last_seq_no" not in after


SENT = 'ws.send(json.dumps({"message": "EndOfStream", "last_seq_no": 0}))'


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (f"{SENT}\ntime.sleep(1)\nws.close()", "terminated.wait(timeout=5)\n    ws.close()"),
        (
            f'{SENT}\nprint("bye")\ntime.sleep(1)\nws.close()',
            'print("bye")\n    terminated.wait(timeout=5)\n    ws.close()',
        ),
        (f"{SENT}\nws.close()", "terminated.wait(timeout=5)\n    ws.close()"),
    ],
)
def test_nothing_closes_before_termination(rewritten: Text, end: str, expected: str) -> None:
    after = rewritten(end=end)
    assert f'    ws.send(json.dumps({{"type": "Terminate"}}))\n    {expected}' in after
    assert "terminated = threading.Event()  # AssemblyAI has sent everything\n" in after
    assert 'if kind == "Termination":\n        terminated.set()\n' in after


@pytest.mark.parametrize("end", [f"{SENT}\ndone.wait(10)\nws.close()", SENT])
def test_a_program_that_waits_by_itself_gets_no_second_event(rewritten: Text, end: str) -> None:
    assert "terminated" not in rewritten(end=end)


def test_an_event_that_serves_several_sessions_is_cleared(rewritten: Text) -> None:
    after = rewritten(end=f"{SENT}\nws.close()\n\ndef again():\n    main()".replace("\n\ndef", "\ndef"))
    assert "    terminated.clear()\n" in after


@pytest.mark.parametrize(
    "places",
    [
        {"run": "reconnect=5"},
        {"more": ", on_data=print"},
        {"constants": "from other import keep\nLIMIT = 1", "end": f"keep(ws)\n{SENT}"},
        {"end": f'ws.send(json.dumps({{"message": "SetRecognitionConfig"}}))\n{SENT}'},
        {"end": f"ws.send(LIMIT)\n{SENT}"},
        {"end": "ws.close()"},
        {"constants": "LIMIT = 1\ntext = websocket.create_connection('wss://eu.rt.speechmatics.com/v2')"},
    ],
)
def test_a_connection_that_is_used_out_of_sight_prevents_the_rewrite(
    refused: Text, places: dict[str, str]
) -> None:
    assert refused(**places)


def test_imports_are_sorted_in_and_unused_ones_go(rewritten: Text) -> None:
    after = rewritten(end=f"{SENT}\ntime.sleep(1)\nws.close()")
    assert after.startswith(
        "import json\nimport os\nimport threading\nfrom urllib.parse import urlencode\n\nimport pyaudio\nimport websocket\n"
    )


def test_an_import_that_was_unused_before_stays(rewritten: Text) -> None:
    assert "import time\n" in rewritten()


def test_a_name_that_means_something_else_prevents_the_rewrite(refused: Text) -> None:
    assert "urlencode" in refused(constants="LIMIT = 1\nurlencode = None")


def test_comments_stay_true(rewritten: Text) -> None:
    after = rewritten(
        constants='LIMIT = 1  # wait for RecognitionStarted\nprint("Connected to Speechmatics")  # see speechmatics-notes.md\n'
    )
    assert "LIMIT = 1  # wait for Begin\n" in after
    assert 'print("Connected to AssemblyAI")  # see speechmatics-notes.md\n' in after
