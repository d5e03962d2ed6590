"""The command ``speechmatics`` and the functions of it that programs import (module ``speechmatics.cli``).

``python -m shim.speechmatics.cli rt transcribe FILE`` is the command.
"""

from __future__ import annotations

import json
import logging
import os
import ssl
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from socket import gaierror
from typing import Any

from websockets.exceptions import WebSocketException

from shim.speechmatics import adapters
from shim.speechmatics._http_errors import status_errors
from shim.speechmatics.batch_client import refuse
from shim.speechmatics.cli_parser import parse_args
from shim.speechmatics.client import WebsocketClient
from shim.speechmatics.config import read_config_from_home, read_profiles
from shim.speechmatics.constants import BATCH_SELF_SERVICE_URL, RT_SELF_SERVICE_URL
from shim.speechmatics.exceptions import TranscriptionError
from shim.speechmatics.helpers import _process_status_errors
from shim.speechmatics.models import (
    AudioEventsConfig,
    AudioSettings,
    ClientMessageType,
    ConnectionSettings,
    RTSpeakerDiarizationConfig,
    RTTranslationConfig,
    ServerMessageType,
    TranscriptionConfig,
)

__all__ = [
    "BATCH_SELF_SERVICE_URL",
    "LOGGER",
    "RT_SELF_SERVICE_URL",
    "Any",
    "AudioEventsConfig",
    "AudioSettings",
    "ClientMessageType",
    "ConnectionSettings",
    "RTSpeakerDiarizationConfig",
    "RTTranslationConfig",
    "ServerMessageType",
    "TranscriptionConfig",
    "TranscriptionError",
    "Transcripts",
    "WebSocketException",
    "WebsocketClient",
    "add_printing_handlers",
    "batch_main",
    "config_main",
    "dataclass",
    "gaierror",
    "get_audio_settings",
    "get_connection_settings",
    "get_log_level",
    "get_transcription_config",
    "join_words",
    "json",
    "logging",
    "main",
    "os",
    "parse_additional_vocab",
    "parse_args",
    "parse_multichannel_args",
    "parse_word_replacements",
    "print_symbol",
    "read_config_from_home",
    "rt_main",
    "set_config",
    "ssl",
    "sys",
    "unset_config",
]

LOGGER = logging.getLogger("speechmatics.cli")

Arguments = Mapping[str, Any]
"""What `cli_parser.parse_args` gives, as a dict."""


@dataclass
class Transcripts:
    """What was said so far.

    Attributes:
        text: all of it.
        json: the messages it came in.
    """

    text: str
    json: list[dict[str, Any]]


# Arguments to settings


def get_connection_settings(args: Arguments, lang: str = "en") -> ConnectionSettings:
    """The connection that arguments, then the configuration file, then the SDK's default ask for."""
    stored = read_config_from_home(args.get("profile", "default")) or {}
    is_batch = args.get("mode") == "batch"

    def chosen(name: str, stored_name: str = "") -> Any:
        return args.get(name) if args.get(name) is not None else stored.get(stored_name or name)

    default = BATCH_SELF_SERVICE_URL if is_batch else f"{RT_SELF_SERVICE_URL}/{lang.strip()}"
    settings = ConnectionSettings(
        url=chosen("url", "batch_url" if is_batch else "realtime_url") or default,
        auth_token=chosen("auth_token"),
        generate_temp_token=chosen("generate_temp_token"),
    )
    if args.get("buffer_size") is not None:
        settings.message_buffer_size = args["buffer_size"]
    if args.get("ssl_mode") == "none":
        settings.ssl_context = None
    elif args.get("ssl_mode") == "insecure" and settings.ssl_context is not None:
        settings.ssl_context.check_hostname = False
        settings.ssl_context.verify_mode = ssl.CERT_NONE
    return settings


def get_audio_settings(args: Arguments) -> AudioSettings:
    """The audio that arguments describe."""
    return AudioSettings(args["raw"], args["sample_rate"], args["chunk_size"])


_TAKEN_OVER = (
    "language",
    "domain",
    "output_locale",
    "operating_point",
    "max_delay",
    "max_delay_mode",
    "diarization",
    "channel_diarization_labels",
)
"""Arguments that are options of the configuration under their own names."""

_SWITCHES = (
    "streaming_mode",
    "enable_partials",
    "enable_transcription_partials",
    "enable_translation_partials",
    "enable_entities",
)
"""The same; without the argument the configuration file decides."""

_IN_BLOCKS = {
    "end_of_utterance_silence_trigger": ("conversation_config", "end_of_utterance_silence_trigger"),
    "volume_threshold": ("audio_filtering_config", "volume_threshold"),
    "remove_disfluencies": ("transcript_filtering_config", "remove_disfluencies"),
}
"""Arguments that are the one option of a block."""


def get_transcription_config(args: Arguments) -> TranscriptionConfig:
    """The configuration that arguments, and before them a configuration file in JSON, ask for.

    Raises:
        NotImplementedError: for recorded files (``args["mode"]`` is not ``rt``).
        SystemExit: a file is not what it should be.
        OSError: a file cannot be read.
    """
    if args["mode"] != "rt":
        refuse()
    config: dict[str, Any] = {"language": "en"}
    if args.get("config_file"):
        config = json.loads(Path(args["config_file"]).read_text("utf-8"))
    config.update(config.pop("transcription_config", None) or {})
    config.update({name: args[name] for name in _TAKEN_OVER if args.get(name) is not None})
    config.update({name: True for name in _SWITCHES if args.get(name)})
    for name, (block, option) in _IN_BLOCKS.items():
        if args.get(name) is not None:
            config[block] = {option: args[name]}
    if args.get("ctrl"):
        config["ctrl"] = json.loads(args["ctrl"])
    if args.get("multichannel"):
        config["channel_diarization_labels"] = parse_multichannel_args(args["multichannel"])
    _add_words(config, args)
    _add_blocks(config, args)
    return TranscriptionConfig(**config)


def _add_words(config: dict[str, Any], args: Arguments) -> None:
    """Additional vocabulary and replacements, from files and arguments."""
    vocabulary = config.get("additional_vocab") or []
    if args.get("additional_vocab_file"):
        vocabulary = parse_additional_vocab(args["additional_vocab_file"])
    if vocabulary or args.get("additional_vocab"):
        config["additional_vocab"] = [*vocabulary, *(args.get("additional_vocab") or ())]
    replacements: list[Any] = []
    if args.get("replacement_words_file") is not None:
        replacements += parse_word_replacements(args["replacement_words_file"])
    replacements += args.get("replacement_words") or ()
    if replacements:
        config.setdefault("transcript_filtering_config", {})["replacements"] = replacements


def _add_blocks(config: dict[str, Any], args: Arguments) -> None:
    """Blocks that arguments and a configuration file make together."""
    marks, sensitivity = args.get("punctuation_permitted_marks"), args.get("punctuation_sensitivity")
    if marks is not None or sensitivity is not None:
        config["punctuation_overrides"] = {
            **({"permitted_marks": marks.split()} if marks is not None else {}),
            **({"sensitivity": sensitivity} if sensitivity is not None else {}),
        }
    speakers = config.get("speaker_diarization_config") or {}
    if speakers or args.get("diarization") == "speaker":
        config["speaker_diarization_config"] = RTSpeakerDiarizationConfig(
            max_speakers=args.get("speaker_diarization_max_speakers") or speakers.get("max_speakers"),
            speaker_sensitivity=args.get("speaker_diarization_sensitivity")
            or speakers.get("speaker_sensitivity"),
            prefer_current_speaker=args.get("speaker_diarization_prefer_current_speaker")
            or speakers.get("prefer_current_speaker"),
        )
    translation, languages = config.get("translation_config") or {}, args.get("translation_target_languages")
    if translation or languages:
        config["translation_config"] = RTTranslationConfig(
            target_languages=languages.split(",") if languages else translation.get("target_languages"),
            enable_partials=bool(
                args.get("enable_partials")
                or args.get("enable_translation_partials")
                or translation.get("enable_partials")
            ),
        )
    events = config.get("audio_events_config")
    if events is not None or args.get("audio_events"):
        types = (
            str(args["event_types"]).split(",") if args.get("event_types") else (events or {}).get("types")
        )
        config["audio_events_config"] = AudioEventsConfig(types or None)


def parse_multichannel_args(multichannel_args: str) -> list[str]:
    """Names of channels with commas between them."""
    return multichannel_args.split(",")


def parse_additional_vocab(additional_vocab_filepath: str) -> list[Any]:
    """Additional words of a JSON file.

    Raises:
        SystemExit: the file is no JSON list.
        OSError: it cannot be read.
    """
    return _json_list(additional_vocab_filepath, "additional vocab", "objects/strings")


def parse_word_replacements(replacement_words_filepath: str) -> list[Any]:
    """Replacements of a JSON file.

    Raises:
        SystemExit: the file is no JSON list of objects with ``from`` and ``to``.
        OSError: it cannot be read.
    """
    replacements = _json_list(replacement_words_filepath, "word replacements", "objects")
    if not all("from" in item and "to" in item for item in replacements):
        raise SystemExit(f"{replacement_words_filepath}: word replacements need the keys 'from' and 'to'.")
    return replacements


def _json_list(path: str, what: str, items: str) -> list[Any]:
    try:
        found = json.loads(Path(path).read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise SystemExit(f"{what.capitalize()} at: {path} is not valid json.") from error
    if not isinstance(found, list):
        raise SystemExit(f"{what.capitalize()} file at: {path} should be a list of {items}.")
    if not found:
        LOGGER.warning("Provided %s at: %s is an empty list.", what, path)
    return found


def get_log_level(verbosity: int) -> int:
    """The level for 0, 1 or 2 times ``-v``.

    Raises:
        SystemExit: for more.
    """
    levels = (logging.WARNING, logging.INFO, logging.DEBUG)
    if verbosity not in range(len(levels)):
        raise SystemExit(f"Only supports 2 log levels eg. -vv, you are asking for -{'v' * verbosity}")
    return levels[verbosity]


# Printing


def print_symbol(symbol: str) -> None:
    """Show a symbol on standard error."""
    print(symbol, end="", file=sys.stderr, flush=True)


_RECEIVED_SYMBOLS = {
    ServerMessageType.AudioAdded: "-",
    ServerMessageType.ChannelAudioAdded: "=",
    ServerMessageType.AddPartialTranscript: ".",
    ServerMessageType.AddTranscript: "|",
}
_SENT_SYMBOLS = {ClientMessageType.AddAudio: "+", ClientMessageType.AddChannelAudio: "x"}


def _symbol(symbol: str) -> Callable[..., None]:
    return lambda *message: print_symbol(symbol)


class _Printer:
    """Prints messages, as JSON or as text, and keeps what is final.

    Args:
        client: knows the language.
        transcripts: where to keep it.
        as_json: whether to print whole messages.
        translation: what of the first target language is printed.
    """

    def __init__(
        self, client: WebsocketClient, transcripts: Transcripts, as_json: bool, translation: Any
    ) -> None:
        self._client = client
        self._transcripts = transcripts
        self._as_json = as_json
        self._translation = translation
        self._clear = "\33[2K" if sys.stdout.isatty() else ""

    def transcript(self, message: dict[str, Any]) -> None:
        self._transcripts.json.append(message)
        if not self._printed_as_json(message):
            self._final(self._text(message))

    def partial_transcript(self, message: dict[str, Any]) -> None:
        if not self._printed_as_json(message):
            self._partial(self._text(message))

    def translation(self, message: dict[str, Any]) -> None:
        self._transcripts.json.append(message)
        if not self._printed_as_json(message) and self._is_shown(message):
            self._final(adapters.get_txt_translation(message["results"]))

    def partial_translation(self, message: dict[str, Any]) -> None:
        if not self._printed_as_json(message) and self._is_shown(message):
            sys.stderr.write(f"{self._clear}{adapters.get_txt_translation(message['results'])}\r")

    def audio_event(self, message: dict[str, Any]) -> None:
        if not self._printed_as_json(message):
            name = message["event"].get("type", "").upper()
            sys.stdout.write(f"{self._clear}[{name}]\n")
            self._transcripts.text += f"[{name}] "

    def end_of_utterance(self, message: dict[str, Any]) -> None:
        if not self._printed_as_json(message):
            sys.stdout.write("[EndOfUtterance]\n")
            self._transcripts.text += "[EndOfUtterance]"

    def _printed_as_json(self, message: dict[str, Any]) -> bool:
        if self._as_json:
            print(json.dumps(message))
        return self._as_json

    def _text(self, message: dict[str, Any]) -> str:
        config = self._client.transcription_config
        return adapters.convert_to_txt(
            message["results"],
            config.language if config else "",
            language_pack_info=self._client.get_language_pack_info(),
            channel=message.get("channel"),
        )

    def _final(self, text: str) -> None:
        if text:
            sys.stdout.write(f"{self._clear}{text}\n")
        self._transcripts.text += text

    def _partial(self, text: str) -> None:
        if text:
            sys.stderr.write(f"{self._clear}{text}\r")

    def _is_shown(self, message: dict[str, Any]) -> bool:
        shown: bool = self._translation.target_languages[0] == message["language"]
        return shown


def add_printing_handlers(
    api: WebsocketClient,
    transcripts: Transcripts,
    enable_partials: bool = False,
    enable_transcription_partials: bool = False,
    enable_translation_partials: bool = False,
    debug_handlers_too: bool = False,
    print_json: bool = False,
    translation_config: Any = None,
) -> None:
    """Let a client print what it hears, and keep what is final.

    Finals go to standard output, partials to standard error. With a translation its first language is printed instead of
    the transcript; as JSON, both are.

    Args:
        api: the client.
        transcripts: where to keep what is final.
        enable_partials: print partials, of transcripts and translations.
        enable_transcription_partials: print those of transcripts.
        enable_translation_partials: print those of translations.
        debug_handlers_too: show a symbol on standard error for every message.
        print_json: print messages instead of text.
        translation_config: what was asked for of a translation.
    """
    if debug_handlers_too:
        for received, symbol in _RECEIVED_SYMBOLS.items():
            api.add_event_handler(received, _symbol(symbol))
        for sent, symbol in _SENT_SYMBOLS.items():
            api.add_middleware(sent, _symbol(symbol))
    printer = _Printer(api, transcripts, print_json, translation_config)
    if enable_partials:
        api.add_event_handler(ServerMessageType.EndOfTranscript, lambda message: print("\n", file=sys.stderr))
    api.add_event_handler(ServerMessageType.AudioEventStarted, printer.audio_event)
    api.add_event_handler(ServerMessageType.EndOfUtterance, printer.end_of_utterance)
    if print_json or translation_config is not None:
        if enable_partials or enable_translation_partials:
            api.add_event_handler(ServerMessageType.AddPartialTranslation, printer.partial_translation)
        api.add_event_handler(ServerMessageType.AddTranslation, printer.translation)
    if print_json or translation_config is None:
        if enable_partials or enable_transcription_partials:
            api.add_event_handler(ServerMessageType.AddPartialTranscript, printer.partial_transcript)
        api.add_event_handler(ServerMessageType.AddTranscript, printer.transcript)


def join_words(words: Sequence[str], language: str = "en") -> str:
    """Words as their language writes them one after the other."""
    return ("" if language in adapters.WITHOUT_SPACES else " ").join(words)


# The command


def main(args: dict[str, Any] | None = None) -> None:
    """The command.

    Args:
        args: its arguments; those of the process by default.

    Raises:
        SystemExit: it failed; the text says why.
    """
    args = args or vars(parse_args())
    mode = args["mode"]
    logging.basicConfig(level=get_log_level(args["verbose"]))
    LOGGER.info("Args: %s", {name: value for name, value in args.items() if name != "auth_token"})
    if mode not in _MODES:
        raise SystemExit(f"Unknown mode: {mode}, mode must be one of 'rt' (realtime), 'batch' or 'config'")
    if not args.get("command") and mode != "batch":
        LOGGER.error("No command specified")
        parse_args([mode, "-h"])
    try:
        _MODES[mode](args)
    except FileNotFoundError as error:
        sys.exit(f"FileNotFoundError: {error.strerror}: '{error.filename}'. Is the name spelled correctly?")
    except ConnectionResetError as error:
        sys.exit(f"ConnectionResetError: {error}.\n\nDoes the server use TLS? If not, try --ssl-mode=none")
    except (WebSocketException, gaierror) as error:
        sys.exit(
            f"WebSocketError: An unexpected error occurred in the websocket: {error}.\n\nCheck the address and the language."
        )
    except status_errors() as error:
        _process_status_errors(error)
    except (KeyboardInterrupt, ValueError, TranscriptionError, KeyError, NotImplementedError) as error:
        LOGGER.info(error, exc_info=True)
        sys.exit(f"{type(error).__name__}: {error}")


def rt_main(args: dict[str, Any]) -> None:
    """``speechmatics rt ...``.

    Raises:
        SystemExit: the arguments contradict each other.
    """
    config = get_transcription_config(args)
    settings = get_connection_settings(args, lang=config.language)
    _check_encryption(settings.url.lower(), args["ssl_mode"])
    client = WebsocketClient(settings)
    add_printing_handlers(
        client,
        Transcripts(text="", json=[]),
        enable_partials=args["enable_partials"],
        enable_transcription_partials=args["enable_transcription_partials"],
        enable_translation_partials=args["enable_translation_partials"],
        debug_handlers_too=args["debug"],
        print_json=args["print_json"],
        translation_config=config.translation_config,
    )

    def run(stream: Any) -> None:
        try:
            client.run_synchronously(
                *(stream, config, get_audio_settings(args)),
                from_cli=True,
                extra_headers=args.get("extra_headers"),
            )
        except KeyboardInterrupt:
            LOGGER.warning("Keyboard interrupt received.")

    labels, files = config.channel_diarization_labels, args["files"]
    if labels:
        _check_channels(config.diarization, labels, files)
        run(dict(zip(labels, files, strict=True)))
    elif files[0] == "-":
        run(sys.stdin.buffer)
    else:
        for name in files:
            with open(name, "rb") as file:
                run(file)


def _check_encryption(url: str, ssl_mode: str) -> None:
    if url.startswith("ws://") and ssl_mode != "none":
        raise SystemExit(f"ssl_mode '{ssl_mode}' is incompatible with protocol 'ws'. Use 'wss' instead.")
    if url.startswith("wss://") and ssl_mode == "none":
        raise SystemExit("ssl_mode 'none' is incompatible with protocol 'wss'. Use 'ws' instead.")


def _check_channels(diarization: str | None, labels: list[str], files: list[str]) -> None:
    if files[0] == "-":
        raise SystemExit("Channel diarization is not yet supported when reading from stdin.")
    if diarization not in ("channel", "channel_and_speaker"):
        raise SystemExit("Multichannel DZ type must be 'channel' or 'channel_and_speaker'.")
    if len(files) != len(labels):
        raise SystemExit(f"Number of files: ({len(files)}) must match number of channels: ({len(labels)}).")


def batch_main(args: dict[str, Any]) -> None:
    """``speechmatics batch ...``: not here.

    Raises:
        NotImplementedError: always; the text says what to do instead.
    """
    refuse()


def config_main(args: dict[str, Any]) -> None:
    """``speechmatics config ...``."""
    commands: dict[str, Callable[[dict[str, Any]], None]] = {"set": set_config, "unset": unset_config}
    commands[args["command"]](args)


_MODES: dict[str, Callable[[dict[str, Any]], None]] = {
    "rt": rt_main,
    "batch": batch_main,
    "config": config_main,
}

_STORED = ("auth_token", "generate_temp_token", "batch_url", "realtime_url")


def set_config(args: dict[str, Any]) -> None:
    """Keep values in the configuration file."""
    path = _config_path()
    profiles = read_profiles(path) if path.exists() else {"default": {}}
    profile = profiles.setdefault(args.get("profile", "default"), {})
    profile.update({name: args[name] for name in _STORED if args.get(name)})
    _write(path, profiles)


def unset_config(args: dict[str, Any]) -> None:
    """Remove values from the configuration file.

    Raises:
        SystemExit: there is no such file or profile.
    """
    path = _config_path()
    if not path.exists():
        raise SystemExit(f"Unable to remove config. No config file stored found at {path}")
    profiles = read_profiles(path)
    profile = args.get("profile", "default")
    if profile not in profiles:
        raise SystemExit(f"Cannot unset config for profile {profile}. Profile does not exist.")
    for name in _STORED:
        if args.get(name):
            profiles[profile].pop(name, None)
    _write(path, profiles)


def _config_path() -> Path:
    return Path(os.path.expanduser("~")) / ".speechmatics" / "config"


def _write(path: Path, profiles: dict[str, Any]) -> None:
    """All of it or nothing, for nobody else to read: it holds a key."""
    import tomlkit

    path.parent.mkdir(exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
        file.write(tomlkit.dumps(profiles))
    os.replace(file.name, path)


if __name__ == "__main__":
    main()
