"""What a program that used an SDK has to know, whose imports are the drop-in's now."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from migrator.analysis.names import keyword_value
from migrator.analysis.outside import environment_variable
from migrator.dialects.sdk import CLIENTS, SdkProgram
from migrator.dialects.sdk_configuration import configurations
from migrator.edits import Note
from migrator.options import Options
from migrator.rules import endpoint
from migrator.rules.authorization import KEY_VARIABLE
from migrator.rules.drop_in import lost
from shim.protocol.mapping.hosts import residency_warning

_TAKES_URL = ("ConnectionSettings", "RTConnectionSettings", "ConnectionConfig")
"""Classes whose first positional argument is the address."""

_TAKES_KEY = ("ConnectionSettings", "RTConnectionSettings", "JWTAuth", "StaticKeyAuth", *CLIENTS)


def losses(program: SdkProgram, options: Options) -> Iterator[Note]:
    """What AssemblyAI has nothing for, and where no audio is led to AssemblyAI."""
    for asked in configurations(program):
        yield from lost(asked.message, asked.fields, asked.call.lineno, options)
    yield from _addresses(program, options)
    yield from _files(program)


def _files(program: SdkProgram) -> Iterator[Note]:
    """Files went as fast as Speechmatics took them."""
    for call in program.client_calls("run", "run_synchronously", "transcribe"):
        source = call.args[0] if call.args else keyword_value(call, "stream") or keyword_value(call, "source")
        if source is not None and program.is_file(source):
            yield Note(
                call.lineno,
                "the audio of a file leaves at the pace at which it was spoken, so the session takes its playing time",
            )


def _addresses(program: SdkProgram, options: Options) -> Iterator[Note]:
    for call, path in program.calls(*_TAKES_URL, *CLIENTS):
        url = keyword_value(call, "url")
        if url is None and path.rpartition(".")[2] in _TAKES_URL and call.args:
            url = call.args[0]
        if url is None or program.names.value(url) is None:
            continue
        found = endpoint.address_of(program.source, program.names, url)
        if isinstance(found, str):
            yield Note(
                url.lineno,
                f"{found}; the drop-in leads only connections to Speechmatics' cloud to AssemblyAI, and others where "
                "`shim.configure(speechmatics_hosts=[...])` names their host",
            )
        elif options.region == "auto" and (warning := residency_warning(found[0])):
            yield Note(url.lineno, warning)


def key(program: SdkProgram) -> Iterator[Note]:
    """The key is AssemblyAI's now, said once for each source, where its client or its key is made."""
    calls = list(program.calls(*_TAKES_KEY))
    given = [value for call, path in calls if (value := _key(program, call, path)) is not None]
    if given:
        value = given[0]
        variable = environment_variable(program.names.resolve(value))
        read = program.names.value(variable) if variable is not None else ""
        rest = _advice(read if isinstance(read, str) else "", program.names.value(value))
        yield Note(value.lineno, f"{_TAKEN}; the key of Speechmatics given here is not used any more{rest}")
    elif calls:
        yield Note(calls[0][0].lineno, _TAKEN)


_TAKEN = f"the key comes from the environment variable {KEY_VARIABLE}"


def _advice(variable: str, text: object) -> str:
    if variable:
        return f", but the program still reads {variable}"
    return ": withdraw it, it stands in the source" if isinstance(text, str) and text else ""


def _key(program: SdkProgram, call: ast.Call, path: str) -> ast.expr | None:
    value = keyword_value(call, "auth_token") or keyword_value(call, "api_key")
    if value is not None or not call.args:
        return value
    match path.rpartition(".")[2]:
        case "JWTAuth" | "StaticKeyAuth":
            return call.args[0]
        case "WebsocketClient" if isinstance(program.names.value(call.args[0]), str):
            return call.args[0]
    return None
