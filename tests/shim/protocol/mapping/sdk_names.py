"""Prints the public classes of modules as JSON: the values of an enum, the names of the fields of any other class.

Runs in the environment of a vendor's SDK: ``python sdk_names.py MODULE ...``.
"""

import dataclasses
import enum
import importlib
import inspect
import json
import sys


def members(cls):
    """The values of an enum, the fields of a dataclass or a pydantic model, the annotations of any other class."""
    if issubclass(cls, enum.Enum):
        return [member.value for member in cls]
    if dataclasses.is_dataclass(cls):
        return [field.name for field in dataclasses.fields(cls)]
    return list(getattr(cls, "model_fields", None) or getattr(cls, "__annotations__", {}))


print(
    json.dumps(
        {
            name: members(value)
            for module in map(importlib.import_module, sys.argv[1:])
            for name, value in vars(module).items()
            if inspect.isclass(value) and not name.startswith("_")
        }
    )
)
