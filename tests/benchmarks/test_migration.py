"""What the migration of a project costs, beside searching it with grep, parsing it, and other codemods."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import libcst
import pytest

from migrator.engine import migrate_project, migrate_source
from migrator.options import Options
from migrator.project import SPEECHMATICS_MARKS, mentions_speechmatics

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted((ROOT / "fixtures" / "programs").rglob("legacy.py"))
LIBRARIES = [Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))]
CODEMODS = ROOT / ".environments" / "codemods" / "bin"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
FILES = 10_000
CANDIDATES = 20

pytestmark = pytest.mark.timeout(3600)


def libraries():
    """Real-world files that do not mention Speechmatics: their names below a library, and their bytes."""
    for library in LIBRARIES:
        for folder, folders, names in os.walk(library):
            folders[:] = sorted(name for name in folders if name not in ("site-packages", "__pycache__"))
            for name in sorted(names):
                if name.endswith(".py"):
                    path = Path(folder, name)
                    source = path.read_bytes()
                    if not mentions_speechmatics(source):
                        yield path.relative_to(library), source


def plant(root, files, candidates=0):
    """A project with so many files of the libraries, again and again if they are fewer, and so many legacy programs."""
    (root / "pyproject.toml").parent.mkdir(parents=True)
    (root / "pyproject.toml").write_text("")
    (root / "live").mkdir()
    for number in range(candidates):
        shutil.copy(PROGRAMS[number % len(PROGRAMS)], root / "live" / f"program{number}.py")
    written = 0
    while written < files:
        part = root / f"part{written}"
        for name, source in libraries():
            if written == files:
                break
            path = part / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source)
            written += 1
    return root


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A project of 10,000 files without Speechmatics."""
    return plant(tmp_path_factory.mktemp("large") / "project", FILES)


@pytest.fixture(scope="module")
def large_with_candidates(tmp_path_factory):
    """The same with 20 legacy programs."""
    return plant(tmp_path_factory.mktemp("candidates") / "project", FILES, CANDIDATES)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A project of 3,000 Python files, and as many files around the code and files that are none of ours."""
    root = plant(tmp_path_factory.mktemp("mixed") / "project", 3_000)
    around = ("workflow.yaml", "page.js", "page.html", "Dockerfile", "guide.md", "settings.ini")
    others = ("data.json", "styles.css", "rows.csv", "LICENSE", "drawing.svg", "words.txt")
    names = around + others
    for number, path in enumerate(sorted(root.rglob("*.py"))):
        shutil.copy(path, path.with_name(f"{path.stem}.{names[number % len(names)]}"))
        shutil.copy(path, path.with_name(f"{path.stem}.{names[(number + 6) % len(names)]}"))
    return root


def command(*arguments, cwd, allowed=(0,)):
    """A function that runs a command."""

    def run():
        done = subprocess.run(
            [str(argument) for argument in arguments],
            cwd=cwd,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=False,
        )
        assert done.returncode in allowed, done.stderr[-2000:]

    return run


def migrate(*arguments, cwd):
    """A function that runs ``migrate`` as a process of its own, start-up included."""
    return command(sys.executable, "-m", "migrator", *arguments, cwd=cwd)


def in_turns(best_of, rounds, **functions):
    """The shortest time of each function; they take turns, so that what else the machine does meets all of them."""
    best = dict.fromkeys(functions, float("inf"))
    for _ in range(rounds):
        for name, function in functions.items():
            best[name] = min(best[name], best_of(function, 1))
    return best


def test_nothing_to_do_costs_little_more_than_grep(large, best_of, table):
    marks = [word for mark in SPEECHMATICS_MARKS for word in ("-e", mark.decode())]
    times = in_turns(
        best_of,
        12,
        grep=command("grep", "-rl", "speechmatics", ".", cwd=large, allowed=(1,)),
        any_case=command("grep", "-rli", "speechmatics", ".", cwd=large, allowed=(1,)),
        same_words=command("grep", "-rlF", *marks, ".", cwd=large, allowed=(1,)),
        migrate=migrate(".", cwd=large),
        one_process=migrate("--jobs", "1", ".", cwd=large),
    )
    table(
        f"{FILES:,} files without Speechmatics, start-up included",
        [
            ("grep -rl speechmatics", times["grep"]),
            ("grep -rli speechmatics", times["any_case"]),
            ("grep -rlF for the same five words", times["same_words"]),
            ("migrate", times["migrate"]),
            ("migrate --jobs 1", times["one_process"]),
        ],
    )
    assert times["migrate"] < 5 * times["grep"]


def test_a_tree_of_all_kinds_of_files_costs_little_more_than_grep(mixed, best_of, table):
    times = in_turns(
        best_of,
        12,
        grep=command("grep", "-rl", "speechmatics", ".", cwd=mixed, allowed=(1,)),
        migrate=migrate(".", cwd=mixed),
    )
    files = sum(path.is_file() for path in mixed.rglob("*"))
    table(
        f"{files:,} files, a third of them Python and a third around the code, without Speechmatics",
        [("grep -rl speechmatics", times["grep"]), ("migrate", times["migrate"])],
    )
    assert times["migrate"] < 5 * times["grep"]


def test_a_large_project_costs_a_tenth_of_what_other_codemods_cost(
    large_with_candidates, best_of, table, tmp_path
):
    if not CODEMODS.is_dir():
        pytest.fail("the environment codemods is missing; run scripts/test --install")
    names = [str(path.relative_to(large_with_candidates)) for path in large_with_candidates.rglob("*.py")]
    ours = best_of(migrate(".", cwd=large_with_candidates), 5)
    rows = [("migrate, 20 legacy programs in it", ours)]
    # They parse file after file, so a part of the files tells what all of them cost; some would take hours.
    for tool, part, *options in (
        ("django-upgrade", 10, "--target-version", "5.0"),
        ("pyupgrade", 10, "--py39-plus"),
        ("bump-pydantic", 200, "--diff", "."),
    ):
        chosen = names[::part]
        for name in chosen:
            (tmp_path / tool / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(large_with_candidates / name, tmp_path / tool / name)
        files = [] if "." in options else chosen
        run = command(CODEMODS / tool, *options, *files, cwd=tmp_path / tool, allowed=(0, 1))
        share = len(names) / len(chosen)
        rows.append((f"{tool}, {len(chosen)} of the files, times {share:.0f}", best_of(run, 1) * share))
    table(f"{FILES:,} files with {CANDIDATES} legacy programs", rows)
    assert 5 * ours < min(seconds for _, seconds in rows[1:])


def test_a_changed_file_costs_a_few_parses(best_of, table):
    sources = [path.read_bytes() for path in PROGRAMS]
    changed = [source for source in sources if migrate_source("a.py", source, Options()).changed]
    native = [s for s in changed if migrate_source("a.py", s, Options()).status == "native"]
    assert len(changed) > 20

    def rows_of(what, chosen):
        def parse_all():
            for source in chosen:
                libcst.parse_module(source)

        def migrate_all():
            for source in chosen:
                migrate_source("a.py", source, Options())

        parse, work = best_of(parse_all, 5), best_of(migrate_all, 5)
        return [(f"libcst.parse_module, {len(chosen)} {what}", parse), ("migrate_source", work)]

    for what, chosen in (("changed programs", changed), ("rewritten programs", native)):
        rows = rows_of(what, chosen)
        table(f"Per changed file: {what}", rows)
        assert rows[1][1] < 12 * rows[0][1]


def test_a_unit_of_several_files_costs_a_few_parses(best_of, table):
    projects = [
        {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.py"))}
        for folder in sorted((ROOT / "fixtures" / "projects").glob("*/legacy"))
    ]
    mentions = [project[path] for project in projects for path in migrate_project(project, Options())]
    assert len(mentions) > len(projects)

    def parse_all():
        for source in mentions:
            libcst.parse_module(source)

    def migrate_all():
        for project in projects:
            migrate_project(project, Options())

    parse, work = best_of(parse_all, 5), best_of(migrate_all, 5)
    table(
        f"{len(projects)} projects whose connections are divided among files",
        [
            (f"libcst.parse_module, the {len(mentions)} files that mention Speechmatics", parse),
            ("migrate_project", work),
        ],
    )
    assert work < 25 * parse


def test_the_cost_grows_with_the_files_and_no_faster(large, best_of, table, tmp_path):
    rows = []
    for files in (100, 1_000):
        rows.append((f"{files:,} files", best_of(migrate(".", cwd=plant(tmp_path / str(files), files)), 7)))
    rows.append((f"{FILES:,} files", best_of(migrate(".", cwd=large), 7)))
    table("migrate by files without Speechmatics", rows)
    assert rows[-1][1] < 100 * rows[0][1]


def test_two_processes_are_faster_than_one(best_of, table, tmp_path):
    project = plant(tmp_path / "many", 200, 200)
    one = best_of(migrate("--jobs", "1", ".", cwd=project), 3)
    two = best_of(migrate("--jobs", "2", ".", cwd=project), 3)
    table("200 legacy programs", [("migrate --jobs 1", one), ("migrate --jobs 2", two)])
    assert two < 1.1 * one


def test_memory_does_not_grow_with_the_files(large, capsys, tmp_path):
    # Not getrusage: its peak begins with that of the process which started this one.
    measure = (
        "from migrator.cli import main; main(['--jobs', '1', '.']);"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    peaks = []
    for project in (plant(tmp_path / "small", 100), large):
        done = subprocess.run(
            [sys.executable, "-c", measure], cwd=project, env=ENVIRONMENT, capture_output=True, check=True
        )
        peaks.append(int(done.stdout) / 1024)
    with capsys.disabled():
        print(f"\n\nPeak memory: 100 files {peaks[0]:.0f} MB, {FILES:,} files {peaks[1]:.0f} MB")
    assert peaks[1] < peaks[0] + 30
