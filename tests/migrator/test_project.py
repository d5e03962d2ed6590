import os
import subprocess
from pathlib import Path

import pytest

from migrator import project
from shim.protocol.mapping.messages import CLIENT_MESSAGES, SERVER_MESSAGES

LEGACY = b"URL = 'wss://eu2.rt.speechmatics.com/v2'\n"


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A function that writes files into the current directory, which is an empty folder."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)

    def write(*names, content=LEGACY):
        for name in names:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return root

    return write


def test_what_several_processes_find_is_what_one_finds(tree, monkeypatch):
    tree(*(f"p{number % 7}/{number}.py" for number in range(40)), content=b"print()\n")
    tree("p1/a.py", "p5/b.py")
    tree("p2/c.py", content=b"URL = 'wss://streaming.assemblyai.com/v3/ws'\n")
    alone = project.find(["."])
    monkeypatch.setattr(project.sieve, "WORTH_A_PROCESS", 3)
    monkeypatch.setattr(project.sieve, "_can_fork", lambda: hasattr(os, "fork"))
    monkeypatch.setattr(project, "_AT_ONCE", 20)
    assert project.find(["."], jobs=3) == alone
    assert (len(alone.files), alone.scanned, alone.migrated) == (2, 43, 1)


def found(*paths, excludes=()):
    return [candidate.path for candidate in project.find(paths or ["."], excludes).files]


def git(*arguments):
    subprocess.run(["git", "-c", "init.defaultBranch=main", *arguments], check=True, capture_output=True)


@pytest.mark.parametrize(
    "source",
    [
        LEGACY,
        b"import speechmatics",
        b"from speechmatics.rt import AsyncClient",
        b"os.environ['SPEECHMATICS_API_KEY']",
        b"Speechmatics",
        b"{'message': 'StartRecognition'}",
        b"if kind == 'AddTranscript': pass",
        b"if kind == 'AddPartialTranscript': pass",
    ],
)
def test_a_file_with_a_mark_of_speechmatics_is_a_candidate(tree, source):
    tree("a.py", content=source)
    assert found() == ["a.py"]
    assert project.find(["."]).files[0].source == source


def test_the_message_names_among_the_marks_are_those_of_the_tables():
    names = {mark.decode() for mark in project.SPEECHMATICS_MARKS if b"peech" not in mark.lower()}
    assert names <= CLIENT_MESSAGES.keys() | SERVER_MESSAGES.keys()


def test_files_without_a_mark_are_counted_only(tree):
    tree("a.py", "b/c.py", content=b"print('hello')\n")
    candidates = project.find(["."])
    assert (candidates.files, candidates.scanned, candidates.migrated) == ((), 2, 0)


def test_no_mark_is_without_one_of_the_words_that_every_file_is_searched_for():
    for mark in project.SPEECHMATICS_MARKS:
        assert project.mentions_speechmatics(b"before " + mark + b" after")


def test_files_that_use_assemblyai_and_no_speechmatics_count_as_migrated(tree):
    tree("a.py", content=b"URL = 'wss://streaming.assemblyai.com/v3/ws'\n")
    assert project.find(["."]).migrated == 1


def test_candidates_come_in_order_of_their_paths_relative_to_the_current_directory(tree):
    root = tree("z.py", "app/b.pyw", "app/a.py", "README.md", "app/script")
    assert found() == found(str(root)) == ["app/a.py", "app/b.pyw", "z.py"]
    assert found("app") == found("./app/") == found("app/../app") == ["app/a.py", "app/b.pyw"]


def test_a_file_outside_of_the_current_directory_has_its_absolute_path(tree, tmp_path):
    tree("a.py")
    other = tmp_path / "other.py"
    other.write_bytes(LEGACY)
    assert found("../other.py") == [str(other)]


def test_a_path_through_a_linked_folder_and_up_again_names_the_file_that_it_opens(tree, tmp_path):
    root = tree("a.py", content=b"")
    (tmp_path / "far" / "inner").mkdir(parents=True)
    (tmp_path / "far" / "a.py").write_bytes(LEGACY)
    (root / "link").symlink_to(tmp_path / "far" / "inner")
    assert found("link/../a.py") == [str(tmp_path / "far" / "a.py")]


def test_a_file_that_is_named_twice_is_found_once(tree):
    root = tree("app/a.py")
    (root / "link.py").symlink_to("app/a.py")
    assert found(".", "app", "app/a.py", "link.py", str(root / "app" / "a.py")) == ["app/a.py"]


@pytest.mark.parametrize(
    "folder",
    [
        ".git",
        ".venv",
        "venv",
        "node_modules",
        "lib/site-packages",
        "__pycache__",
        "build",
        "dist",
        ".tox",
        "x.egg-info",
    ],
)
def test_folders_that_are_not_the_users_source_are_not_entered(tree, folder):
    tree("a.py", f"{folder}/inner/b.py")
    assert found() == ["a.py"]


def test_a_virtual_environment_is_known_by_its_configuration_whatever_its_name(tree):
    tree("a.py", "my-env/pyvenv.cfg", "my-env/b.py")
    assert found() == ["a.py"]


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("build", "a build folder; name it to look into it"),
        ("app/vendor", "other people's sources; name it to look into it"),
        ("third_party", "other people's sources; name it to look into it"),
        ("app/_vendor", "other people's sources; name it to look into it"),
    ],
)
def test_folders_with_what_others_or_programs_wrote_are_named_where_they_mention_speechmatics(
    tree, folder, reason
):
    tree(f"{folder}/inner/b.py", f"{folder}/c.py", "a.py")
    tree("dist/b.py", "vendored/b.py", content=b"print()\n")
    candidates = project.find(["."])
    assert candidates.skipped == ((folder, reason),)
    assert [candidate.path for candidate in candidates.files] == ["a.py"]
    assert candidates.scanned == 1


@pytest.mark.parametrize("python", ["lib/python3.12/site-packages", "Lib/site-packages"])
@pytest.mark.parametrize("folder", [".venv", "my-env"])
def test_a_virtual_environment_is_named_where_it_has_a_package_of_speechmatics(tree, folder, python):
    tree("a.py", f"{folder}/pyvenv.cfg", f"{folder}/{python}/speechmatics/client.py")
    assert project.find(["."]).skipped == ()
    tree(f"{folder}/{python}/speechmatics_python-5.0.0.dist-info/METADATA")
    assert project.find(["."]).skipped == ((folder, "a virtual environment with speechmatics-python"),)
    assert found() == ["a.py"]


GENERATED = [
    ("a.py", b"# Code generated by protoc-gen-python. DO NOT EDIT.\n"),
    (
        "a.py",
        b"#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n# Generated by the protocol buffer compiler.  DO NOT EDIT!\n",
    ),
    ("a.py", b'"""Client."""\n# @generated by fern\n'),
    ("speech_pb2.py", b""),
    ("speech_pb2_grpc.py", b""),
]


@pytest.mark.parametrize(("name", "header"), GENERATED)
def test_a_generated_file_is_left_alone_and_named_where_it_mentions_speechmatics(tree, name, header):
    tree(name, content=header + LEGACY)
    tree("other_pb2.py", content=header)
    candidates = project.find(["."])
    assert candidates.files == ()
    assert [path for path, _ in candidates.skipped] == [name]
    assert "is generated" in candidates.skipped[0][1]
    assert found(name) == [name]


@pytest.mark.parametrize(
    "header",
    [
        b"x = '# @generated'\n",
        b"# captions are generated live\n",
        b"# DO NOT EDIT\n",
        b"\n" * 3000 + b"# @generated\n",
    ],
)
def test_a_file_that_only_speaks_of_generating_is_the_users(tree, header):
    tree("a.py", content=header + LEGACY)
    assert found() == ["a.py"]


@pytest.mark.parametrize("path", ["build", "build/b.py", "node_modules/x"])
def test_what_is_named_is_looked_into_wherever_it_is(tree, path):
    tree("build/b.py", "node_modules/x/b.py", ".gitignore")
    assert len(found(path)) == 1


class TestIgnores:
    def test_files_and_folders_of_gitignore_are_left_out(self, tree):
        tree("a.py", "secret.py", "out/b.py", "deep/out/c.py")
        tree(".gitignore", content=b"secret.py\nout/\n")
        assert found() == ["a.py"]

    def test_an_ignored_file_with_a_hit_is_named_as_skipped(self, tree):
        tree("secret.py")
        tree(".gitignore", content=b"secret.py\n")
        candidates = project.find(["."])
        assert [path for path, _ in candidates.skipped] == ["secret.py"]
        assert candidates.scanned == 0

    def test_a_file_named_on_the_command_line_is_found_although_ignored_and_excluded(self, tree):
        tree("secret.py")
        tree(".gitignore", content=b"secret.py\n")
        assert found("secret.py", excludes=["*.py"]) == ["secret.py"]

    def test_a_nearer_gitignore_wins(self, tree):
        tree("app/a.py", "b.py")
        tree(".gitignore", content=b"*.py\n")
        tree("app/.gitignore", content=b"!a.py\n")
        assert found() == ["app/a.py"]

    def test_a_slash_binds_a_pattern_to_its_folder(self, tree):
        tree("a.py", "app/a.py")
        tree(".gitignore", content=b"/a.py\n")
        assert found() == ["app/a.py"]

    def test_the_ignores_of_the_work_tree_hold_in_its_folders(self, tree):
        tree("app/a.py", "app/made/b.py", "app/private.py")
        git("init")
        tree(".gitignore", content=b"/app/made/\n")
        tree(".git/info/exclude", content=b"private.py\n")
        assert found("app") == found() == ["app/a.py"]

    def test_a_gitignore_that_is_no_text_stops_nothing(self, tree):
        tree("a.py")
        tree(".gitignore", content=b"\xff\xfe\x00\n[\n")
        assert found() == ["a.py"]

    def test_agreement_with_git(self, tree):
        tree("a.py", "b/a.py", "b/x1.py", "b/keep.py", "c/d/e.py", "c/d/f.py", "logs/x.py", "we ird/x.py")
        tree(".gitignore", content=b"# comment\nx?.py\n**/d/e.py\n/logs\nwe\\ ird/\n!keep.py\n")
        git("init")
        listed = subprocess.run(
            ["git", "ls-files", "-o", "--exclude-standard", "*.py"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert found() == sorted(listed.stdout.split())

    @pytest.mark.parametrize("pattern", ["app", "app/", "app/*.py", "**/a.py", "a.py", "/app/a.py"])
    def test_excludes_are_patterns_as_in_gitignore(self, tree, pattern):
        tree("app/a.py", "b.py")
        assert found(excludes=[pattern]) == ["b.py"]


class TestLinksAndRepositories:
    def test_links_that_go_round_end(self, tree):
        root = tree("app/a.py")
        (root / "app" / "again").symlink_to(root)
        (root / "app" / "self.py").symlink_to("self.py")
        assert found() == ["app/a.py"]

    def test_links_out_of_the_tree_are_left_alone_and_named(self, tree, tmp_path):
        root = tree("a.py")
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "b.py").write_bytes(LEGACY)
        (root / "linked").symlink_to(tmp_path / "outside")
        (root / "c.py").symlink_to(tmp_path / "outside" / "b.py")
        candidates = project.find(["."])
        assert [candidate.path for candidate in candidates.files] == ["a.py"]
        assert [path for path, _ in candidates.skipped] == ["c.py", "linked"]

    def test_a_named_link_is_followed(self, tree, tmp_path):
        root = tree()
        (tmp_path / "b.py").write_bytes(LEGACY)
        (root / "c.py").symlink_to(tmp_path / "b.py")
        assert found("c.py") == ["c.py"]

    def test_a_repository_inside_another_is_left_alone_and_named_where_it_mentions_speechmatics(self, tree):
        tree("a.py", "vendored/b.py")
        git("init")
        tree("vendored/.git", "other/.git", content=b"gitdir: ../.git/modules/vendored\n")
        tree("other/c.py", content=b"print()\n")
        candidates = project.find(["."])
        assert [candidate.path for candidate in candidates.files] == ["a.py"]
        assert candidates.skipped == (("vendored", "a git repository inside another; run migrate there"),)

    def test_a_submodule_of_a_repository_below_is_left_alone_too(self, tree):
        tree("one/a.py", "one/vendored/b.py")
        git("init", "one")
        tree("one/vendored/.git", content=b"gitdir: ../.git/modules/vendored\n")
        assert found() == ["one/a.py"]

    def test_repositories_side_by_side_are_all_looked_into_each_with_its_ignores(self, tree):
        tree("one/a.py", "two/a.py", "two/b.py")
        git("init", "one")
        git("init", "two")
        tree("two/.gitignore", content=b"b.py\n")
        assert found() == ["one/a.py", "two/a.py"]


class TestBadInput:
    def test_a_path_that_does_not_exist_is_named_and_nothing_is_searched(self, tree):
        tree("a.py")
        with pytest.raises(project.NoSuchPath, match=r"^no such path: gone, lost\.py$"):
            project.find(["a.py", "gone", "lost.py"])

    def test_a_link_without_a_target_is_named_when_it_was_asked_for(self, tree):
        (tree() / "a.py").symlink_to("gone.py")
        with pytest.raises(project.NoSuchPath, match=r"without a target: a\.py"):
            project.find(["a.py"])

    def test_a_link_without_a_target_is_left_alone_and_named_when_it_was_not(self, tree):
        (tree() / "a.py").symlink_to("gone.py")
        (tree() / "data.bin").symlink_to("gone.bin")
        assert project.find(["."]).skipped == (("a.py", "a symbolic link without a target"),)
        assert project.find(["."]).errors == ()

    @pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
    def test_a_file_without_permission_is_named_and_the_others_are_found(self, tree):
        (tree("a.py", "b.py") / "a.py").chmod(0)
        candidates = project.find(["."])
        assert candidates.errors == (("a.py", "cannot be read: Permission denied"),)
        assert [candidate.path for candidate in candidates.files] == ["b.py"]

    def test_a_folder_and_a_file_that_cannot_be_read_are_named_and_the_others_are_found(
        self, tree, monkeypatch
    ):
        tree("a.py", "locked/b.py", "c.py")
        scandir, real_open = os.scandir, open

        def refuse(path, *_, **__):
            raise PermissionError(13, "Permission denied", path)

        monkeypatch.setattr(
            os, "scandir", lambda path: (refuse if path.endswith("locked") else scandir)(path)
        )
        monkeypatch.setattr(
            "builtins.open",
            lambda path, *a, **k: (refuse if str(path).endswith("c.py") else real_open)(path, *a, **k),
        )
        candidates = project.find(["."])
        assert candidates.errors == (
            ("c.py", "cannot be read: Permission denied"),
            ("locked", "cannot be read: Permission denied"),
        )
        assert [candidate.path for candidate in candidates.files] == ["a.py"]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_a_pipe_with_the_name_of_a_program_is_never_opened(self, tree):
        os.mkfifo(tree("b.py") / "a.py")
        assert found() == ["b.py"]
        assert project.find(["a.py"]).errors[0][0] == "a.py"

    def test_a_folder_with_the_name_of_a_program_is_a_folder(self, tree):
        tree("a.py/b.py")
        assert found() == ["a.py/b.py"]

    def test_a_script_without_suffix_is_looked_at_when_it_is_named(self, tree):
        tree("script", content=b"#!/usr/bin/env python3\n" + LEGACY)
        assert found() == []
        assert found("script") == ["script"]

    def test_a_named_file_of_another_language_is_skipped_and_named(self, tree):
        tree("README.md", "app.js")
        candidates = project.find(["README.md", "app.js"])
        assert candidates.files == ()
        assert [path for path, _ in candidates.skipped] == ["README.md", "app.js"]

    def test_a_script_with_a_foreign_suffix_is_looked_at_when_its_first_line_names_python(self, tree):
        tree("tool.cgi", content=b"#!/usr/bin/python3\n" + LEGACY)
        assert found("tool.cgi") == ["tool.cgi"]

    def test_names_that_are_no_text_can_be_found_and_opened(self, tree):
        name = os.fsdecode(b"\xff\xe9.py")
        tree(name)
        assert found() == [name]
        assert Path(found()[0]).read_bytes() == LEGACY

    def test_a_file_of_zeros_is_no_candidate(self, tree):
        tree("a.py", content=bytes(1000))
        assert project.find(["."]).scanned == 1


@pytest.mark.parametrize("own", ["app/shim.py", "shim.py", "app/shim/__init__.py"])
def test_a_shim_of_the_project_is_named_with_the_candidate(tmp_path, monkeypatch, own):
    monkeypatch.chdir(tmp_path)
    for name, text in {"pyproject.toml": "", "app/main.py": "StartRecognition", own: ""}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    [candidate] = project.find(["app/main.py"]).files
    assert candidate.own_shim == own.removesuffix("/__init__.py")


@pytest.mark.parametrize(
    "other",
    [
        "../shim.py",
        "shim/readme.md",
        "tools/shim.py",
        "shim/__init__.py shim/redirect.py shim/websocket.py shim/protocol",
    ],
)
def test_another_shim_is_not_in_the_way(tmp_path, other):
    folder = tmp_path / "project"
    for name in ["pyproject.toml", "app/main.py", *other.split()]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("StartRecognition")
    assert project.own_shim(str(folder / "app/main.py")) == ""


def test_a_file_without_a_project_is_looked_at_in_its_folder_only(tmp_path):
    for name in ("shim.py", "app/main.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    if not any(
        (parent / mark).exists() for parent in tmp_path.parents for mark in (".git", "pyproject.toml")
    ):
        assert project.own_shim(str(tmp_path / "app/main.py")) == ""
    assert project.own_shim(str(tmp_path / "other.py")) != ""
