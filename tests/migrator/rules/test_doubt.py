"""Programs that look as if they were understood, and would be silently wrong after a rewrite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

FINAL = 'if kind == "AddTranscript":\n'
TEXT = 'event["metadata"]["transcript"]'
MICROPHONE = "stream = pyaudio.PyAudio().open(format=pyaudio.paInt16, channels=1, rate=16000, input=True)\n"
END = 'ws.send(json.dumps({"message": "EndOfStream", "last_seq_no": 0}))\n'
OWN_CONFIG = {'{"language": "en", "enable_partials": True}': "CONFIG"}
CONFIG = 'LIMIT = 100\nCONFIG = {"language": "en"}\n'
WORDS = "    for result in event['results']:\n"

APP = (
    'websocket.WebSocketApp("wss://eu2.rt.speechmatics.com/v2", header={"Authorization": "Bearer " + '
    'os.environ["SPEECHMATICS_API_KEY"]}, on_open=on_open, on_message=on_message).run_forever()'
)
CONNECT = (
    'websocket.create_connection("wss://eu2.rt.speechmatics.com/v2", header={"Authorization": "Bearer " + '
    'os.environ["SPEECHMATICS_API_KEY"]}'
)
READ = "    on_open(ws)\n    while True:\n        on_message(ws, ws.recv())"

REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "a configuration that a function completes": (
        "transcription_config is only known at run time",
        {
            "constants": CONFIG
            + "def add_words(c):\n    c['additional_vocab'] = [{'content': 'Gnocchi'}]\nadd_words(CONFIG)",
            "replacing": OWN_CONFIG,
        },
    ),
    "a configuration with a second name": (
        "transcription_config is only known at run time",
        {
            "constants": CONFIG + "c = CONFIG\nc['additional_vocab'] = [{'content': 'Gnocchi'}]",
            "replacing": OWN_CONFIG,
        },
    ),
    "the default of a dataclass, given otherwise": (
        "language is only known at run time",
        {
            "constants": "from dataclasses import dataclass\n@dataclass\nclass Config:\n    language: str = 'en'\n"
            "cfg = Config(language=os.environ['SPOKEN'])\nLIMIT = 100",
            "replacing": {'"language": "en"': '"language": cfg.language'},
        },
    ),
    "an attribute of the same name in another class": (
        "language is only known at run time",
        {
            "constants": "import argparse\nclass Defaults:\n    language = 'en'\n"
            "args = argparse.ArgumentParser().parse_args()\nLIMIT = 100",
            "replacing": {'"language": "en"': '"language": args.language'},
        },
    ),
    "a sending method under another name": (
        "passed on as a value",
        {
            "capture": MICROPHONE
            + "push = ws.send_binary\nws.send_binary(stream.read(1600))\npush(stream.read(320))"
        },
    ),
    "a frame that is searched as text": (
        "without json.loads",
        {
            "dispatch": "if '\"message\": \"Error\"' in message:\n    print('failed')\n"
            + FINAL
            + f"    print({TEXT})"
        },
    ),
    "a WebSocketApp that runs again and again": (
        "in a loop",
        {
            "replacing": {
                ").run_forever()": ")\n    while True:\n        app.run_forever()",
                "    websocket.WebSocketApp(": "    app = websocket.WebSocketApp(",
            }
        },
    ),
    "finals joined in an f-string": (
        "end without a space",
        {
            "constants": "LIMIT = 100\nfull = ''",
            "dispatch": FINAL + "    global full\n    text = " + TEXT + "\n    full = f'{full}{text}'",
        },
    ),
    "finals joined in a list": (
        "end without a space",
        {"dispatch": FINAL + f"    print(''.join(['> ', {TEXT}]))"},
    ),
    "finals written as f-strings": (
        "end without a space",
        {"dispatch": FINAL + "    text = " + TEXT + "\n    open('out.txt', 'a').write(f'{text}')"},
    ),
    "a final without its last character": ("a final is cut", {"dispatch": FINAL + f"    print({TEXT}[:-1])"}),
    "names for the speakers": (
        "knows the speaker S1",
        {
            "dispatch": FINAL
            + WORDS
            + "        print({'S1': 'Doctor'}.get(result['alternatives'][0]['speaker']))"
        },
    ),
    "the number of a speaker": (
        "takes the label of a speaker apart",
        {"dispatch": FINAL + WORDS + "        print(int(result['alternatives'][0]['speaker'][1:]))"},
    ),
    "a spoken command": (
        "a word is compared",
        {
            "dispatch": FINAL + WORDS + "        word = result['alternatives'][0]['content']\n"
            "        if word.lower() == 'stop':\n            print('stopping')"
        },
    ),
    "the type of an error in a variable": (
        "decides by the type of an error",
        {
            "dispatch": "if kind == 'Error':\n    t = event['type']\n    if t == 'quota_exceeded':\n        print('again')"
        },
    ),
    "a pause that not every pass makes": (
        "faster than real time",
        {
            "capture": "f = open('a.raw', 'rb')\nn = 0\nwhile True:\n    ws.send(f.read(3200), opcode=2)\n    n += 1\n"
            "    if n % 100 == 0:\n        time.sleep(1)"
        },
    ),
    "a while loop that counts messages": (
        "the loop counts messages",
        {
            "capture": MICROPHONE
            + "n = 0\nwhile n < 500:\n    ws.send(stream.read(320), opcode=2)\n    n += 1",
        },
    ),
    "a limit of the silence": (
        "limited in time",
        {"replacing": {APP: f"ws = {CONNECT})\n    ws.settimeout(5)\n{READ}"}},
    ),
    "a limit of the silence where it connects": (
        "limited in time",
        {"replacing": {APP: f"ws = {CONNECT}, timeout=10)\n{READ}"}},
    ),
    "a close that a timer calls": ("maybe too early", {"end": END + "threading.Timer(1, ws.close).start()"}),
    "a session that is told not to run on": ("keep_running", {"end": END + "ws.keep_running = False"}),
    "a final that may be added": (
        "end without a space",
        {
            "constants": "LIMIT = 100\nfull = ''",
            "dispatch": FINAL + f"    global full\n    text = {TEXT}\n    full += text if text else ''",
        },
    ),
    "an end that the reader sends": (
        "nothing can wait",
        {
            "dispatch": FINAL + f"    if 'goodbye' in {TEXT}:\n        finish(ws)",
            "end": "",
            "replacing": {
                "def main():": f"def finish(ws):\n    {END}    time.sleep(1)\n    ws.close()\n\n\ndef main():"
            },
        },
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_program_that_would_be_wrong_is_not_rewritten(refused: Callable[..., str], name: str) -> None:
    words, places = REFUSED[name]
    assert words in refused(**places)


WAITED_FOR: dict[str, dict[str, Any]] = {
    "the end is sent by a function of its own": {
        "end": "finish(ws)\nws.close()",
        "replacing": {
            "def main():": f"def finish(ws):\n    {END}\n\ndef main():",
            "        done.set()": "        pass",
        },
    },
    "another thread closes": {
        "end": END,
        "replacing": {
            "def main():": "def later(ws):\n    time.sleep(60)\n    ws.close()\n\n\ndef main():",
            "    threading.Thread(target=send": "    threading.Thread(target=later, args=(ws,)).start()\n"
            "    threading.Thread(target=send",
            "        done.set()": "        pass",
        },
    },
    "the program exits": {"end": END + "os._exit(0)", "replacing": {"        done.set()": "        pass"}},
    "the connection is a context": {
        "constants": "LIMIT = 100\nfrom contextlib import closing",
        "end": END,
        "replacing": {
            APP: f"with closing({CONNECT})) as ws:\n        threading.Thread(target=pump, args=(ws,)).start()\n        send(ws)",
            "def main():": "def pump(ws):\n    on_open(ws)\n    for frame in ws:\n        on_message(ws, frame)\n\n\ndef main():",
            "        done.set()": "        pass",
        },
    },
    "the program waits too short": {"end": END + "done.wait(0.5)\nws.close()"},
}


@pytest.mark.parametrize("name", WAITED_FOR)
def test_the_end_is_waited_for(rewritten: Callable[..., str], name: str) -> None:
    after = rewritten(**WAITED_FOR[name])
    terminate = 'ws.send(json.dumps({"type": "Terminate"}))\n    terminated.wait(timeout=5)\n'
    assert terminate in after


def test_a_reader_that_is_joined_is_waited_for_already(rewritten: Callable[..., str]) -> None:
    assert "terminated.wait" not in rewritten()


def test_names_in_all_stay(rewritten: Callable[..., str]) -> None:
    after = rewritten(constants="LIMIT = 100\nDELAY = 2\n__all__ = ['DELAY']", config=', "max_delay": DELAY')
    assert "\nDELAY = 2\n" in after


def test_texts_that_nobody_reads_stay(rewritten: Callable[..., str]) -> None:
    after = rewritten(
        constants="LIMIT = 100\nNAMES = {'Speechmatics RT': 1}\n"
        "print(NAMES[os.environ['VENDOR']], 'Speechmatics is used')\nraise_it = ValueError"
    )
    assert "NAMES = {'Speechmatics RT': 1}" in after
    assert "'AssemblyAI is used'" in after


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('KEY = "abc" # Replace with your actual API key', 'KEY = os.environ["ASSEMBLYAI_API_KEY"]\n'),
        ('# paste your key here\nKEY = "abc"', 'LIMIT = 100\nKEY = os.environ["ASSEMBLYAI_API_KEY"]\n'),
        ('KEY = "abc"  # Speechmatics key', 'KEY = os.environ["ASSEMBLYAI_API_KEY"]  # AssemblyAI key\n'),
        ('KEY = "abc"  # of the clinic', 'KEY = os.environ["ASSEMBLYAI_API_KEY"]  # of the clinic\n'),
    ],
)
def test_a_comment_that_asks_for_a_key_goes(rewritten: Callable[..., str], line: str, expected: str) -> None:
    after = rewritten(constants=f"LIMIT = 100\n{line}\n", header='{"Authorization": "Bearer " + KEY}')
    assert expected in after


def test_a_message_of_a_finding_is_one_line(refused: Callable[..., str]) -> None:
    message = refused(end='ws.send(\n    "{}"\n)\nws.close()', replacing={})
    assert "ws.send( " in message


def test_a_list_whose_nodes_lead_to_the_next_is_analysed(rewritten: Callable[..., str]) -> None:
    rewritten(constants="LIMIT = 100\nclass Node: pass\nnode = Node()\nnode.next = node.next.next")


def test_a_limit_of_the_silence_after_which_the_program_reads_on_is_kept(
    rewritten: Callable[..., str],
) -> None:
    read = (
        "    on_open(ws)\n    while not done.is_set():\n        try:\n            frame = ws.recv()\n"
        "        except websocket.WebSocketTimeoutException:\n            continue\n        on_message(ws, frame)"
    )
    assert "ws.settimeout(5)" in rewritten(replacing={APP: f"ws = {CONNECT})\n    ws.settimeout(5)\n{read}"})


def test_finals_that_a_function_gives_are_joined_with_spaces(rewritten: Callable[..., str]) -> None:
    after = rewritten(
        constants="LIMIT = 100\nparts = []\ndef text_of(e):\n    return e['metadata']['transcript'].lower()",
        dispatch=FINAL
        + "    parts.append(text_of(event))\nif kind == 'EndOfTranscript':\n    print(''.join(parts))",
    )
    assert "' '.join(parts)" in after
