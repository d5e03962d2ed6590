"""The Speechmatics SDK speechmatics-python, led to AssemblyAI: ``import shim.speechmatics as speechmatics``.

Its modules have the names of the SDK's. docs/speechmatics-sdk.md says what is not the same.
"""

from __future__ import annotations

import warnings

from shim.speechmatics import client, config, constants, exceptions, helpers, models
from shim.speechmatics.client import *  # noqa: F403
from shim.speechmatics.exceptions import *  # noqa: F403
from shim.speechmatics.models import *  # noqa: F403

__all__ = ["client", "config", "constants", "exceptions", "helpers", "models", "warnings"]
__all__ += client.__all__
__all__ += exceptions.__all__
__all__ += models.__all__
