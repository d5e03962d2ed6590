"""Documents and programs in other languages: named with the line, never changed."""

import pytest


def test_a_document_gets_one_finding_that_names_its_lines(told):
    readme = "# Speechmatics relay\n\nUses `speechmatics-python`.\nFast.\n"
    assert told("sdk", "README.md", readme) == [(1, "lines 1, 3 speak of Speechmatics; say what is true now")]


@pytest.mark.parametrize(
    ("code", "path", "content"),
    [
        ("none", "README.md", "We compared Speechmatics with others.\n"),
        ("sdk", "CHANGELOG.md", "- Speechmatics added\n"),
        ("sdk", "README.md", "`pip install speechmatics-to-assemblyai`\n"),
        ("sdk", "transcript.txt", "Speechmatics\n"),
        ("sdk", "app.min.js", "wss://eu2.rt.speechmatics.com/v2"),
        ("sdk", "app.js", "console.log('no mention')"),
    ],
)
def test_what_is_true_or_not_looked_at_is_not_named(told, code, path, content):
    assert told(code, path, content) == []


@pytest.mark.parametrize(
    ("path", "content", "line"),
    [
        ("a.js", "\nconst url = 'wss://eu2.rt.speechmatics.com/v2'", 2),
        ("a.ts", "ws.send(JSON.stringify({message: 'StartRecognition'}))", 1),
        ("a.tsx", "import { RealtimeClient } from '@speechmatics/real-time-client'", 1),
        ("package.json", '{"dependencies": {\n"@speechmatics/real-time-client": "1"}}', 2),
        ("main.go", 'case "AddTranscript":', 1),
        ("A.java", 'String url = "wss://" + region + ".rt.speechmatics.com/v2";', 1),
        ("a.cs", 'if (name == "AddPartialTranscript")', 1),
        ("page.html", "<script>new WebSocket('wss://us.rt.speechmatics.com/v2')</script>", 1),
    ],
)
@pytest.mark.parametrize("code", ["none", "raw"])
def test_a_real_time_program_in_another_language_is_offered_the_gateway(told, code, path, content, line):
    ((found, message),) = told(code, path, content)
    assert found == line
    assert "`shim serve`" in message


@pytest.mark.parametrize(
    "content", ["https://asr.api.speechmatics.com/v2/jobs", "from '@speechmatics/batch-client'"]
)
def test_the_gateway_is_not_offered_for_batch(told, content):
    ((_, message),) = told("none", "a.ts", content)
    assert "nothing takes its place" in message
    assert "shim serve" not in message
