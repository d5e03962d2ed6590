"""What a project declares, before and after, by what its code imports afterwards."""

from pathlib import Path

import pytest

from migrator.surroundings.outcome import facts
from migrator.surroundings.packages import LEAST

PLUGIN = b"from pipecat.services.speechmatics.stt import SpeechmaticsSTTService\n"
SHIM = "speechmatics-to-assemblyai>=0.1"

CHANGED = [
    # code, file, before, after
    ("sdk", "requirements.txt", "numpy\nspeechmatics-python==5.0.0\nfastapi\n", f"numpy\n{SHIM}\nfastapi\n"),
    ("sdk", "requirements.txt", "speechmatics_python>=1 # the SDK\n", f"{SHIM} # the SDK\n"),
    ("sdk", "requirements.txt", "Speechmatics.Python", SHIM),
    (
        "sdk",
        "requirements.txt",
        'speechmatics-python>=1; python_version >= "3.9"\n',
        f'{SHIM}; python_version >= "3.9"\n',
    ),
    ("sdk rewritten", "requirements.txt", "speechmatics-python\n", f"assemblyai>=1.8\n{SHIM}\n"),
    ("plugin", "requirements.txt", "livekit-plugins-speechmatics~=1.8\n", "livekit-plugins-assemblyai>=1.8\n"),
    ("raw", "requirements.txt", "speechmatics-python\nwebsockets\n", "websockets\n"),
    ("raw", "requirements.txt", "numpy\nspeechmatics-python", "numpy\nwebsockets>=10.0"),
    ("raw on the drop-in", "requirements.txt", "a\nwebsockets==15.0  # used\nb\n", f"a\nwebsockets==15.0  # used\n{SHIM}\nb\n"),
    ("raw on the drop-in", "requirements.txt", "fastapi\n", f"fastapi\n{SHIM}\n"),
    ("raw on the drop-in", "requirements.txt", "fastapi", f"fastapi\n{SHIM}"),
    ("sdk and batch", "requirements.txt", "speechmatics-python\nspeechmatics-batch\n", f"{SHIM}\nspeechmatics-batch\n"),
    ("sdk", "requirements/base.txt", "speechmatics-python\n", f"{SHIM}\n"),
    ("sdk", "requirements.in", "-c constraints.txt\n--index-url https://x/y\nspeechmatics-python\n",
     f"-c constraints.txt\n--index-url https://x/y\n{SHIM}\n"),
    ("sdk", "requirements.txt", "\ufeffspeechmatics-python\r\nnumpy\r\n", f"\ufeff{SHIM}\r\nnumpy\r\n"),
    ("sdk and what came with it", "requirements.txt", "speechmatics-python\nnumpy\n", f"{SHIM}\nhttpx>=0.23\nnumpy\n"),
    ("sdk and what came with it", "requirements.txt", "speechmatics-python\nhttpx==0.27\n", f"{SHIM}\nhttpx==0.27\n"),
    ("sdk and what came with it", "requirements.txt", "speechmatics-rt\n", f"{SHIM}\n"),
    ("sdk and raw", "requirements.txt", "speechmatics-rt\r\nnumpy\r\n", f"{SHIM}\r\nwebsockets>=10.0\r\nnumpy\r\n"),
    ("sdk", "pyproject.toml", '[project]\ndependencies = ["speechmatics-python>=1", "numpy"]\n',
     f'[project]\ndependencies = ["{SHIM}", "numpy"]\n'),
    ("raw", "pyproject.toml", '[project]\ndependencies = [\n    "websockets",  # x\n    "speechmatics-python"\n]\n',
     '[project]\ndependencies = [\n    "websockets",  # x\n]\n'),
    ("raw", "pyproject.toml", "[project]\ndependencies = ['websockets', 'speechmatics-rt']\n", "[project]\ndependencies = ['websockets']\n"),
    ("raw", "pyproject.toml", "[project]\ndependencies = ['speechmatics-rt', 'websockets']\n", "[project]\ndependencies = ['websockets']\n"),
    ("raw on the drop-in", "pyproject.toml", '[project]\ndependencies = [\n  "websockets"  # last\n]\n',
     f'[project]\ndependencies = [\n  "websockets",  # last\n  "{SHIM}"\n]\n'),
    ("sdk", "pyproject.toml", '[project.optional-dependencies]\nstt = ["speechmatics-python[metrics]>=1"]\n',
     f'[project.optional-dependencies]\nstt = ["{SHIM}"]\n'),
    ("sdk", "pyproject.toml", '[dependency-groups]\ndev = [{include-group = "a"}, "speechmatics-python"]\n',
     f'[dependency-groups]\ndev = [{{include-group = "a"}}, "{SHIM}"]\n'),
    ("sdk", "pyproject.toml", '[tool.uv]\ndev-dependencies = ["speechmatics-python"]\n', f'[tool.uv]\ndev-dependencies = ["{SHIM}"]\n'),
    ("sdk", "pyproject.toml", '[tool.pdm.dev-dependencies]\nstt = ["speechmatics-python"]\n', f'[tool.pdm.dev-dependencies]\nstt = ["{SHIM}"]\n'),
    ("sdk", "pyproject.toml", '[tool.poetry.dependencies]\nspeechmatics-python = {version = "^1", extras = ["metrics"]} # x\na = "1"\n',
     '[tool.poetry.dependencies]\nspeechmatics-to-assemblyai = ">=0.1" # x\na = "1"\n'),
    ("sdk", "pyproject.toml", '[tool.poetry.group.stt.dependencies]\nspeechmatics-python = "^1"\n',
     '[tool.poetry.group.stt.dependencies]\nspeechmatics-to-assemblyai = ">=0.1"\n'),
    ("sdk", "Pipfile", '[packages]\nspeechmatics-python = "*"\nnumpy = "*"\n', '[packages]\nspeechmatics-to-assemblyai = ">=0.1"\nnumpy = "*"\n'),
    ("sdk", "setup.cfg", "[options]\ninstall_requires =\n    numpy\n    speechmatics-python>=1\n", f"[options]\ninstall_requires =\n    numpy\n    {SHIM}\n"),
    ("sdk", "setup.cfg", "[options.extras_require]\nstt =\n    speechmatics-python\n", f"[options.extras_require]\nstt =\n    {SHIM}\n"),
    ("sdk", "setup.py", 'setup(install_requires=["speechmatics-python", "numpy"])\n', f'setup(install_requires=["{SHIM}", "numpy"])\n'),
    ("sdk", "setup.py", "setup(extras_require={'stt': ['speechmatics-python']})\n", f"setup(extras_require={{'stt': ['{SHIM}']}})\n"),
    ("sdk", "environment.yml", "dependencies:\n  - python=3.11\n  - pip:\n    - speechmatics-python==5  # x\n    - numpy\n",
     f"dependencies:\n  - python=3.11\n  - pip:\n    - {SHIM}  # x\n    - numpy\n"),
    ("sdk", "Dockerfile", "RUN pip install --no-cache-dir speechmatics-python==5.0 && rm -rf /tmp/x\n",
     "RUN pip install --no-cache-dir speechmatics-to-assemblyai && rm -rf /tmp/x\n"),
    ("raw", "Dockerfile", "RUN pip install \\\n    fastapi \\\n    websockets \\\n    speechmatics-python\n", "RUN pip install \\\n    fastapi \\\n    websockets\n"),
    ("raw", "Dockerfile", "RUN uv pip install websockets speechmatics-rt \\\n    numpy\n", "RUN uv pip install websockets \\\n    numpy\n"),
    ("sdk", "Dockerfile", "RUN poetry add speechmatics-python\n", "RUN poetry add speechmatics-to-assemblyai\n"),
    ("raw on the drop-in", "Dockerfile", 'RUN pip install "websockets>=13" numpy\n', 'RUN pip install "websockets>=13" speechmatics-to-assemblyai numpy\n'),
    ("sdk", ".github/workflows/ci.yml", "    - run: python -m pip install speechmatics-python pytest\n", "    - run: python -m pip install speechmatics-to-assemblyai pytest\n"),
    ("sdk", "README.md", "Run `pip install speechmatics-python`.\n", "Run `pip install speechmatics-to-assemblyai`.\n"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "path", "before", "expected"), CHANGED)
def test_a_requirement_follows_the_imports(after, code, path, before, expected):
    assert after(code, path, before) == expected


@pytest.mark.parametrize(("code", "path", "before", "expected"), CHANGED)
def test_a_second_run_changes_nothing(after, code, path, before, expected):
    assert after(code, path, expected) == expected


@pytest.mark.parametrize(
    ("code", "path", "content"),
    [
        ("sdk and its batch", "requirements.txt", "speechmatics-python\nspeechmatics-to-assemblyai\n"),
        ("sdk and batch", "requirements.txt", "speechmatics-batch\nspeechmatics-to-assemblyai\n"),
        ("raw", "requirements.txt", "websockets\nnumpy\n"),
        ("raw", "requirements.txt", "# speechmatics-python was here\nnumpy\n"),
        ("raw", "requirements.txt", ""),
        ("untouched", "requirements.txt", "speechmatics-python\n"),
        (
            [("a.py", "manual", PLUGIN, PLUGIN)],
            "requirements.txt",
            "pipecat-ai[speechmatics,silero]>=0.1\n",
        ),
        ("sdk", "constraints.txt", "speechmatics-python==5\n"),
        ("sdk", "pyproject.toml", '[project]\nname = "speechmatics-relay"\nkeywords = ["speechmatics"]\n'),
        ("sdk", "Dockerfile", "RUN pip install -r requirements.txt\nRUN pip install .\n"),
        ("sdk", "Dockerfile", "RUN apt-get install -y ffmpeg\n"),
        ("raw", "Dockerfile", "RUN pip install websockets\n"),
        ("sdk", "environment.yml", "dependencies:\n  - numpy\n  - pip\n"),
    ],
)
def test_what_is_needed_or_not_ours_stays_without_a_word(migrated, code, path, content):
    result = migrated(code, {path: content}).get(path)
    assert result is None or (not result.changed and not result.findings and result.touch_points_left == 0)


DYNAMIC = b"import importlib\nNAME = 'speechmatics'\nclient = importlib.import_module(NAME)\n"


@pytest.mark.parametrize(
    ("code", "path", "content", "line", "words"),
    [
        ([("b.py", "unchanged", DYNAMIC, DYNAMIC)],
         "requirements.txt", "a\nspeechmatics-python\n", 2, "not clear what b.py imports"),
        ([("b.py", "error", b"print 'speechmatics'", b"print 'speechmatics'")], "requirements.txt", "speechmatics-python\n", 1,
         "not clear what b.py imports"),
        ("none", "requirements.txt", "speechmatics-python\n", 1, "no Python file here uses speechmatics-python"),
        ("raw", "requirements.txt", "websockets==15 \\\n    --hash=sha256:11\nspeechmatics-python==5 \\\n    --hash=sha256:00\n", 3, "compiled or hashed anew"),
        ("raw", "requirements.txt", "# This file is autogenerated by pip-compile\nwebsockets==15\nspeechmatics-python==5\n", 3, "compiled or hashed anew"),
        ("raw", "Dockerfile", "RUN pip install speechmatics-batch\n", 1, "this command can go"),
        ("sdk", "setup.py", 'setup(install_requires=BASE + ["speechmatics-python"])\n', 1, "a way that is not understood"),
        ("sdk", "pyproject.toml", '[project]\noptional-dependencies = {stt = ["speechmatics-python"]}\n', 2, "a way that is not understood"),
        ("sdk", "pyproject.toml", '[project\ndependencies = ["speechmatics-python"]\n', 2, "this file is no TOML"),
        ("sdk", "pyproject.toml", '[project]\nx = = 1\ndependencies = ["speechmatics-python"]\n', 3, "this file is no TOML"),
        ("raw", "requirements.txt", "pipecat-ai[speechmatics]\n", 1, "a way that is not understood"),
        ("none", "uv.lock", 'name = "speechmatics-rt"\n', 1, "then uv lock"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_told_and_stays(told, code, path, content, line, words):
    findings = told(code, path, content)
    assert [(number, words in message) for number, message in findings] == [(line, True)]


def test_nothing_goes_while_files_were_left_out(told):
    assert [
        line for line, _ in told("raw", "requirements.txt", "speechmatics-python\n", has_left_out=True)
    ] == [1]


def test_a_test_that_replaces_a_name_of_the_sdk_still_needs_it(after):
    test = b"from unittest import mock\nmock.patch('speechmatics.client.WebsocketClient')\n"
    code = [
        ("a.py", "shim", b"import speechmatics", b"import shim.speechmatics"),
        ("test_a.py", "unchanged", test, test),
    ]
    assert after(code, "requirements.txt", "speechmatics-python\n") == f"speechmatics-python\n{SHIM}\n"


def test_the_nearest_declaration_gets_the_requirement_and_others_keep_theirs(migrated):
    code = [("services/a/main.py", "shim", b"import speechmatics", b"import shim.speechmatics")]
    results = migrated(
        code,
        {
            "requirements.txt": "fastapi\n",
            "services/a/requirements.txt": "speechmatics-python\n",
            "services/b/requirements.txt": "websockets\n",
        },
    )
    assert {path: result.after.decode() for path, result in results.items()} == {
        "services/a/requirements.txt": f"{SHIM}\n"
    }


def test_one_of_several_files_gets_it_where_none_stands_beside_speechmatics(migrated):
    code = [("app.py", "shim", b"import websockets", b"from shim import websockets")]
    files = {"requirements-dev.txt": "pytest\n", "requirements.txt": "fastapi\n"}
    assert list(migrated(code, files)) == ["requirements.txt"]


def test_a_lock_file_is_to_be_made_again_after_its_source_changed(migrated):
    files = {
        "pyproject.toml": '[project]\ndependencies = ["speechmatics-python"]\n',
        "poetry.lock": '[[package]]\nname = "speechmatics-python"\n',
    }
    results = migrated("sdk", files)
    (finding,) = results["poetry.lock"].findings
    assert (finding.line, finding.message) == (2, "lock again, because pyproject.toml changed: poetry lock")
    assert not results["poetry.lock"].changed


def test_a_project_of_older_python_is_told_what_the_drop_in_needs(migrated):
    content = '[project]\nrequires-python = ">=3.8"\ndependencies = ["speechmatics-python"]\n'
    (finding,) = migrated("sdk", {"pyproject.toml": content})["pyproject.toml"].findings
    assert (finding.line, finding.message) == (2, "speechmatics-to-assemblyai needs Python 3.10 or newer")


@pytest.mark.parametrize(
    ("path", "content", "line"),
    [
        ("requirements.txt", "fastapi\nwebsockets==13.1\n", 2),
        ("requirements.txt", "websockets>=12,<14\n", 1),
        ("requirements.txt", "websockets ~= 14.0\n", 1),
        ("requirements.txt", "websockets<=14.2  # legacy API\n", 1),
        ("requirements.txt", "websockets\nwebsocket-client==1.3.3\n", 2),
        ("constraints.txt", "websockets==12.0\n", 1),
        ("pyproject.toml", '[project]\ndependencies = [\n  "websockets (<15)",\n]\n', 3),
        ("pyproject.toml", '[tool.poetry.dependencies]\nwebsockets = "^12.0"\n', 2),
        ("environment.yml", "dependencies:\n  - pip:\n    - websockets==13.1\n", 3),
        ("Dockerfile", "RUN pip install 'websockets<14'\n", 1),
    ],
)
def test_a_version_that_the_drop_in_cannot_use_is_told(migrated, path, content, line):
    findings = migrated("raw on the drop-in", {path: content})[path].findings
    assert [(f.line, "speechmatics-to-assemblyai needs" in f.message) for f in findings] == [(line, True)]


@pytest.mark.parametrize(
    ("code", "path", "content"),
    [
        ("raw on the drop-in", "requirements.txt", "websockets>=10\n"),
        ("raw on the drop-in", "requirements.txt", "websockets==15.0.1\n"),
        ("raw on the drop-in", "requirements.txt", "websockets>=12,<16\n"),
        ("raw on the drop-in", "requirements.txt", "websockets!=13.0\n"),
        ("raw on the drop-in", "requirements.txt", "websocket-client==1.8.0\n"),
        ("raw on the drop-in", "requirements.txt", 'websockets; python_version < "3.12"\n'),
        ("raw", "requirements.txt", "websockets==13.1\n"),
    ],
)
def test_a_version_that_the_code_can_use_is_not_told(migrated, code, path, content):
    result = migrated(code, {path: content}).get(path)
    assert result is None or result.findings == ()


def test_those_versions_are_what_the_drop_in_requires():
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    for name, release in LEAST.items():
        assert f'"{name}>={".".join(map(str, release))}"' in project


def test_bytes_that_are_no_utf8_and_mixed_line_ends_stay(migrated):
    content = b"# \xe9\xff\r\nnumpy\nspeechmatics-python\r\n"
    result = migrated("sdk", {"requirements.txt": content})["requirements.txt"]
    assert result.after == b"# \xe9\xff\r\nnumpy\nspeechmatics-to-assemblyai>=0.1\r\n"


def test_the_rule_can_be_left_out(migrated):
    files = {"requirements.txt": "speechmatics-python\n"}
    assert not migrated("sdk", files, ignore=frozenset({"dependencies"}))["requirements.txt"].changed
    assert not migrated("sdk", files, select=frozenset({"environment"}))["requirements.txt"].changed


@pytest.mark.parametrize(
    ("name", "imports", "is_unclear"),
    [
        ("f'vendors.{name}'", {"vendors"}, False),
        ("f'speechmatics.{name}'", {"speechmatics"}, False),
        ("f'speech{name}'", set(), True),
        ("f'{package}.models'", set(), True),
    ],
)
def test_the_package_may_be_known_of_a_module_that_is_not(
    name: str, imports: set[str], is_unclear: bool
) -> None:
    found = facts(f"importlib.import_module({name})".encode())
    assert (found.imports, found.is_unclear) == (imports, is_unclear)
