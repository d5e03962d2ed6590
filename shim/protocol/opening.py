"""From StartRecognition to the AssemblyAI connection that it asks for, or to the Error that refuses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from shim.protocol.mapping.errors import ErrorMapping, error, quotable
from shim.protocol.mapping.hosts import STREAMING_PATH, Region, region_of, residency_warning, streaming_url
from shim.protocol.mapping.languages import DEFAULT_MODEL, Family, choose, model_named
from shim.protocol.mapping.parameters import DEFAULT_SAMPLE_RATE, query_parameters
from shim.protocol.speechmatics import Notification, WarningType, warning


@dataclass(frozen=True)
class Handshake:
    """How the client connected.

    Attributes:
        host: the Speechmatics host that it meant.
        path: ``/v2/en``.
        query: without the question mark.
    """

    host: str
    path: str
    query: str


@dataclass(frozen=True)
class TranslatorOptions:
    """What the user chose about the connection to AssemblyAI.

    Attributes:
        streaming_url: address of another server (an emulator, a self-hosted stack) instead of AssemblyAI's; the path is
            added where it has none.
        region: ``eu``, ``us`` or ``global``; None: the one of the Speechmatics host.
        speech_model: None: the language decides.
        session_id: a UUID; the ``id`` of RecognitionStarted.
    """

    streaming_url: str | None
    region: Region | None
    speech_model: str | None
    session_id: str


@dataclass(frozen=True)
class Opening:
    """An AssemblyAI connection that can be opened.

    Attributes:
        url: complete address, without a credential.
        model: the speech model.
        family: of the model.
        formatted: ``format_turns`` was asked for, of a model that heeds it.
        language: ``transcription_config.language``.
        file: the client's audio is a file. It comes to 16-bit samples, and what it is itself decides their rate:
            `at_rate` before the connection is opened.
        encoding: of the client's audio, one of Speechmatics' encodings.
        sample_rate: of the client's audio, in hertz.
        config: ``transcription_config``.
        warnings: what the program has to be told before RecognitionStarted.
    """

    url: str
    model: str
    family: Family
    formatted: bool
    language: str
    file: bool
    encoding: str
    sample_rate: int
    config: Mapping[str, Any]
    warnings: tuple[Notification, ...]

    def at_rate(self, sample_rate: int) -> Opening:
        """The same for audio of this sample rate, in hertz."""
        parts = urlsplit(self.url)
        query = {**dict(parse_qsl(parts.query, keep_blank_values=True)), "sample_rate": str(sample_rate)}
        return replace(self, url=urlunsplit(parts._replace(query=urlencode(query))), sample_rate=sample_rate)


def read_start(
    start: Mapping[str, Any], handshake: Handshake, options: TranslatorOptions
) -> Opening | ErrorMapping:
    """What a StartRecognition asks for. Takes any JSON object; what is wrong with it is the Error that is returned."""
    config = start.get("transcription_config")
    language = config.get("language") if isinstance(config, Mapping) else None
    choice = choose(language, options.speech_model) if isinstance(language, str) else None
    if isinstance(language, str) and choice is None:
        return error("invalid_language", f"No AssemblyAI model has the language {quotable(language)!r}.")
    model = choice.model if choice else DEFAULT_MODEL
    # SetRecognitionConfig may ask for partials later, `max_delay` needs to know which words wait, and when the connection
    # breaks partial turns are the text in hand.
    query, notices = query_parameters(start, model, partial_turns=True)
    refused = next((notice for notice in notices if notice.level == "error"), None)
    if refused is not None:
        return error(refused.type, refused.reason)
    if choice is None or not isinstance(config, Mapping) or not isinstance(language, str):
        return error("invalid_config", "StartRecognition needs a transcription_config with a language.")
    audio_format = start.get("audio_format")
    raw = audio_format if isinstance(audio_format, Mapping) and audio_format.get("type") == "raw" else None
    base = _base_url(handshake, options)
    if base is None:
        return error(
            "not_allowed",
            f"{handshake.host[:100]!r} is no host of the Speechmatics cloud, so nothing says where its audio may "
            "be processed. Set ASSEMBLYAI_REGION to eu, us or global.",
        )
    query, url = _with_query(base, query)
    family = model_named(model).family
    general = [choice.warning]
    if not (options.region or options.streaming_url):
        general.append(residency_warning(handshake.host))
    return Opening(
        url=url,
        model=model,
        family=family,
        formatted=family != "universal-3" and query.get("format_turns", "").lower() == "true",
        language=language,
        file=raw is None,
        encoding=raw["encoding"] if raw else "pcm_s16le",
        sample_rate=int(raw["sample_rate"]) if raw else DEFAULT_SAMPLE_RATE,
        config=config,
        warnings=(
            *(warning(notice.type, notice.reason) for notice in notices),
            *(warning(WarningType.VALIDATION_WARNING.value, reason) for reason in general if reason),
        ),
    )


def _base_url(handshake: Handshake, options: TranslatorOptions) -> str | None:
    if options.streaming_url:
        parts = urlsplit(options.streaming_url)
        return (
            urlunsplit(parts._replace(path=STREAMING_PATH))
            if parts.path in ("", "/")
            else options.streaming_url
        )
    region = options.region or region_of(handshake.host)
    return streaming_url(region) if region else None


def _with_query(base: str, query: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """The query that counts, and the address with it. What the address says already was somebody's wish, and stays."""
    parts = urlsplit(base)
    wished = dict(parse_qsl(parts.query, keep_blank_values=True))
    whole = {**query, **wished}
    return whole, urlunsplit(parts._replace(query=urlencode(whole)))
