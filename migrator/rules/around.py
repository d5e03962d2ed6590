"""The rules around the connection: files beside the code. What they do is in `migrator.surroundings`."""

from __future__ import annotations

from migrator.rules.rule import Rule

DEPENDENCIES = Rule(
    id="dependencies",
    title="Install what the code imports afterwards",
    why=(
        "What a project declares follows what its Python files import after the rewrite: `speechmatics-python` and "
        "`speechmatics-rt` go when nothing imports them any more, and stay while batch, voice or text-to-speech code, or a "
        "test that names them, needs them; the package of the drop-ins, or of AssemblyAI's SDK, comes where the code needs it. "
        "`websockets` that only came through a Speechmatics SDK is declared when code imports it. This covers "
        "requirements files, `pyproject.toml` (PEP 621, PEP 735, poetry, uv, pdm, hatch), `setup.cfg`, lists in `setup.py`, "
        "`Pipfile`, the pip part of `environment.yml`, and install commands in Dockerfiles, workflows, scripts and "
        "documents. Lock files and files with hashes get a finding that names the command. Nothing goes while it is not clear "
        "what some file imports."
    ),
    before="speechmatics-python==5.0.0\nnumpy>=1.26",
    after="speechmatics-to-assemblyai>=0.1\nnumpy>=1.26",
    language="text",
    selectable=True,
)

ENVIRONMENT = Rule(
    id="environment",
    title="Name the AssemblyAI key where the Speechmatics key is named",
    why=(
        "Rewritten code reads `ASSEMBLYAI_API_KEY`, so examples of `.env` files, compose files, workflows, Dockerfiles and "
        "scripts name that one. A program on the drop-in still reads its old variable; there the new one is added. Only "
        "names change, and only beside placeholders and references: a value that may be a real key never gets "
        "another name, and a file that may hold secrets gets a finding in place of a diff, whose neighbouring lines would "
        "show them. Variables that no code reads any more are named."
    ),
    before="SPEECHMATICS_API_KEY=your-key-here",
    after="ASSEMBLYAI_API_KEY=your-key-here",
    language="text",
    selectable=True,
)

DOCUMENTS = Rule(
    id="documents",
    title="Documents and settings that speak of Speechmatics",
    why=(
        "A README that tells of Speechmatics is no longer true when the code has moved. The finding names the lines; only "
        "install commands and names of environment variables are changed, by the other rules. Change logs are history and "
        "stay."
    ),
    selectable=True,
)

OTHER_LANGUAGES = Rule(
    id="other-languages",
    title="Programs in other languages",
    why=(
        "Programs in JavaScript, Go, Java and other languages that speak Speechmatics' real-time protocol are not "
        "rewritten. `shim serve` is a gateway that speaks the same protocol to them and AssemblyAI's to the other side. Code that "
        "uses Speechmatics' batch service is named as well; the gateway does not serve it."
    ),
    selectable=True,
)

NOTEBOOKS = Rule(
    id="notebooks",
    title="Code cells of notebooks",
    why=(
        "The code cells of a notebook are one program, and the rules of the connection apply to it. Outputs, metadata and "
        "cells without a change keep every byte; magics and shell lines stay where they are, and install commands among "
        "them follow the dependencies. Where code cannot be put back into its cells, nothing changes, and the finding says "
        "why. The diff is of the file, so a line of code is a line of JSON."
    ),
    selectable=True,
)

RULES = (DEPENDENCIES, ENVIRONMENT, NOTEBOOKS, DOCUMENTS, OTHER_LANGUAGES)
