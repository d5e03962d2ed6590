"""The version of speechmatics-rt that this package stands in for."""

from __future__ import annotations

VERSION = "1.2.1"
"""Also what a server of somebody else is told in the parameter ``sm-sdk`` of the address."""
