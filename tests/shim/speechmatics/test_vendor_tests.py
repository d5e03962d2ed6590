"""The vendor's own tests of speechmatics-python, from its source distribution, run against ours.

The distribution has the tests and not their data; certificate and sound are made here, so that the vendor's mock server
starts. What needs other data fails with the original too. Nothing of it is in this repository.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import pytest
import trustme

from shim.emulator.scene import Scene

FILES = ("test_adapters", "test_cli", "test_cli_handlers", "test_client", "test_models")
SOUNDS = ("ch.wav", "ch_converted.wav", "short-text_converted.wav")
ALIASES = """
import sys
import shim.speechmatics
from shim.import_hook import Alias
sys.modules["speechmatics"] = shim.speechmatics
Alias("speechmatics", "shim.speechmatics").install()
"""
RACES = "tests/test_client.py::test_send_message"
"""Asks its server what came before that has read it."""

_BATCH = "of recorded files, which are not transcribed here"
_INTERNAL = "calls private methods of the SDK's client, which ours does not have"
FAIL_WITH_OURS = {
    "test_cli_arg_parse_with_file": (33, f"arguments {_BATCH}"),
    "test_cli_list_arg_parse_without_file": (5, f"arguments {_BATCH}"),
    "test_batch_client_empty_constructor": (1, _BATCH),
    "test_batch_client_url_constructor": (1, _BATCH),
    "test_batch_client_api_key_constructor": (1, _BATCH),
    "test_connection_settings_url": (4, f"the address {_BATCH}"),
    "test__buffer_semaphore": (1, _INTERNAL),
    "test__producer_happy_path": (1, _INTERNAL),
    "test__producer_semaphore_pause_and_resume": (1, _INTERNAL),
    "test__producer_semaphore_timeout": (1, _INTERNAL),
}
"""Tests that pass with the original and cannot with ours: how many, and why."""

FAIL_WITH_BOTH = {
    "test_convert_to_txt": 8,
    "test_rt_main_with_config_file": 1,
    "test_rt_main_with_config_file_cmdline_override": 1,
    "test_batch_mock_jobs": 1,
}
"""Tests whose data is not in the source distribution."""


def failed_tests(python: Path, folder: Path, *arguments: str) -> tuple[set[str], int]:
    """Which tests fail, by file and name, and how many there are."""
    report = folder / "report.xml"
    subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", f"--deselect={RACES}",
         *arguments, *(f"tests/{name}.py" for name in FILES)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(folder)},
        capture_output=True,
        timeout=110,
    )  # fmt: skip
    cases = list(ElementTree.parse(report).iter("testcase"))
    failed = {
        str(case.get("name"))
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    }
    return failed, len({(case.get("classname"), case.get("name")) for case in cases})


@pytest.mark.environment
@pytest.mark.timeout(240)
def test_the_vendors_tests_pass_with_ours_but_for_a_written_list(
    environment_python: Callable[[str], Path], tmp_path: Path, one_sentence: Scene
) -> None:
    python = environment_python("speechmatics-python")
    tests = python.parents[1] / "source" / "tests"
    if not tests.exists():
        pytest.fail("the source distribution of speechmatics-python is missing; run scripts/test --install")
    certificate = trustme.CA().issue_cert("127.0.0.1")

    def run(name: str, *arguments: str) -> tuple[set[str], int]:
        folder = tmp_path / name
        data = shutil.copytree(tests, folder / "tests") / "data"
        data.mkdir()
        certificate.cert_chain_pems[0].write_to_path(str(data / "dummy_cert"))
        certificate.private_key_pem.write_to_path(str(data / "dummy_key"))
        for sound in SOUNDS:
            shutil.copy(one_sentence.sound, data / sound)
        (folder / "aliases.py").write_text(ALIASES)
        return failed_tests(python, folder, *arguments)

    with ThreadPoolExecutor(2) as pool:
        (original, all_of_them), (ours, _) = pool.map(
            lambda way: run(*way), (("original",), ("ours", "-p", "aliases"))
        )
    names = Counter(test.partition("[")[0] for test in original)
    assert names == FAIL_WITH_BOTH
    only_ours = Counter(test.partition("[")[0] for test in ours - original)
    assert only_ours == {name: count for name, (count, _) in FAIL_WITH_OURS.items()}
    assert all_of_them == 166
