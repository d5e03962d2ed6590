"""The whole migration as one command of ``libcst.codemod``, for those who run several codemods over a tree.

``python -m libcst.tool codemod --no-format -x migrator.codemod.MigrateCommand --to shim path/to/project``. Each file is decided alone
there: `migrate` itself also follows imports, changes what stands around the code, and can undo what it wrote.
"""

from __future__ import annotations

import argparse
from typing import get_args

import libcst as cst
from libcst.codemod import CodemodCommand, CodemodContext

from migrator.engine import migrate_source
from migrator.options import Options, Region, Target


class MigrateCommand(CodemodCommand):
    """Moves one module; what is left to a person is a warning with its line."""

    DESCRIPTION = "Move Python code from Speechmatics real-time to AssemblyAI Streaming v3."

    @staticmethod
    def add_args(arg_parser: argparse.ArgumentParser) -> None:
        """The options of ``migrate`` that change what a rewrite looks like."""
        arg_parser.add_argument("--to", choices=get_args(Target), default="auto")
        arg_parser.add_argument("--region", choices=get_args(Region), default="auto")
        arg_parser.add_argument("--speech-model", metavar="M", default=None)

    def __init__(
        self,
        context: CodemodContext,
        to: Target = "auto",
        region: Region = "auto",
        speech_model: str | None = None,
    ) -> None:
        super().__init__(context)
        self._options = Options(to=to, region=region, speech_model=speech_model)

    def transform_module_impl(self, tree: cst.Module) -> cst.Module:
        """The module after the migration.

        Raises:
            ValueError: it cannot be analysed; the message has line and column.
        """
        result = migrate_source(self.context.filename or "<module>", tree.bytes, self._options)
        if result.status == "error":
            raise ValueError(result.error)
        for finding in result.findings:
            self.warn(f"line {finding.line}: {finding.message}")
        return cst.parse_module(result.after) if result.changed else tree
