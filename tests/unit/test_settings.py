"""Settings: the page that lists them, and what a bad value is told."""

import importlib.util
import os
import re
from pathlib import Path
from types import ModuleType

import pytest

from codeactions.domain.errors import Error, ErrorCode
from codeactions.node.settings import Settings, read_settings, variable
from codeactions.node.unknown_variables import unknown_variables

DOCS = Path(__file__).parents[2] / "docs"
SECRET = "s3cret-that-nobody-may-see"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CODEACTIONS_") or name == "DATABASE_URL":
            monkeypatch.delenv(name)


def generator() -> ModuleType:
    """docs/generate.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_settings_is_up_to_date() -> None:
    assert (DOCS / "settings.md").read_text() == generator().settings_page(), "run `python docs/generate.py`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_on_the_page_with_its_default_and_description(name: str) -> None:
    [row] = [line for line in (DOCS / "settings.md").read_text().splitlines() if f"| `{variable(name)}` |" in line]
    field = Settings.model_fields[name]
    assert field.description
    assert field.description in row
    if name not in ("data_dir", "node") and field.default is not None:
        default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        assert f"| `{default}` |" in row


def test_the_page_lists_nothing_else() -> None:
    listed = re.findall(r"^\| `(\w+)` \|", (DOCS / "settings.md").read_text(), re.MULTILINE)
    assert listed == [variable(name) for name in Settings.model_fields]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_read_from_its_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    default = Settings.model_fields[name].default
    given = {"log_format": "json", "examples": "false", "auth_token": "x" * 16, "data_dir": "/elsewhere"}
    given |= {"secret_key": "y" * 16, "oidc_userinfo": "true", "compat": "flows-code-actions"}
    value = given.get(name, str(default + 1) if isinstance(default, int | float) else "other")
    monkeypatch.setenv(variable(name), value)
    assert str(getattr(read_settings(), name)).lower() == value.lower() or float(
        getattr(read_settings(), name)
    ) == float(value)


BAD = {
    "port": "65536", "slots": "0", "warm": "-1", "memory_mb": "1", "processes": "0", "tmp_mb": "0", "open_files": "1",
    "result_mb": "0", "log_lines": "-1", "log_characters": "79", "log_mb": "0", "body_mb": "600", "body_seconds": "0",
    "queue": "-1", "queue_seconds": "0", "requests": "0", "record_seconds": "-1", "stop_seconds": "-1",
    "log_format": "xml", "compat": "other", "examples": "perhaps", "auth_token": "too-short", "node": "x" * 256,
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("kind", ["out of bounds", "nonsense"])
def test_a_bad_value_gives_one_line_with_the_variable_and_without_the_value(
    name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = BAD[name] if kind == "out of bounds" else SECRET
    if kind == "nonsense" and name in ("auth_token", "node"):
        value = "\t" * 5 if name == "auth_token" else SECRET * 20
    monkeypatch.setenv(variable(name), value)
    with pytest.raises(Error) as caught:
        read_settings()
    assert caught.value.code is ErrorCode.INVALID
    assert caught.value.message.startswith(f"{variable(name)}: ")
    assert "\n" not in caught.value.message
    assert SECRET not in caught.value.message
    assert "too-short" not in caught.value.message


def test_arguments_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEACTIONS_PORT", "1")
    monkeypatch.setenv("DATABASE_URL", "postgresql://environment/x")
    settings = read_settings(port=2, database_url="postgresql://argument/x", host=None)
    assert (settings.port, settings.database_url) == (2, "postgresql://argument/x")


def test_empty_is_absent_for_the_token_and_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEACTIONS_AUTH_TOKEN", "")
    monkeypatch.setenv("DATABASE_URL", "")
    settings = read_settings()
    assert (settings.auth_token, settings.database_url) == (None, None)


def test_masked_headers_are_a_list_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEACTIONS_MASKED_HEADERS", " X-One,,cookie ")
    assert read_settings().masked_header_names() == {"x-one", "cookie"}


@pytest.mark.parametrize(
    ("given", "zone"), [("America/Sao_Paulo", "America/Sao_Paulo"), ("europe/berlin", "Europe/Berlin"), ("", "UTC")]
)
def test_the_time_zone_of_functions_is_one_that_there_is(
    given: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEACTIONS_TIMEZONE", given)
    assert read_settings().known_timezone() == zone


def test_an_unknown_time_zone_is_named_with_the_one_that_may_be_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEACTIONS_TIMEZONE", "Sao_Paulo")
    with pytest.raises(Error) as caught:
        read_settings().known_timezone()
    assert caught.value.code is ErrorCode.INVALID
    assert caught.value.message == (
        "CODEACTIONS_TIMEZONE must be the name of a time zone, such as America/Sao_Paulo, not 'Sao_Paulo'; "
        "did you mean America/Sao_Paulo?"
    )


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("CODEACTIONS_SLOT", "CODEACTIONS_SLOTS"),
        ("CODEACTIONS_DATADIR", "CODEACTIONS_DATA_DIR"),
        ("codeactions_prot", "CODEACTIONS_PORT"),
        ("CODEACTION_PORT", "CODEACTIONS_PORT"),
        ("CODE_ACTIONS_LANGUAGES", "CODEACTIONS_LANGUAGES"),
        ("CODEACTIONS_DATABASE_URL", "DATABASE_URL"),
        ("CODEACTIONS_MEMORY", "CODEACTIONS_MEMORY_MB"),
        ("CODEACTIONS_TOKEN", "CODEACTIONS_AUTH_TOKEN"),
    ],
)
def test_a_variable_that_is_no_setting_is_named_with_the_nearest(name: str, nearest: str) -> None:
    assert unknown_variables([name]) == [f"{name} is no setting and does nothing: did you mean {nearest}?"]


def test_a_variable_like_no_setting_is_named_alone() -> None:
    [line] = unknown_variables(["CODEACTIONS_XYZZY"])
    assert line == "CODEACTIONS_XYZZY is no setting and does nothing; docs/settings.md lists those there are"


@pytest.mark.parametrize(
    "name",
    [
        *map(variable, Settings.model_fields),
        *(
            "codeactions_port",
            "PATH",
            "FLOWS_CODE_ACTIONS_PORT",
            "CODEACTIONS_SERVICE_HOST",
            "CODEACTIONS_SERVICE_PORT",
        ),
        *("CODEACTIONS_PORT_8050_TCP", "CODEACTIONS_PORT_8050_TCP_ADDR", "CODEACTIONS_SERVICE_PORT_HTTP"),
    ],
)
def test_settings_and_what_others_set_are_not_named(name: str) -> None:
    assert unknown_variables([name]) == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("log_format", "xml", "must be one of auto, json, text"),
        ("examples", "perhaps", "must be true or false"),
        ("port", "tcp://10.0.0.1:8050", "Kubernetes sets this for a service named codeactions"),
    ],
)
def test_what_there_is_to_choose_is_told(name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable(name), value)
    with pytest.raises(Error, match=f"^{variable(name)}: {told}"):
        read_settings()


def test_a_language_that_does_not_exist_is_told_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEACTIONS_LANGUAGES", "pyton")
    with pytest.raises(Error, match=r"^CODEACTIONS_LANGUAGES: there is no language 'pyton'; there are python, "):
        read_settings().registry()
