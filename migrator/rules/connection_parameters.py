"""StartRecognition becomes the query of the connection."""

from __future__ import annotations

import ast
import json
from collections.abc import Generator, Iterator
from typing import Any

from migrator.analysis.names import UNKNOWN, Assumption
from migrator.rules import audio, endpoint
from migrator.rules.code import awaited, insert_line, is_text, keyword_removal, literal, visible, written
from migrator.rules.leftovers import is_seen_outside
from migrator.rules.rule import Note, Obstacle, Plan, Proposal, Removal, Rule, Session
from shim.protocol.mapping.languages import LANGUAGES, choose, model_named
from shim.protocol.mapping.parameters import DEFAULT_SAMPLE_RATE, PARAMETERS, Treatment, query_parameters

_LANGUAGE = "transcription_config.language"
_PARTIALS = "transcription_config.enable_partials"
_SAME_KIND = (_LANGUAGE, _PARTIALS)
"""What both services call the same, so that a value of the run time can go where it went before."""
_RATE, _ENCODING = "audio_format.sample_rate", "audio_format.encoding"
_USUAL = {_RATE: DEFAULT_SAMPLE_RATE, _ENCODING: "pcm_s16le"}
"""Stands for what is only known at run time, where the query is worked out."""


def propose(session: Session, plan: Plan) -> Iterator[Proposal]:
    """The dict of connection parameters before the connection, and the start message removed."""
    yield from _handshake(session, plan)
    connection, start = session.connection, session.start
    assert connection is not None
    assert start is not None
    line = start.call.lineno
    message, unknown = start_message(session)
    framed = audio.adapter_needed(session, plan)
    run_time = {_RATE, _ENCODING} if framed else {_RATE}
    assumed = {path: found for path in unknown if (found := session.names.assumed(start.fields[path]))}
    for path in unknown:
        row = PARAMETERS.get(path)
        if path in assumed and path in _SAME_KIND:
            _put(message, path, assumed[path].value)
        elif path not in run_time and (row is None or row.assemblyai):
            yield Obstacle(start.fields[path].lineno, _unknown(path, assumed.get(path)))
            return
        elif path in assumed and not path.startswith("audio_format."):
            setters = " and ".join(assumed[path].reasons)
            yield Note(start.fields[path].lineno, f"{path}, which {setters} may set, has no use any more")
    language = message.get("transcription_config", {}).get("language")
    choice = choose(language, plan.options.speech_model) if isinstance(language, str) else None
    if choice is None:
        yield Obstacle(line, f"no AssemblyAI model has the language {language!r}")
        return
    if model_named(choice.model).family != "universal-3":
        yield Obstacle(
            line,
            f"the language {language!r} needs the model {choice.model}, which revises and repeats its finals; the drop-in "
            "takes care of that",
        )
        return
    if _LANGUAGE in assumed:
        if choice.language_codes != (language,):
            setters = " and ".join(assumed[_LANGUAGE].reasons)
            yield Obstacle(
                start.fields[_LANGUAGE].lineno,
                f"{setters} may set the language, and AssemblyAI has no code of its own for {language!r}",
            )
            return
        yield Note(start.fields[_LANGUAGE].lineno, _other_languages(choice.model, assumed[_LANGUAGE]))
    if choice.warning:
        yield Note(line, choice.warning)
    query, notices = query_parameters(message, choice.model)
    for notice in notices:
        where = start.fields[notice.path].lineno if notice.path in start.fields else line
        if notice.level == "error":
            yield Obstacle(where, notice.reason)
        else:
            yield Note(where, notice.reason)
    if message.get("audio_format", {}).get("type") != "raw":
        yield Obstacle(
            line, "the audio is a container such as WAV or MP3 (type file), which AssemblyAI does not take"
        )
        return
    for path in start.fields:
        row = PARAMETERS.get(path)
        if row is None and path != "message":
            yield Obstacle(
                start.fields[path].lineno, f"{path} is no key of StartRecognition that is known here"
            )
        elif row is not None and row.warning:
            if path in unknown:  # a value that is known was judged above
                yield Note(start.fields[path].lineno, row.warning.format("(known at run time only)"))
        elif row is not None and row.treatment is Treatment.LOCAL and not path.startswith("audio_format."):
            yield Note(
                start.fields[path].lineno,
                f"{path.rpartition('.')[2]} has no counterpart: a final comes when the turn ends",
            )
    yield from _parameters(session, plan, query, frozenset(assumed))


def _unknown(path: str, assumed: Assumption | None) -> str:
    """Why a value that is not known prevents the rewrite."""
    return f"{path} is only known at run time" + (
        f": {' and '.join(assumed.reasons)} may set it" if assumed else ""
    )


def _other_languages(model: str, assumed: Assumption) -> str:
    """What whoever sets the language has to know."""
    renamed = [
        f"{row.assemblyai[0]} for {code}"
        for code, row in LANGUAGES.items()
        if len(row.assemblyai) == 1 and row.assemblyai[0] in model_named(model).languages - {code}
    ]
    return (
        f"{' and '.join(assumed.reasons)} may set another language: AssemblyAI's codes are Speechmatics', but "
        f"{', '.join(renamed)}, and it refuses to open a connection for a language that {model} lacks"
    )


def start_message(session: Session) -> tuple[dict[str, Any], list[str]]:
    """StartRecognition with its known values, and the paths of the others."""
    assert session.start is not None
    message: dict[str, Any] = {}
    unknown = []
    for path, expression in session.start.fields.items():
        value = session.names.value(expression)
        if value is UNKNOWN:
            unknown.append(path)
            if path not in _USUAL:
                continue
            value = _USUAL[path]
        _put(message, path, value)
    return message, unknown


def _put(message: dict[str, Any], path: str, value: Any) -> None:
    """Set a value of a message by its dotted path."""
    *outer, last = path.split(".")
    for name in outer:
        message = message.setdefault(name, {})
    message[last] = value


def _parameters(
    session: Session, plan: Plan, query: dict[str, str], assumed: frozenset[str]
) -> Iterator[Proposal]:
    source, names, connection = session.source, session.names, session.connection
    assert connection is not None
    site = connection.site
    if isinstance(names.function(connection.call), ast.Lambda):
        yield Obstacle(connection.call.lineno, "the connection is opened in a lambda")
        return
    found = endpoint.address(session)
    if isinstance(found, str):
        return  # the endpoint rule says so
    values = {"speech_model": literal(source, query.pop("speech_model"))}
    codes = json.loads(query.pop("language_codes", "[]"))
    if len(codes) == 1:
        code = UNKNOWN if _LANGUAGE in assumed else codes[0]
        values["language_codes"] = yield from _kept(session, _LANGUAGE, code)
    elif codes:
        values["language_codes"] = literal(source, json.dumps(codes))
    encoding, rate = query.pop("encoding"), int(query.pop("sample_rate"))
    assert session.start is not None
    asked = ""
    if names.value(session.start.fields[_ENCODING]) is UNKNOWN:
        heard = yield from _kept(session, _ENCODING, UNKNOWN)
        hertz = yield from _kept(session, _RATE, names.value(session.start.fields[_RATE]))
        asked = f"**framing.query(encoding={heard}, sample_rate={hertz}),"
    else:
        values["encoding"] = literal(source, encoding)
        values["sample_rate"] = yield from _kept(session, _RATE, rate)
    if _PARTIALS in assumed:
        query.pop("include_partial_turns", None)
        values["include_partial_turns"] = yield from _kept(session, _PARTIALS, UNKNOWN)
    values |= {name: literal(source, value) for name, value in query.items()}
    key = found[2]
    if key is not None:
        if not visible(names, key, site):
            yield Obstacle(key.lineno, "the temporary key is made where the connection cannot see it")
        values["token"] = source.segment(key)
    quote = source.quote
    lines = [
        f"{plan.parameters_name} = {{",
        *(f"{source.indent}{quote}{name}{quote}: {value}," for name, value in values.items()),
        *([source.indent + asked] if asked else []),
        "}",
    ]
    reason = "the configuration that StartRecognition carried, as the query of the connection"
    yield insert_line(source, site, "\n".join(lines), reason)


def _kept(session: Session, path: str, value: Any) -> Generator[Proposal, None, str]:
    """The program's own expression for a value where it still says the same and can be seen, else a literal."""
    assert session.start is not None
    assert session.connection is not None
    expression = session.start.fields[path]
    text = written(session, expression, value, session.connection.site)
    if text is None:
        segment = session.source.segment(expression)
        yield Obstacle(expression.lineno, f"{segment} is not known yet when the connection is opened")
    return text or ""


def _handshake(session: Session, plan: Plan) -> Iterator[Proposal]:
    """The statements that send StartRecognition go, and the handler that does nothing else."""
    source, names, start, connection = session.source, session.names, session.start, session.connection
    assert start is not None
    assert connection is not None
    reason = "AssemblyAI takes no start message"
    going: list[ast.stmt] = list(start.steps)
    parent = names.parents[awaited(names, start.call)]
    on_open = connection.handlers.get("on_open")
    keyword = connection.handler_keywords.get("on_open")
    if isinstance(parent, ast.Lambda) and parent is on_open and keyword is not None:
        yield keyword_removal(source, connection.call, keyword, reason)
    elif isinstance(parent, ast.Expr):
        going.append(parent)
    else:
        yield Obstacle(start.call.lineno, "what sending StartRecognition returns is used")
        return
    removed = {id(statement) for statement in going}
    for statement in start.steps:
        for target in statement.targets if isinstance(statement, ast.Assign) else []:
            binding = names.binding(target)
            for load in binding.loads if binding else []:
                if id(names.statement(load)) not in removed and names.function(load) is names.function(
                    target
                ):
                    yield Obstacle(
                        load.lineno, f"the start message {source.segment(target)} is also used elsewhere"
                    )
                    return
    if on_open is not None and keyword is not None and not isinstance(on_open, ast.Lambda):
        rest = [s for s in on_open.body if id(s) not in removed and not isinstance(s, ast.Pass | ast.Global)]
        defined = names.lookup(on_open, on_open.name)
        is_imported = defined is not None and is_seen_outside(names, defined)
        is_empty = all(is_text(statement) for statement in rest) and _only_use(session, on_open, keyword)
        if is_empty and not is_imported:
            yield keyword_removal(source, connection.call, keyword, reason)
            yield Removal(on_open, "nothing is left to do when the connection opens")
            return
    for statement in going:
        yield Removal(statement, reason)


def _only_use(
    session: Session, function: ast.FunctionDef | ast.AsyncFunctionDef, keyword: ast.keyword
) -> bool:
    binding = session.names.binding(keyword.value)
    return binding is not None and binding.loads == [keyword.value]


RULE = Rule(
    id="connection-parameters",
    title="Fold StartRecognition into the query of the connection",
    why=(
        "AssemblyAI takes its configuration when the connection opens; there is no message to send and none to wait for "
        "before audio. The model is always pinned, because the service's default changes. What has no counterpart is "
        "named in a finding."
    ),
    before='ws.send(json.dumps({"message": "StartRecognition", ..., "transcription_config": {"language": "en", ...}, ...}))',
    after=(
        "connection_params = {\n"
        '    "speech_model": "universal-3-6-pro",\n'
        '    "language_codes": "en",\n'
        '    "encoding": "pcm_s16le",\n'
        '    "sample_rate": 16000,\n'
        "}"
    ),
    propose=propose,
)
