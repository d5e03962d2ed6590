"""The arguments of the command ``speechmatics`` (module ``speechmatics.cli_parser``), for live audio."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlparse

__all__ = [
    "LOGGER",
    "additional_vocab_item",
    "argparse",
    "get_arg_parser",
    "kvdictAppendAction",
    "logging",
    "parse_args",
    "replacement_words_item",
    "urlparse",
]

LOGGER = logging.getLogger("speechmatics.cli_parser")


class kvdictAppendAction(argparse.Action):
    """Collects arguments ``KEY=VALUE`` in a dict."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        args: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Add the values to what is there already."""
        collected = dict(getattr(args, self.dest) or {})
        for pair in values or ():
            key, equals, value = pair.partition("=")
            if not equals:
                raise argparse.ArgumentError(self, f'could not parse argument "{pair}" as k=v format')
            collected[key] = value
        setattr(args, self.dest, collected)


def replacement_words_item(to_parse: str) -> dict[str, str]:
    """``from:to`` as an item of ``replacements``.

    Raises:
        argparse.ArgumentTypeError: it is something else.
    """
    old, colon, new = str(to_parse).partition(":")
    if not colon or ":" in new:
        raise argparse.ArgumentTypeError(
            f"replacement words are two texts with one colon between them, not {to_parse}"
        )
    if not old:
        raise argparse.ArgumentTypeError(f"nothing is to be replaced in {to_parse}")
    return {"from": old, "to": new}


def additional_vocab_item(to_parse: str) -> str | dict[str, Any]:
    """``word`` or ``word:sound,sound`` as an item of ``additional_vocab``.

    Raises:
        argparse.ArgumentTypeError: it is something else.
    """
    content, colon, sounds = str(to_parse).partition(":")
    if ":" in sounds:
        raise argparse.ArgumentTypeError(f"an additional word has at most one colon, unlike {to_parse}")
    if not content:
        raise argparse.ArgumentTypeError(f"there is no word in {to_parse}")
    sounds_like = [sound for sound in sounds.split(",") if sound]
    if not colon:
        return content
    return {"content": content, "sounds_like": sounds_like} if sounds_like else {"content": content}


def _option(*names: str, **options: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return names, options


def _switch(*names: str, **options: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return names, {"action": "store_true", "default": False, **options}


_Options = tuple[tuple[tuple[str, ...], dict[str, Any]], ...]

_GENERAL: _Options = (
    _option("-v", dest="verbose", action="count", default=0, help="log more; -vv even more"),
    _switch("--debug", help="a symbol on standard error for every message"),
    _option("--ctrl", help="a JSON object for the service; nothing here reads it"),
)
_CONNECTION: _Options = (
    _option("--url", help="address of the service; Speechmatics' hosts are led to AssemblyAI"),
    _option("--auth-token", help="Speechmatics key; AssemblyAI's is in ASSEMBLYAI_API_KEY"),
    _option(
        "--ssl-mode",
        default="regular",
        choices=["regular", "insecure", "none"],
        help="of another host: regular checks its certificate, insecure does not, none is for ws://",
    ),
    _switch("--generate-temp-token", default=None, help="ask another host for a temporary key"),
    _option("--profile", default="default", help="of the configuration file"),
)
_LIVE: _Options = (
    _switch("--streaming-mode", help="without meaning here"),
    _switch("--enable-partials", help="show text that may still change"),
    _switch("--enable-transcription-partials", help="the same, not of translations"),
    _switch("--enable-translation-partials", help="the same, of translations only"),
    _option("--punctuation-sensitivity", type=float, help="how much punctuation"),
    _option("--speaker-diarization-max-speakers", type=int, help="how many people speak at most"),
    _option("--speaker-diarization-sensitivity", type=float, help="how readily speakers are told apart"),
    _switch("--speaker-diarization-prefer-current-speaker", help="stay with a speaker in doubt"),
    _option("--max-delay", type=float, help="longest wait for a final text, in seconds"),
    _option(
        "--max-delay-mode",
        default="flexible",
        choices=["fixed", "flexible"],
        help="whether it may be exceeded",
    ),
    _option("--raw", metavar="ENCODING", help="audio without a header: pcm_s16le, pcm_f32le or mulaw"),
    _option("--sample-rate", type=int, default=44_100, help="of audio without a header, in Hz"),
    _option("--chunk-size", type=int, default=1024 * 4, help="bytes to send at a time"),
    _option("--buffer-size", type=int, default=512, help="chunks that may wait for their acknowledgement"),
    _switch("--print-json", help="print messages instead of text"),
    _option(
        "--diarization",
        choices=["none", "speaker", "channel"],
        help="whether speakers or channels are told apart",
    ),
    _switch("--audio-events", help="name other sounds than speech"),
    _option("--event-types", help="which, with commas between them"),
    _option(
        "--extra-headers",
        default={},
        nargs="+",
        action=kvdictAppendAction,
        metavar="KEY=VALUE",
        help="more headers for the connection",
    ),
    _option("files", metavar="FILEPATHS", nargs="+", help="audio files; - is standard input"),
)
_CONFIG: _Options = (
    _option("--config-file", help="a JSON file with the configuration; other arguments win over it"),
    _option("--lang", "--language", dest="language", help="such as en, fr, de"),
    _option("--volume-threshold", type=float, help="leave out what is quieter, 0 to 100"),
    _option(
        "--end-of-utterance-silence-trigger",
        type=float,
        help="seconds of silence that end an utterance, 0 to 2",
    ),
    _switch("--remove-disfluencies", default=None, help="leave out hesitations"),
    _option("--replacement-words", nargs="*", type=replacement_words_item, help="from:to, or /regex/:to"),
    _option("--replacement-words-file", help="a JSON file with a list of objects with from and to"),
    _option("--operating-point", choices=["standard", "enhanced"], help="the kind of model"),
    _option("--domain", help="a special language pack, such as finance"),
    _option("--output-locale", metavar="LOCALE", help="of the text, such as en-US"),
    _option("--additional-vocab", nargs="*", type=additional_vocab_item, help="word, or word:sound,sound"),
    _option("--additional-vocab-file", metavar="VOCAB_FILEPATH", help="a JSON file with a list of them"),
    _option("--punctuation-permitted-marks", help="which, with spaces between them"),
    _switch("--enable-entities", help="more about numbers, dates and the like"),
    _option(
        "--translation-langs",
        "--translation-languages",
        dest="translation_target_languages",
        help="with commas",
    ),
    _option(
        "--langid-langs", "--langid-languages", dest="langid_expected_languages", help="of recorded files"
    ),
    _option("--multichannel", metavar="CHANNELS", help="names of the channels, with commas; a file for each"),
)
_PROFILE = _option("--profile", default="default", help="which profile of the configuration file")
_SETTINGS: _Options = (
    _option("--auth-token", help="the key to use"),
    _option("--realtime-url", "--rt-url", dest="realtime_url", help="the address for live audio"),
    _option("--batch-url", help="the address for recorded files"),
    _switch("--generate-temp-token", help="ask for temporary keys"),
    _PROFILE,
)


def get_arg_parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    parser = argparse.ArgumentParser(
        prog="speechmatics",
        description="Transcribes audio, on AssemblyAI, with the arguments of Speechmatics' command.",
    )
    _add(parser, _GENERAL)
    modes = parser.add_subparsers(title="Mode", dest="mode")
    live = modes.add_parser("rt", help="live audio").add_subparsers(title="Commands", dest="command")
    for place in (live, modes):  # the second: from the time before there were modes
        transcribe = place.add_parser(
            "transcribe", help="transcribe files or standard input as they are read"
        )
        for options in (_LIVE, _CONNECTION, _CONFIG):
            _add(transcribe, options)
    batch = modes.add_parser("batch", help="recorded files: not here", add_help=False)
    batch.add_argument("command", nargs="?")
    batch.add_argument("arguments", nargs=argparse.REMAINDER)
    config = modes.add_parser("config", help="the configuration file").add_subparsers(
        title="Commands", dest="command"
    )
    _add(config.add_parser("set", help="keep values"), _SETTINGS)
    _add(
        config.add_parser("unset", help="remove values"),
        (
            *(
                (names, {"dest": options.get("dest"), "action": "store_true"})
                for names, options in _SETTINGS[:-1]
            ),
            _PROFILE,
        ),
    )
    return parser


def _add(parser: argparse.ArgumentParser, options: _Options) -> None:
    for names, settings in options:
        parser.add_argument(*names, **settings)


def parse_args(args: Sequence[str] | None = None) -> argparse.Namespace:
    """The arguments, those of the process by default; a bare ``transcribe`` is one of the mode ``rt``."""
    parser = get_arg_parser()
    parsed = parser.parse_args(args)
    if parsed.mode == "transcribe":
        if parsed.url is not None and urlparse(parsed.url).scheme not in ("ws", "wss"):
            parser.error("transcribe is for live audio: --url begins with ws:// or wss://")
        parsed.mode, parsed.command = "rt", "transcribe"
    return parsed
