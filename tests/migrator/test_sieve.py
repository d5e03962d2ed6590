"""Files are judged alike by one process and by several."""

import os
import signal
import threading
from pathlib import Path

import pytest

from migrator import sieve

SIZES = (0, 1, sieve._PIECE - 1, sieve._PIECE, sieve._PIECE + 1, 2 * sieve._PIECE)


def last_byte(source: bytes) -> int:
    return source[-1] if source else 200


@pytest.fixture
def files(tmp_path):
    """Paths of files that end with the low byte of their number."""
    paths = []
    for number in range(30):
        path = tmp_path / f"{number}.py"
        path.write_bytes(bytes(number) + bytes([number]))
        paths.append(str(path))
    return paths


@pytest.fixture
def few_are_worth_a_process(monkeypatch):
    """Several processes for a handful of files, also below a test runner that has threads."""
    monkeypatch.setattr(sieve, "WORTH_A_PROCESS", 4)
    monkeypatch.setattr(sieve, "_can_fork", lambda: True)
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")


@pytest.mark.parametrize("jobs", [1, 2, 3, 100])
def test_judgements_are_in_the_order_of_the_files(files, few_are_worth_a_process, jobs):
    assert list(sieve.sift(files, last_byte, jobs)) == list(range(30))


@pytest.mark.parametrize("size", SIZES)
def test_a_file_of_any_length_is_judged_whole(tmp_path, size):
    path = tmp_path / "a.py"
    path.write_bytes(os.urandom(size))
    seen = []
    sieve.sift([str(path)], lambda source: seen.append(source) or 0, 1)
    assert seen == [path.read_bytes()]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_file_that_cannot_be_read_has_a_judgement_of_its_own(files, few_are_worth_a_process, jobs):
    for number in (4, 7):
        Path(files[number]).unlink()
    assert [n for n, j in enumerate(sieve.sift(files, last_byte, jobs)) if j == sieve.UNREADABLE] == [4, 7]


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
def test_the_share_of_a_process_that_was_ended_is_judged_here(files, few_are_worth_a_process, signal_number):
    here = os.getpid()

    def judge(source):
        if os.getpid() != here and len(source) == 10:
            os.kill(os.getpid(), signal_number)
        return last_byte(source)

    assert list(sieve.sift(files, judge, 2)) == list(range(30))


def test_an_interrupt_leaves_no_process_behind(files, few_are_worth_a_process):
    def judge(source):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sieve.sift(files, judge, 3)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_where_there_are_threads_no_process_is_copied():
    held = threading.Event()
    thread = threading.Thread(target=held.wait)
    thread.start()
    try:
        assert not sieve._can_fork()
    finally:
        held.set()
        thread.join()
