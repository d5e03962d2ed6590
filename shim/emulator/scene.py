"""A scene: what is spoken, when, by whom, and the sound of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Word:
    """One spoken word.

    Attributes:
        text: as a formatted transcript shows it, with its punctuation attached (``"Hello,"``).
        start: seconds from the start of the sound.
        end: seconds from the start of the sound.
    """

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Turn:
    """What one person says between two pauses.

    Attributes:
        speaker: ``A``, ``B``, ... in order of appearance, as AssemblyAI labels them.
        words: at least one, in order.
    """

    speaker: str
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The turn as a formatted transcript shows it."""
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True)
class Scene:
    """What is spoken in one session.

    Attributes:
        name: the name of its file, without the suffix.
        language: ISO 639-1 code.
        sound: 16 kHz mono 16-bit WAV file.
        turns: in order, without overlap.
    """

    name: str
    language: str
    sound: Path
    turns: tuple[Turn, ...]

    @property
    def text(self) -> str:
        """Everything that is said, as a formatted transcript shows it."""
        return " ".join(turn.text for turn in self.turns)

    @property
    def words(self) -> tuple[Word, ...]:
        """Every word, in order."""
        return tuple(word for turn in self.turns for word in turn.words)

    @classmethod
    def load(cls, path: str | Path) -> Scene:
        """Read a scene from its JSON file; its sound lies beside it.

        Raises:
            OSError: the file or its sound cannot be read.
            ValueError: the file is not a scene; the text says what is wrong.
        """
        path = Path(path)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            turns = tuple(
                Turn(
                    speaker=str(turn["speaker"]),
                    words=tuple(
                        Word(str(w["text"]), float(w["start"]), float(w["end"])) for w in turn["words"]
                    ),
                )
                for turn in data["turns"]
            )
            scene = cls(path.stem, str(data["language"]), path.parent / str(data["sound"]), turns)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path} is not a scene: {type(error).__name__} {error}; fixtures/scenes has examples"
            ) from error
        if not scene.sound.is_file():
            raise FileNotFoundError(f"{path} names the sound {scene.sound}, which does not exist")
        previous = 0.0
        for word in scene.words:
            if not previous <= word.start < word.end:
                raise ValueError(f"{path}: the word {word.text!r} does not come after the one before it")
            previous = word.end
        if not all(turn.words for turn in scene.turns):
            raise ValueError(f"{path}: a turn has no words")
        return scene
