"""The vendors' own specifications, as judges of both vocabularies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml


def _load(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return loaded


@pytest.fixture(scope="session")
def speechmatics_specification(oracles: Path) -> dict[str, Any]:
    """Speechmatics' AsyncAPI document."""
    specification = _load(oracles / "speechmatics-realtime.asyncapi.yml")
    # The custom-dictionary page names this type, the specification's list lacks it.
    specification["components"]["schemas"]["WarningTypeEnum"]["enum"].append("validation_warning")
    return specification


@pytest.fixture(scope="session", params=["universal-3", "universal-streaming"])
def assemblyai_specification(request: pytest.FixtureRequest, oracles: Path) -> dict[str, Any]:
    """AssemblyAI's AsyncAPI documents, one after the other."""
    return _load(oracles / f"assemblyai-{request.param}.asyncapi.yml")


@pytest.fixture(scope="session")
def matches_speechmatics(speechmatics_specification: dict[str, Any]) -> Callable[[Any], None]:
    """Fails when a message breaks the schema of its name, or has a property that the schema lacks."""
    schemas = speechmatics_specification["components"]["schemas"]

    def check(message: dict[str, Any]) -> None:
        schema = {"$ref": f"#/components/schemas/{message['message']}"}
        jsonschema.validate(message, {**schema, "components": {"schemas": schemas}})
        # "format" is on the wire of EndOfUtterance (captured), not in the specification.
        assert set(message) <= {*schemas[message["message"]]["properties"], "format"}

    return check
