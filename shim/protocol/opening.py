"""From StartRecognition to the AssemblyAI connection that it asks for, or to the Error that refuses it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from shim.protocol.mapping.errors import ErrorMapping, error, quotable
from shim.protocol.mapping.hosts import STREAMING_PATH, Region, region_of, residency_warning, streaming_url
from shim.protocol.mapping.languages import DEFAULT_MODEL, LANGUAGES, Family, choose, model_named
from shim.protocol.mapping.parameters import (
    CHANNEL_DIARIZATIONS,
    DEFAULT_SAMPLE_RATE,
    SPEAKER_DIARIZATIONS,
    query_parameters,
)
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
        max_channels: how many channels a session may have; each is a session of its own for AssemblyAI. Speechmatics'
            own service takes two.
    """

    streaming_url: str | None
    region: Region | None
    speech_model: str | None
    session_id: str
    max_channels: int = 2


@dataclass(frozen=True)
class Opening:
    """The AssemblyAI connections of a session, each for one channel, can be opened.

    Attributes:
        url: complete address, without a credential.
        model: the speech model.
        family: of the model.
        formatted: ``format_turns`` was asked for, of a model that heeds it.
        language: ``transcription_config.language``.
        speakers: the speakers are to be told apart.
        channels: their names; empty in a session of one channel.
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
    speakers: bool
    channels: tuple[str, ...]
    file: bool
    encoding: str
    sample_rate: int
    config: Mapping[str, Any]
    warnings: tuple[Notification, ...]

    def at_rate(self, sample_rate: int) -> Opening:
        """The same for audio of this sample rate, in hertz."""
        return replace(self, url=self.url_with({"sample_rate": sample_rate}), sample_rate=sample_rate)

    def url_with(self, fields: Mapping[str, Any]) -> str:
        """The address for a later connection of the same session, with the settings that were changed meanwhile.

        ``fields`` are those of UpdateConfiguration.
        """
        if not fields:
            return self.url
        changes = {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in fields.items()
        }
        parts = urlsplit(self.url)
        query = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **changes}
        return urlunsplit(parts._replace(query=urlencode(query)))


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
    query, notices = query_parameters(start, model, partial_turns=True, channels=True, text=True)
    refused = next((notice for notice in notices if notice.level == "error"), None)
    if refused is not None:
        return error(refused.type, refused.reason)
    if choice is None or not isinstance(config, Mapping) or not isinstance(language, str):
        return error("invalid_config", "StartRecognition needs a transcription_config with a language.")
    in_path = _path_language(handshake.path)
    if in_path not in (None, language):
        reason = f"transcription_config.language is {language!r}, but the address says {in_path!r}."
        return error("invalid_config", reason)
    channels = _channels(config, options.max_channels)
    if isinstance(channels, ErrorMapping):
        return channels
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
        speakers=config.get("diarization") in SPEAKER_DIARIZATIONS,
        channels=channels,
        file=raw is None,
        encoding=raw["encoding"] if raw else "pcm_s16le",
        sample_rate=int(raw["sample_rate"]) if raw else DEFAULT_SAMPLE_RATE,
        config=config,
        warnings=(
            *(warning(notice.type, notice.reason) for notice in notices),
            *(warning(WarningType.VALIDATION_WARNING.value, reason) for reason in general if reason),
        ),
    )


def _path_language(path: str) -> str | None:
    """The language that an address ends with, as those of speechmatics-python always do."""
    last = path.rstrip("/").rpartition("/")[2]
    return last if last in LANGUAGES else None


def _channels(config: Mapping[str, Any], most: int) -> tuple[str, ...] | ErrorMapping:
    """The names of the channels; none where the session has but one."""
    if config.get("diarization") not in CHANNEL_DIARIZATIONS:
        return ()
    labels = tuple(config.get("channel_diarization_labels") or ())
    name = "transcription_config.channel_diarization_labels"
    if not labels:
        return error("invalid_config", f"{name} is missing. Give every channel a name.")
    if len(set(labels)) < len(labels):
        return error("invalid_config", f"{name} has the same name twice.")
    if len(labels) > most:
        return error(
            "invalid_config",
            f"{name} has {len(labels)} names; a session has at most {most} channels. "
            "ASSEMBLYAI_MAX_CHANNELS or shim.configure(max_channels=...) may allow more.",
        )
    return labels


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
