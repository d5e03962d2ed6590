"""Names of environment variables, before and after; never a value."""

import pytest

OLD, NEW = "SPEECHMATICS_API_KEY", "ASSEMBLYAI_API_KEY"
SECRET = "q7Rk29xLm04TzPw8sVbN1cYe6uHd3fGa"

RENAMED = [
    (".env.example", f"A=1\n{OLD}=your-key-here\n", f"A=1\n{NEW}=your-key-here\n"),
    (".env.sample", f"{OLD}=", f"{NEW}="),
    (".env.template", f'export {OLD}="<your key>"\r\n', f'export {NEW}="<your key>"\r\n'),
    ("docker-compose.yml", f"  environment:\n    {OLD}: ${{{OLD}}}\n", f"  environment:\n    {NEW}: ${{{NEW}}}\n"),
    ("docker-compose.yml", f"    - {OLD}=${{{OLD}:-}}\n", f"    - {NEW}=${{{NEW}:-}}\n"),
    ("compose.yaml", f"    - {OLD}\n", f"    - {NEW}\n"),
    ("Dockerfile", f"ARG {OLD}\nENV {OLD}=${OLD}\n", f"ARG {NEW}\nENV {NEW}=${NEW}\n"),
    ("run.sh", f': "${{{OLD}:?is not set}}"\nexport {OLD}\n', f': "${{{NEW}:?is not set}}"\nexport {NEW}\n'),
    ("Makefile", f"{OLD} ?=\nrun:\n\t{OLD}=$({OLD}) python app.py\n", f"{NEW} ?=\nrun:\n\t{NEW}=$({NEW}) python app.py\n"),
    ("Procfile", f"web: {OLD}=${OLD} python app.py", f"web: {NEW}=${NEW} python app.py"),
    ("README.md", f"Set `{OLD}` first.\n", f"Set `{NEW}` first.\n"),
    ("app.json", f'{{"env": {{"{OLD}": {{"required": true}}}}}}', f'{{"env": {{"{NEW}": {{"required": true}}}}}}'),
]  # fmt: skip


@pytest.mark.parametrize(("path", "before", "expected"), RENAMED)
def test_rewritten_code_has_the_new_name_around_it(after, path, before, expected):
    assert after("raw", path, before) == expected
    assert after("raw", path, expected) == expected


BESIDE = [
    (".env.example", f"{OLD}=your-key\nB=2\n", f"{OLD}=your-key\n{NEW}=your-key\nB=2\n"),
    (".env.example", f"{OLD}=", f"{OLD}=\n{NEW}="),
    ("docker-compose.yml", f"    - {OLD}=${{{OLD}}}\r\n", f"    - {OLD}=${{{OLD}}}\r\n    - {NEW}=${{{NEW}}}\r\n"),
    ("docker-compose.yml", f"    - {OLD}\n", f"    - {OLD}\n    - {NEW}\n"),
    ("ci.yml", f"      {OLD}: ${{{{ vars.{OLD} }}}}\n", f"      {OLD}: ${{{{ vars.{OLD} }}}}\n      {NEW}: ${{{{ vars.{NEW} }}}}\n"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "before", "expected"), BESIDE)
def test_a_program_on_the_drop_in_needs_both(after, path, before, expected):
    assert after("raw on the drop-in", path, before) == expected
    assert after("raw on the drop-in", path, expected) == expected


@pytest.mark.parametrize("code", ["raw", "raw on the drop-in"])
@pytest.mark.parametrize(
    ("path", "content"),
    [
        (".env", f"{OLD}={SECRET}\n"),
        (".env", f"{OLD}=your-key\n"),
        (".env.local", f"X=1\n{OLD}={SECRET}\n"),
        (".env.example", f"{OLD}={SECRET}\n"),
        (".env.example", f"DB_PASSWORD={SECRET}\n{OLD}=your-key\n"),
        ("docker-compose.yml", f"      {OLD}: {SECRET}\n"),
        ("docker-compose.yml", f"      URL: postgres://me:{SECRET}@db/x\n      {OLD}: ${{{OLD}}}\n"),
        ("Dockerfile", f"ENV {OLD} {SECRET}\n"),
        ("run.sh", f"export OTHER_TOKEN='{SECRET}'\nexport {OLD}=\n"),
        ("README.md", f"export {OLD}={SECRET}\n"),
        ("k8s/deploy.yaml", f"- name: {OLD}\n  valueFrom:\n    secretKeyRef:\n      key: api-key\n"),
    ],
)
def test_where_a_secret_may_stand_nothing_changes_and_nothing_of_it_is_told(told, code, path, content):
    findings = told(code, path, content)
    assert any(NEW in message for _, message in findings)
    assert SECRET not in str(findings)


@pytest.mark.parametrize("code", ["raw", "raw on the drop-in"])
@pytest.mark.parametrize("value", ["$KEY", "${STT_KEY}", "${{ secrets.STT_KEY }}", f"${{{OLD}:-{SECRET}}}"])
def test_a_key_does_not_get_the_other_name_by_way_of_another_variable(told, code, value):
    assert told(code, "run.sh", f"export {OLD}={value}\n")


@pytest.mark.parametrize(
    ("code", "path", "content"),
    [
        ("raw", ".env.example", "DEEPGRAM_API_KEY=\nASSEMBLYAI_API_KEY=\n"),
        ("raw on the drop-in", ".env.example", f"{OLD}=\n{NEW}=\n"),
        ("raw on the drop-in", "docker-compose.yml", f"    - {OLD}=${{{OLD}}}\n    - {NEW}=${{{NEW}}}\n"),
        ("untouched", ".env.example", f"{OLD}=your-key\n"),
        ("untouched", ".env", f"{OLD}={SECRET}\n"),
        ("raw", ".env.example", "# Speechmatics\nX=1\n"),
    ],
)
def test_what_is_right_stays_without_a_word(migrated, code, path, content):
    result = migrated(code, {path: content}).get(path)
    assert result is None or (not result.changed and not result.findings and result.touch_points_left == 0)


def test_a_variable_that_code_of_another_service_reads_stays(after):
    assert OLD in after("sdk and batch", ".env.example", f"{OLD}=your-key\n")


def test_a_variable_that_a_program_in_another_language_reads_stays(migrated):
    files = {".env.example": f"{OLD}=your-key\n", "web/index.js": f"const key = process.env.{OLD}\n"}
    assert not migrated("raw", files)[".env.example"].changed


def test_a_variable_that_is_no_key_is_named_when_nothing_reads_it(told):
    ((line, message),) = told(
        "raw", ".env.example", "A=1\nSPEECHMATICS_RT_URL=wss://eu2.rt.speechmatics.com/v2\n"
    )
    assert (line, message) == (2, "no code here reads SPEECHMATICS_RT_URL any more; it can go")


def test_a_new_secret_of_a_workflow_is_to_be_created(migrated):
    content = f"env:\n  {OLD}: ${{{{ secrets.{OLD} }}}}\n"
    result = migrated("raw", {".github/workflows/ci.yml": content})[".github/workflows/ci.yml"]
    assert result.after.decode() == content.replace(OLD, NEW)
    assert [f.message for f in result.findings] == [
        f"create the secret {NEW} where the secret {OLD} was created"
    ]


def test_a_file_with_both_names_loses_none(told):
    ((_, message),) = told("raw", ".env.example", f"{OLD}=\n{NEW}=\n")
    assert "it can go" in message
