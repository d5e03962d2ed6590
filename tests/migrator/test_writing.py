import os
import stat

import pytest

from migrator import writing

OLD, NEW = b"\xef\xbb\xbfold\r\n", b"\xef\xbb\xbfnew\r\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "live.py"
    path.write_bytes(OLD)
    return path


def replace(path, expected, content):
    """Stage one file and put it in place, as a run does with many."""
    target = os.path.realpath(path)
    staged = writing.stage(target, expected, content, os.path.join(os.path.dirname(target), ".migrate-1"))
    try:
        staged.put_in_place()
    finally:
        staged.discard()


def test_the_new_bytes_take_the_place_of_the_old_and_nothing_else_is_left(file):
    replace(str(file), OLD, NEW)
    assert file.read_bytes() == NEW
    assert os.listdir(file.parent) == ["live.py"]


@pytest.mark.parametrize("mode", [0o755, 0o640, 0o600])
def test_mode_bits_stay(file, mode):
    file.chmod(mode)
    replace(str(file), OLD, NEW)
    assert stat.S_IMODE(file.stat().st_mode) == mode


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays_and_so_do_the_bits_that_a_new_owner_would_lose(file):
    os.chown(file, 1234, 2345)
    file.chmod(0o4755)
    replace(str(file), OLD, NEW)
    status = file.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 2345, 0o4755)


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="this system has no extended attributes")
def test_extended_attributes_stay(file):
    try:
        os.setxattr(file, "user.note", b"kept")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    replace(str(file), OLD, NEW)
    assert os.getxattr(file, "user.note") == b"kept"


def test_a_symbolic_link_stays_one_and_its_target_is_written(file, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = elsewhere / "link.py"
    link.symlink_to("../live.py")
    replace(str(link), OLD, NEW)
    assert link.is_symlink()
    assert file.read_bytes() == NEW
    assert os.listdir(elsewhere) == ["link.py"]


def test_a_file_that_changed_since_it_was_read_is_left_alone(file):
    file.write_bytes(b"somebody else was faster")
    with pytest.raises(writing.ChangedSinceRead):
        replace(str(file), OLD, NEW)
    assert file.read_bytes() == b"somebody else was faster"
    assert os.listdir(file.parent) == ["live.py"]


def test_a_read_only_file_is_refused_also_to_root(file):
    file.chmod(0o444)
    with pytest.raises(PermissionError, match="the file is read-only"):
        replace(str(file), OLD, NEW)
    assert file.read_bytes() == OLD
    assert os.listdir(file.parent) == ["live.py"]


def test_a_read_only_folder_is_refused_also_to_root(file):
    file.parent.chmod(0o555)
    try:
        with pytest.raises(PermissionError, match="the folder is read-only"):
            replace(str(file), OLD, NEW)
    finally:
        file.parent.chmod(0o755)
    assert file.read_bytes() == OLD


def test_a_file_that_went_away_is_an_error_and_is_not_made_again(tmp_path):
    with pytest.raises(FileNotFoundError):
        replace(str(tmp_path / "gone.py"), OLD, NEW)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("failure", [OSError("disk full"), KeyboardInterrupt()])
def test_what_goes_wrong_before_the_rename_leaves_the_old_file_and_no_other(file, failure, monkeypatch):
    def fail(*_):
        raise failure

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(type(failure)):
        replace(str(file), OLD, NEW)
    assert file.read_bytes() == OLD
    assert os.listdir(file.parent) == ["live.py"]


def test_the_bytes_are_on_the_disk_before_they_take_the_name(file, monkeypatch):
    order = []
    fsync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (order.append("flush"), fsync(descriptor)))
    monkeypatch.setattr(os, "replace", lambda *names: (order.append("rename"), rename(*names)))
    replace(str(file), OLD, NEW)
    assert order == ["flush", "rename", "flush"]


def test_a_content_that_cannot_be_staged_leaves_nothing(file, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        replace(str(file), OLD, NEW)
    assert file.read_bytes() == OLD
    assert os.listdir(file.parent) == ["live.py"]


def test_a_temporary_file_is_never_one_that_was_there(file):
    file.with_name(".migrate-1").write_bytes(b"somebody's")
    with pytest.raises(FileExistsError):
        writing.stage(str(file), OLD, NEW, str(file.with_name(".migrate-1")))
    assert file.with_name(".migrate-1").read_bytes() == b"somebody's"


def test_names_as_long_as_the_file_system_allows_can_be_written(tmp_path):
    path = tmp_path / ("n" * 252 + ".py")
    path.write_bytes(OLD)
    replace(str(path), OLD, NEW)
    assert path.read_bytes() == NEW
