"""Values in JSON and YAML files of the project: read as before where both services mean the same, never frozen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from migrator.engine import migrate_group
from migrator.grouping import grouped
from migrator.options import Options
from migrator.project import find
from migrator.result import FileResult
from tests.migrator.units.projects import CLIENT

HOST = "wss://eu2.rt.speechmatics.com/v2"
SETTINGS: dict[str, Any] = {
    "url": HOST,
    "speech": {"language": "en", "delay": 1.5, "partials": True, "point": "enhanced"},
    "rate": 16000,
}
LOADS = {
    "beside the program": 'CONFIG = json.load(open("config.json"))',
    "in a context": 'with open("config.json", encoding="utf-8") as file:\n    CONFIG = json.load(file)',
    "as text": 'CONFIG = json.loads(pathlib.Path("config.json").read_text())',
    "beside the source": 'CONFIG = json.loads((pathlib.Path(__file__).parent / "config.json").read_text())',
    "beside the source, resolved": (
        'CONFIG = json.loads(pathlib.Path(__file__).resolve().parents[0].joinpath("config.json").read_text())'
    ),
    "with os.path": (
        'PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "config.json")\n'
        "with open(PATH) as file:\n    CONFIG = json.load(file)"
    ),
    "in a function": (
        'def load(path):\n    with open(path) as file:\n        return json.load(file)\n\n\nCONFIG = load("config.json")'
    ),
}

Decide = Callable[..., FileResult]


@pytest.fixture
def decide(tmp_path: Path) -> Decide:
    """A function that puts a program and its file into a folder and migrates it."""

    def run(load: str, settings: Any = SETTINGS, name: str = "config.json", **values: str) -> FileResult:
        data = settings if isinstance(settings, str) else json.dumps(settings, indent=2)
        (tmp_path / name).write_text(data, encoding="utf-8")
        client = CLIENT.replace(
            "from settings import API_KEY, LANGUAGE, SAMPLE_RATE, URL\n",
            "import os\nimport pathlib\nimport yaml\n\n"
            + load
            + '\nAPI_KEY = os.environ["SPEECHMATICS_API_KEY"]\n',
        )
        client = client.replace('"language": LANGUAGE', f'"language": {values.get("language", repr("en"))}')
        client = client.replace("SAMPLE_RATE", values.get("rate", "16000"))
        client = client.replace("read(1600)", f"read({values.get('frames', '1600')})")
        client = client.replace("        URL,", f"        {values.get('url', repr(HOST))},")
        client = client.replace('"enable_partials": True', values.get("more", '"enable_partials": True'))
        (tmp_path / "client.py").write_text(client, encoding="utf-8")
        found = find([str(tmp_path)])
        [result] = [r for group in grouped(found.files) for r in migrate_group(group, Options())]
        return result

    return run


def reasons(result: FileResult, rule: str = "not-rewritten") -> list[str]:
    return [finding.message for finding in result.findings if finding.rule == rule]


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_the_language_is_read_from_the_file_as_before(decide: Decide, load: str) -> None:
    result = decide(load, language='CONFIG["speech"]["language"]')
    assert result.status == "native", reasons(result)
    after = result.after.decode()
    assert '"language_codes": CONFIG["speech"]["language"],' in after
    assert any(
        message.startswith("config.json may set another language")
        for message in reasons(result, "connection-parameters")
    )


def test_the_sample_rate_is_read_from_the_file_as_before(decide: Decide) -> None:
    load = LOADS["as text"] + '\nRATE = CONFIG["rate"]'
    result = decide(load, rate="RATE", frames="RATE // 10")
    assert result.status == "native", reasons(result)
    assert '"sample_rate": RATE,' in result.after.decode()


def test_a_yaml_file_is_read_likewise(decide: Decide) -> None:
    load = 'with open("stt.yaml") as file:\n    CONFIG = yaml.safe_load(file)'
    result = decide(load, "speech:\n  language: en\n", "stt.yaml", language='CONFIG["speech"]["language"]')
    assert result.status == "native", reasons(result)
    assert any("stt.yaml may set" in message for message in reasons(result, "connection-parameters"))


def test_partials_are_asked_for_as_the_file_says(decide: Decide) -> None:
    result = decide(LOADS["as text"], more='"enable_partials": CONFIG["speech"]["partials"]')
    assert result.status == "native", reasons(result)
    assert '"include_partial_turns": CONFIG["speech"]["partials"],' in result.after.decode()


def test_what_has_no_use_any_more_is_named_with_its_file(decide: Decide) -> None:
    more = '"enable_partials": True, "operating_point": CONFIG["speech"]["point"], "max_delay": CONFIG["speech"]["delay"]'
    result = decide(LOADS["as text"], more=more)
    assert result.status == "native", reasons(result)
    said = reasons(result, "connection-parameters")
    for name in ("operating_point", "max_delay"):
        assert f"transcription_config.{name}, which config.json may set, has no use any more" in said


def test_an_address_in_a_file_is_the_drop_ins(decide: Decide) -> None:
    result = decide(LOADS["as text"], url='CONFIG["url"]')
    assert result.status == "shim"
    [reason] = reasons(result)
    assert "config.json may choose where the audio goes" in reason


@pytest.mark.parametrize("key", ["additional_vocab", "diarization", "conversation_config"])
def test_what_would_be_frozen_or_translated_is_the_drop_ins(decide: Decide, key: str) -> None:
    result = decide(LOADS["as text"], SETTINGS | {key: "speaker"}, more=f'"{key}": CONFIG["{key}"]')
    assert result.status == "shim"
    assert any("only known at run time: config.json may set it" in reason for reason in reasons(result))


@pytest.mark.parametrize(
    ("load", "settings", "name"),
    [
        ('CONFIG = json.load(open("other.json"))', SETTINGS, "config.json"),
        ('CONFIG = json.load(open(os.environ["CONFIG"]))', SETTINGS, "config.json"),
        ('CONFIG = json.load(open("/etc/config.json"))', SETTINGS, "config.json"),
        (LOADS["as text"], "{broken", "config.json"),
        (LOADS["as text"], {"speech": {"language": "cmn"}}, "config.json"),
        (LOADS["as text"], {"speech": {"language": "cs"}}, "config.json"),
        (LOADS["as text"], {"speech": {}}, "config.json"),
        (LOADS["as text"], ["en"], "config.json"),
        (LOADS["as text"] + '\nCONFIG["speech"]["language"] = os.environ["SPOKEN"]', SETTINGS, "config.json"),
    ],
)
def test_a_language_that_the_file_does_not_tell_is_the_drop_ins(
    decide: Decide, load: str, settings: Any, name: str
) -> None:
    assert decide(load, settings, name, language='CONFIG["speech"]["language"]').status == "shim"


def test_a_file_outside_of_the_project_is_not_read(decide: Decide, tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside.json"
    outside.write_text(json.dumps(SETTINGS), encoding="utf-8")
    load = f'CONFIG = json.load(open("../{outside.name}"))'
    assert decide(load, language='CONFIG["speech"]["language"]').status == "shim"
