"""Loggers, under the names that they have in speechmatics-rt, so that a program's logging configuration still fits."""

from __future__ import annotations

import logging


def get_logger(name: str) -> logging.Logger:
    """The logger of this name; it prints nothing of its own accord, for as long as the program configures no logging."""
    logger = logging.getLogger(name)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger
