import pytest

from migrator import formatters


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """A function that writes files of a project and gives the commands for ``app/a.py`` and ``app/b c.py``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / "app").mkdir()

    def run(files, paths=("app/b c.py", "app/a.py")):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return formatters.commands(paths)

    return run


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"pyproject.toml": "[tool.ruff]\nline-length = 100\n"}, ["ruff format"]),
        ({"pyproject.toml": "[tool.ruff.lint]\nselect = ['I']\n"}, ["ruff format"]),
        ({"ruff.toml": ""}, ["ruff format"]),
        ({".pre-commit-config.yaml": "repos:\n- hooks:\n  - id: ruff-format\n"}, ["ruff format"]),
        ({"pyproject.toml": "[tool.black]\n[tool.isort]\nprofile = 'black'\n"}, ["isort", "black"]),
        ({"setup.cfg": "[isort]\n", ".pre-commit-config.yaml": "  -   id: black\n"}, ["isort", "black"]),
        ({".isort.cfg": "[settings]\n"}, ["isort"]),
        ({"pyproject.toml": "[tool.black]\n[tool.ruff]\n"}, ["black"]),
        ({"pyproject.toml": "# [tool.black]\n[project]\nname = 'id: black'\n"}, []),
        ({"pyproject.toml": "[tool.blackened]\n[tool.ruffian]\n"}, []),
        ({}, []),
    ],
)
def test_the_formatter_of_the_project_is_named_with_the_files(commands, files, expected):
    assert commands(files) == tuple(f"{name} app/a.py 'app/b c.py'" for name in expected)


def test_the_nearest_configuration_counts(commands):
    files = {"pyproject.toml": "[tool.black]\n", "app/pyproject.toml": "[tool.ruff]\n"}
    assert commands(files, ["app/a.py", "b.py"]) == ("black b.py", "ruff format app/a.py")


def test_a_configuration_above_the_repository_is_somebody_elses(commands, tmp_path):
    (tmp_path / "app" / ".git").mkdir()
    assert commands({"pyproject.toml": "[tool.black]\n"}) == ()


def test_files_that_are_no_python_are_not_given_to_a_formatter(commands):
    changed = ("app/a.py", "pyproject.toml", ".env.example")
    assert commands({"pyproject.toml": "[tool.ruff]\n"}, changed) == ("ruff format app/a.py",)
