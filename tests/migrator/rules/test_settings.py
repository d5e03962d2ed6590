"""Values that a program keeps in objects, dicts and defaults: what is known of them, and what must not be taken for known."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from migrator.result import FileResult

Migrate = Callable[..., FileResult]

LANGUAGE = '"language": "en", "enable_partials": True'
HOST = "wss://eu2.rt.speechmatics.com/v2"
NEW_HOST = "wss://streaming.eu.assemblyai.com/v3/ws"
DATACLASS = "import dataclasses\nfrom dataclasses import dataclass, field\nLIMIT = 100\n@dataclass\n"
PYDANTIC = "from pydantic import BaseModel, Field\nfrom pydantic_settings import BaseSettings\nLIMIT = 100\n"


def asks(language: str) -> dict[str, str]:
    """The program with another expression for its language."""
    return {LANGUAGE: f'"language": {language}, "enable_partials": True'}


KNOWN: dict[str, tuple[str, str]] = {
    "an attribute of a class": ("class S:\n    language = 'de'\nLIMIT = 100", "S.language"),
    "an attribute of an object": ("class S:\n    language = 'de'\nLIMIT = 100\ns = S()", "s.language"),
    "an object that a function keeps": (
        "import functools\nclass S:\n    language = 'de'\nLIMIT = 100\n@functools.lru_cache\ndef get_settings():\n    return S()",
        "get_settings().language",
    ),
    "an object in a variable that is made once": (
        "class S:\n    language = 'de'\nLIMIT = 100\n_s = None\ndef get_settings():\n    global _s\n    if _s is None:\n"
        "        _s = S()\n    return _s",
        "get_settings().language",
    ),
    "an inherited attribute": (
        "class Base:\n    language = 'de'\nclass S(Base):\n    rate = 16000\nLIMIT = 100\ns = S()",
        "s.language",
    ),
    "an attribute of a subclass": (
        "class Base:\n    language = 'en'\nclass S(Base):\n    language = 'de'\nLIMIT = 100\ns = S()",
        "s.language",
    ),
    "the default of a dataclass": (DATACLASS + "class S:\n    language: str = 'de'\ns = S()", "s.language"),
    "a field of a dataclass, given by name": (
        DATACLASS + "class S:\n    language: str = 'en'\ns = S(language='de')",
        "s.language",
    ),
    "a field of a dataclass, given by its place": (
        DATACLASS + "class S:\n    rate: int\n    language: str = 'en'\ns = S(16000, 'de')",
        "s.language",
    ),
    "a default that field() says": (
        DATACLASS + "class S:\n    language: str = field(default='de')\ns = S()",
        "s.language",
    ),
    "a default that a function of field() gives": (
        DATACLASS + "class S:\n    language: str = field(default_factory=lambda: 'de')\ns = S()",
        "s.language",
    ),
    "an object inside another": (
        DATACLASS + "class Speech:\n    language: str = 'de'\n@dataclass\nclass S:\n"
        "    speech: Speech = field(default_factory=lambda: Speech())\ns = S()",
        "s.speech.language",
    ),
    "the same field of another class": (
        DATACLASS
        + "class Speech:\n    language: str = 'de'\n@dataclass\nclass Voice:\n    language: str = 'fr'\n"
        "speech = Speech()\nvoice = Voice('it')",
        "speech.language",
    ),
    "a model": (PYDANTIC + "class S(BaseModel):\n    language: str = Field('de')\ns = S()", "s.language"),
    "settings that the program makes itself": (
        PYDANTIC + "class S(BaseSettings):\n    language: str = 'en'\ns = S(language='de')",
        "s.language",
    ),
    "a named tuple": (
        "from typing import NamedTuple\nLIMIT = 100\nclass S(NamedTuple):\n    language: str = 'de'\ns = S()",
        "s.language",
    ),
    "a namespace": (
        "import types\nLIMIT = 100\ns = types.SimpleNamespace(language='de')",
        "s.language",
    ),
    "an entry of a dict": ("LIMIT = 100\nS = {'language': 'de', 'key': os.environ['K']}", "S['language']"),
    "an entry of a dict in a dict": (
        "LIMIT = 100\nS = {'speech': {'language': 'de'}}",
        "S['speech']['language']",
    ),
    "an entry of a dict, with another default": (
        "LIMIT = 100\nS = {'language': 'de'}",
        "S.get('language', 'en')",
    ),
    "the default of an entry that is not there": (
        "LIMIT = 100\nS = {'rate': 16000}",
        "S.get('language', 'de')",
    ),
    "what two calls give alike": (
        "LIMIT = 100\nclass S:\n    def __init__(self, language='de'):\n        self.language = language\n"
        "S('de')\ns = S()",
        "s.language",
    ),
    "a constant behind an object that is given on": (
        DATACLASS + "class S:\n    language: str = 'de'\nclass Holder:\n    def __init__(self, settings):\n"
        "        self.settings = settings\nholder = Holder(S())",
        "holder.settings.language",
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_setting_is_known(rewritten: Callable[..., str], name: str) -> None:
    constants, language = KNOWN[name]
    after = rewritten(constants=constants, replacing=asks(language))
    kept, literal = f'"language_codes": {language},', '"language_codes": "de",'
    assert kept in after or literal in after


UNKNOWN: dict[str, tuple[str, str]] = {
    "two calls give another": (
        "LIMIT = 100\nclass S:\n    def __init__(self, language='en'):\n        self.language = language\n"
        "S('de')\ns = S()\ndef of(s):\n    return s.language",
        "of(S(os.environ['SPOKEN']))",
    ),
    "the object is changed": (
        "class S:\n    language = 'en'\nLIMIT = 100\ns = S()\ns.language = 'de'",
        "s.language",
    ),
    "the object is changed by a name that is not written": (
        "class S:\n    language = 'en'\nLIMIT = 100\ns = S()\nfor name, value in os.environ.items():\n"
        "    setattr(s, name, value)",
        "s.language",
    ),
    "the object is changed by its dict": (
        "class S:\n    language = 'en'\nLIMIT = 100\ns = S()\ns.__dict__.update(os.environ)",
        "s.language",
    ),
    "an object of unknown class is changed": (
        "from elsewhere import other\nclass S:\n    language = 'en'\nLIMIT = 100\ns = S()\nother.language = 'de'",
        "s.language",
    ),
    "the object is copied with another value": (
        DATACLASS + "class S:\n    language: str = 'en'\ns = dataclasses.replace(S(), language='de')",
        "s.language",
    ),
    "the constructor is given a dict": (
        DATACLASS + "class S:\n    language: str = 'en'\ns = S(**os.environ)",
        "s.language",
    ),
    "a validator may change it": (
        PYDANTIC + "from pydantic import field_validator\nclass S(BaseModel):\n    language: str = 'en'\n"
        "    @field_validator('language', mode='before')\n    def to(cls, v):\n        return os.environ['SPOKEN']\ns = S()",
        "s.language",
    ),
    "__post_init__ changes it": (
        DATACLASS + "class S:\n    language: str = 'en'\n    def __post_init__(self):\n"
        "        self.language = os.environ['SPOKEN']\ns = S()",
        "s.language",
    ),
    "the class has a base of another package": (
        "from elsewhere import Base\nLIMIT = 100\nclass S(Base):\n    language: str = 'en'\ns = S()",
        "s.language",
    ),
    "the class has a decorator that is not known": (
        "from elsewhere import configured\nLIMIT = 100\n@configured\nclass S:\n    language: str = 'en'\ns = S()",
        "s.language",
    ),
    "the model is made of a file": (
        PYDANTIC
        + "class S(BaseModel):\n    language: str = 'en'\ns = S.model_validate_json(open('s.json').read())",
        "s.language",
    ),
    "a model that a function is given may be made of a file": (
        PYDANTIC
        + "class S(BaseModel):\n    language: str = 'en'\n    def spoken(self):\n        return self.language\n"
        "s = S()\nt = S.model_validate_json(open('s.json').read())",
        "t.spoken()",
    ),
    "an entry of the dict is set": (
        "LIMIT = 100\nS = {'speech': {'language': 'en'}}\nS['speech']['language'] = 'de'",
        "S['speech']['language']",
    ),
    "the dict is updated": ("LIMIT = 100\nS = {'language': 'en'}\nS.update(os.environ)", "S['language']"),
    "the dict is a spread of another": ("LIMIT = 100\nS = {'language': 'en', **os.environ}", "S['language']"),
    "the dict is given to a function": (
        "from elsewhere import complete\nLIMIT = 100\nS = {'language': 'en'}\ncomplete(S)",
        "S['language']",
    ),
    "a function that is called by a framework": (
        "from elsewhere import app\nLIMIT = 100\n@app.command()\ndef spoken(language='en'):\n    return language",
        "spoken()",
    ),
    "a function that is also given away": (
        "import threading\nLIMIT = 100\ndef spoken(language='en'):\n    return language\n"
        "threading.Thread(target=spoken, args=('de',))",
        "spoken()",
    ),
    "a function that calls itself": ("LIMIT = 100\ndef spoken():\n    return spoken()", "spoken()"),
    "a function with two ways out": (
        "LIMIT = 100\ndef spoken():\n    if os.name == 'nt':\n        return 'de'\n    return 'en'",
        "spoken()",
    ),
    "a subclass has another": (
        "class Base:\n    language = 'en'\n    def spoken(self):\n        return self.language\n"
        "class S(Base):\n    language = 'de'\nLIMIT = 100\ns = S()",
        "s.spoken()",
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_setting_that_may_be_another_is_not_known(refused: Callable[..., str], name: str) -> None:
    constants, language = UNKNOWN[name]
    assert "language is only known at run time" in refused(constants=constants, replacing=asks(language))


class TestEnvironmentDefaults:
    """A variable is set when the program runs: its default says what a value is, and a finding who may change it."""

    @pytest.mark.parametrize(
        "language",
        [
            'os.environ.get("SPOKEN", "en")',
            'os.getenv("SPOKEN", default="en")',
            'os.getenv("SPOKEN") or "en"',
        ],
    )
    def test_the_language_is_read_from_the_variable_as_before(self, migrate: Migrate, language: str) -> None:
        result = migrate(constants=f"LIMIT = 100\nSPOKEN = {language}", replacing=asks("SPOKEN"))
        assert result.status == "native"
        assert '"language_codes": SPOKEN,' in result.after.decode()
        [message] = [f.message for f in result.findings if f.rule == "connection-parameters"]
        assert "the environment variable SPOKEN may set another language" in message
        assert "zh for cmn" in message

    def test_a_value_without_a_counterpart_is_named_with_its_variable(self, migrate: Migrate) -> None:
        result = migrate(
            constants='LIMIT = 100\nDELAY = float(os.environ.get("STT_MAX_DELAY", "1.5"))',
            config=', "max_delay": DELAY',
        )
        assert result.status == "native"
        assert any(
            "the environment variable STT_MAX_DELAY may set, has no use" in f.message for f in result.findings
        )

    @pytest.mark.parametrize(
        "url",
        [
            f'os.environ.get("STT_URL", "{HOST}")',
            f'os.getenv("STT_URL") or "{HOST}"',
            '"wss://" + os.environ.get("STT_HOST", "eu2.rt.speechmatics.com") + "/v2"',
        ],
    )
    def test_an_address_that_a_variable_may_choose_is_the_drop_ins(
        self, refused: Callable[..., str], url: str
    ) -> None:
        reason = refused(constants=f"LIMIT = 100\nURL = {url}", url="URL")
        assert "the environment variable STT_" in reason
        assert "may choose where the audio goes" in reason

    def test_a_language_that_has_another_code_is_the_drop_ins(self, refused: Callable[..., str]) -> None:
        reason = refused(replacing=asks('os.environ.get("SPOKEN", "cmn")'))
        assert "the environment variable SPOKEN may set the language" in reason

    def test_a_vocabulary_from_outside_is_not_frozen_into_the_program(
        self, refused: Callable[..., str]
    ) -> None:
        reason = refused(config=', "diarization": os.environ.get("DIARIZATION", "none")')
        assert (
            "diarization is only known at run time: the environment variable DIARIZATION may set it" in reason
        )

    @pytest.mark.parametrize(
        ("settings", "variable"),
        [
            ("    language: str = 'en'", "LANGUAGE"),
            ("    language: str = Field('en', max_length=5)", "LANGUAGE"),
            ("    language: str = 'en'\n    model_config = {'env_prefix': 'STT_'}", "STT_LANGUAGE"),
            ("    language: str = 'en'\n    class Config:\n        env_prefix = 'stt_'", "STT_LANGUAGE"),
            ("    language: str = Field('en', validation_alias='SPOKEN')", "SPOKEN"),
        ],
    )
    def test_settings_of_pydantic_are_read_from_variables(
        self, migrate: Migrate, settings: str, variable: str
    ) -> None:
        result = migrate(
            constants=f"{PYDANTIC}class S(BaseSettings):\n{settings}\ns = S()", replacing=asks("s.language")
        )
        assert result.status == "native"
        assert '"language_codes": s.language,' in result.after.decode()
        assert any(f"the environment variable {variable} may set" in f.message for f in result.findings)

    def test_the_address_of_such_settings_is_the_drop_ins(self, refused: Callable[..., str]) -> None:
        reason = refused(
            constants=f"{PYDANTIC}class S(BaseSettings):\n    url: str = '{HOST}'\ns = S()", url="s.url"
        )
        assert "the environment variable URL may choose where the audio goes" in reason


ADDRESSES: dict[str, tuple[str, str]] = {
    "an attribute": (f"class S:\n    url = '{HOST}'\nLIMIT = 100", "S.url"),
    "a field": (DATACLASS + f"class S:\n    url: str = '{HOST}'\ns = S()", "s.url"),
    "an argument": (DATACLASS + f"class S:\n    url: str\ns = S(url='{HOST}')", "s.url"),
    "a namespace": (f"import types\nLIMIT = 100\ns = types.SimpleNamespace(url='{HOST}')", "s.url"),
    "an entry of a dict": (f"LIMIT = 100\nS = {{'eu': {{'url': '{HOST}'}}}}", "S['eu']['url']"),
    "a fallback": (
        f"LIMIT = 100\nclass S:\n    def __init__(self, url=None):\n        self.url = url or '{HOST}'\ns = S()",
        "s.url",
    ),
}


@pytest.mark.parametrize("name", ADDRESSES)
def test_the_address_changes_where_it_stands(rewritten: Callable[..., str], name: str) -> None:
    constants, url = ADDRESSES[name]
    after = rewritten(constants=constants, url=url)
    assert constants.replace(HOST, NEW_HOST).splitlines()[-1] in after
    assert "speechmatics" not in after
    assert "?{urlencode(connection_params)}" in after


def test_an_address_that_two_calls_give_is_not_changed_in_one_of_them(refused: Callable[..., str]) -> None:
    constants = f"LIMIT = 100\nclass S:\n    def __init__(self, url):\n        self.url = url\ns = S('{HOST}')\nt = S('{HOST}')\n"
    assert refused(
        constants=constants + "def of(s):\n    return s.url",
        replacing={"def main():": f"def main(url='{HOST}'):", "\nmain()\n": f"\nmain('{HOST}')\nmain()\n"},
        url="url",
    )


def test_an_address_that_a_caller_may_give_is_not_dropped(refused: Callable[..., str]) -> None:
    reason = refused(replacing={"def main():": "def main(url=None):"}, url=f"url or '{HOST}'")
    assert "only known at run time" in reason


def test_a_dict_is_not_read_in_quotation_marks_that_end_the_string(rewritten: Callable[..., str]) -> None:
    after = rewritten(constants=f'LIMIT = 100\nS = {{"url": "{HOST}"}}', url='S["url"]')
    assert 'S["url"] + f"?{urlencode(connection_params)}"' in after


@pytest.mark.parametrize(
    "key",
    [
        DATACLASS + "class S:\n    key: str = os.environ['SPEECHMATICS_API_KEY']\ns = S()",
        DATACLASS
        + "class S:\n    key: str = field(default_factory=lambda: os.environ['SPEECHMATICS_API_KEY'])\ns = S()",
        DATACLASS + "class S:\n    key: str\ns = S(key=os.environ['SPEECHMATICS_API_KEY'])",
        "import types\nLIMIT = 100\ns = types.SimpleNamespace(key=os.environ['SPEECHMATICS_API_KEY'])",
    ],
)
def test_the_variable_of_a_key_is_renamed_where_the_settings_read_it(
    rewritten: Callable[..., str], key: str
) -> None:
    after = rewritten(constants=key, header='{"Authorization": f"Bearer {s.key}"}')
    assert key.replace("SPEECHMATICS", "ASSEMBLYAI") in after
    assert 'header={"Authorization": s.key}' in after


def test_the_key_of_another_vendor_with_the_same_name_stays(rewritten: Callable[..., str]) -> None:
    others = "class D:\n    key = os.environ['DEEPGRAM_API_KEY']\nd = D()\nprint(d.key)\n"
    after = rewritten(
        constants="LIMIT = 100\n"
        + others
        + "class S:\n    key = os.environ['SPEECHMATICS_API_KEY']\ns = S()",
        header='{"Authorization": f"Bearer {s.key}"}',
    )
    assert others in after
    assert "key = os.environ['ASSEMBLYAI_API_KEY']" in after


class TestKeysOfPydanticSettings:
    """Their variables have the names of the fields, so that the field has to be renamed with the variable."""

    HEADER = '{"Authorization": f"Bearer {s.speechmatics_api_key}"}'

    def settings(self, body: str, made: str = "s = S()") -> str:
        return f"{PYDANTIC}class S(BaseSettings):\n    {body}\n{made}"

    @pytest.mark.parametrize(
        ("body", "made"),
        [
            ("speechmatics_api_key: str", "s = S()"),
            (
                "speechmatics_api_key: str = ''",
                "s = S()\nif not s.speechmatics_api_key:\n    raise SystemExit",
            ),
            ("speechmatics_api_key: str = Field(default='')", "s = S()"),
            (
                "speechmatics_api_key: str\n    deepgram_api_key: str = ''",
                "s = S()\nprint(s.deepgram_api_key)",
            ),
        ],
    )
    def test_the_field_is_renamed_everywhere(self, migrate: Migrate, body: str, made: str) -> None:
        settings = self.settings(body, made)
        result = migrate(constants=settings, header=self.HEADER)
        assert result.status == "native", result.findings
        after = result.after.decode()
        assert settings.replace("speechmatics_api_key", "assemblyai_api_key") in after
        assert 'header={"Authorization": s.assemblyai_api_key}' in after
        assert any(
            "read from ASSEMBLYAI_API_KEY now; set it where SPEECHMATICS_API_KEY" in f.message
            for f in result.findings
        )

    def test_an_alias_is_the_variable(self, rewritten: Callable[..., str]) -> None:
        settings = self.settings("key: str = Field(validation_alias='SPEECHMATICS_API_KEY')")
        after = rewritten(constants=settings, header='{"Authorization": f"Bearer {s.key}"}')
        assert settings.replace("SPEECHMATICS", "ASSEMBLYAI") in after

    def test_a_key_in_the_source_is_taken_out(self, rewritten: Callable[..., str]) -> None:
        after = rewritten(
            constants=self.settings("speechmatics_api_key: str = 'old-secret'"), header=self.HEADER
        )
        assert "old-secret" not in after
        assert 'assemblyai_api_key: str = ""' in after

    def test_a_name_that_says_nothing_stays_with_a_finding(self, migrate: Migrate) -> None:
        settings = self.settings("key: str\n    model_config = {'env_prefix': 'STT_'}")
        result = migrate(constants=settings, header='{"Authorization": f"Bearer {s.key}"}')
        assert result.status == "native"
        assert settings in result.after.decode()
        assert any(
            "STT_KEY, which sets S.key, has to hold an AssemblyAI key" in f.message for f in result.findings
        )

    def test_a_prefix_of_the_service_is_the_drop_ins(self, refused: Callable[..., str]) -> None:
        reason = refused(
            constants=self.settings("key: str\n    model_config = {'env_prefix': 'SPEECHMATICS_'}"),
            header='{"Authorization": f"Bearer {s.key}"}',
        )
        assert "S.key is read from SPEECHMATICS_KEY, as its prefix says" in reason

    @pytest.mark.parametrize(
        "made",
        [
            "s = S()\nprint(getattr(s, 'speechmatics_api_key'))",
            "from elsewhere import t\ns = S()\nprint(t.speechmatics_api_key)",
        ],
    )
    def test_a_field_that_may_be_read_out_of_sight_is_the_drop_ins(
        self, refused: Callable[..., str], made: str
    ) -> None:
        assert refused(constants=self.settings("speechmatics_api_key: str", made), header=self.HEADER)
