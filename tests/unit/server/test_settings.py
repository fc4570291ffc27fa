from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from vmafx_tune.cpus import available_cpus
from vmafx_tune.errors import UsageError
from vmafx_tune.server.settings import SETTINGS, ServerSettings, parse_flags

BAD_VALUES = [
    ("--port", "65536", "whole number from 0 to 65535"),
    ("--port", "-1", "whole number from 0 to 65535"),
    ("--grpc-port", "http", "whole number from 0 to 65535"),
    ("--host", "two words", "not a host name or an address"),
    ("--log-level", "chatty", "none of debug, info, warning, error"),
    ("--backend", "psnr", "none of auto, libvmaf, ffmpeg, vmaf"),
    ("--max-concurrent", "0", "whole number of at least 1"),
    ("--max-queue", "1.5", "whole number of at least 0"),
    ("--drain-seconds", "nan", "number of seconds from 0"),
    ("--drain-seconds", "-1", "number of seconds from 0"),
    ("--request-timeout", "0", "number of seconds above 0"),
    ("--request-timeout", "inf", "number of seconds above 0"),
    ("--media-roots", "/nonexistent", "there is no folder '/nonexistent'"),
    ("--model-dir", os.pathsep, "names no folder"),
    ("--tls-cert", "/nonexistent.pem", "there is no such file"),
    ("--api-token-file", "/nonexistent", "there is no such file"),
]


def read(*argv: str, **environ: str) -> ServerSettings:
    return ServerSettings.from_sources(parse_flags(argv), environ)


def test_without_flags_and_variables_the_defaults_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    settings = read()

    assert (settings.host, settings.port, settings.grpc_port) == ("127.0.0.1", 8080, 50051)
    assert (settings.log_level, settings.drain_s) == ("info", 30)
    assert settings.media_roots == (tmp_path,)
    assert settings.max_concurrent_scores == available_cpus()
    assert settings.api_token is None


def test_a_flag_wins_over_a_variable_and_a_variable_over_the_default() -> None:
    settings = read("--port", "1", VMAFX_PORT="2", VMAFX_GRPC_PORT="3")

    assert (settings.port, settings.grpc_port) == (1, 3)


def test_a_variable_that_is_empty_counts_as_not_set() -> None:
    assert read(VMAFX_PORT="").port == 8080


def test_a_flag_takes_its_value_after_a_space_or_an_equals_sign_and_the_last_counts() -> None:
    assert read("--port=1", "--port", "2", "--log-level=debug").port == 2


@pytest.mark.parametrize(("flag", "value", "reason"), BAD_VALUES)
def test_a_bad_value_is_refused_with_the_flag_and_the_value(
    flag: str, value: str, reason: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read(flag, value)

    assert str(caught.value).startswith(f"{flag} '{value}' cannot be used: ")
    assert reason in str(caught.value)


@pytest.mark.parametrize(("flag", "value", "reason"), BAD_VALUES)
def test_a_bad_value_is_refused_with_the_variable_and_the_value(
    flag: str, value: str, reason: str
) -> None:
    variable = next(setting.variable for setting in SETTINGS if setting.flag == flag)

    with pytest.raises(UsageError, match=reason) as caught:
        read(**{variable: value})

    assert str(caught.value).startswith(f"{variable} '{value}'")


def test_an_unknown_flag_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="no option '--prot=1'"):
        read("--prot=1")


def test_a_flag_without_a_value_is_refused() -> None:
    with pytest.raises(UsageError, match="--port needs a value"):
        read("--port")


def test_several_folders_are_separated_as_in_path(tmp_path: Path) -> None:
    folders = (tmp_path / "a", tmp_path / "b")
    for folder in folders:
        folder.mkdir()

    settings = read("--media-roots", os.pathsep.join(map(str, folders)))

    assert settings.media_roots == folders


def test_the_token_comes_from_its_variable_or_from_a_file_which_wins(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")

    assert read(VMAFX_API_TOKEN="from-variable").api_token == "from-variable"
    settings = read("--api-token-file", str(file), VMAFX_API_TOKEN="from-variable")
    assert settings.api_token == "from-file"


def test_the_token_is_shown_neither_by_the_settings_nor_by_an_error() -> None:
    assert "hunter2" not in repr(read(VMAFX_API_TOKEN="hunter2"))

    with pytest.raises(UsageError) as caught:
        read(VMAFX_API_TOKEN="hunter2 with spaces")
    assert "VMAFX_API_TOKEN" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_no_flag_takes_the_token_itself() -> None:
    flags = {setting.flag for setting in SETTINGS if setting.variable == "VMAFX_API_TOKEN"}
    assert flags == {""}


@pytest.mark.parametrize("given", ["--tls-cert", "--tls-key"])
def test_a_certificate_without_its_key_is_refused_and_the_other_way_round(
    given: str, tmp_path: Path
) -> None:
    file = tmp_path / "some.pem"
    file.touch()

    with pytest.raises(UsageError, match=f"{given} was given without --tls-"):
        read(given, str(file))


def test_each_variable_stands_beside_its_flag_in_the_reference() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "environment.md"
    text = page.read_text(encoding="utf-8")

    for setting in SETTINGS:
        assert f"`{setting.variable}`" in text
        assert f"`{setting.flag}`" in text or not setting.flag


def test_each_row_sets_a_field_that_exists_and_each_flag_is_of_one_row() -> None:
    fields = {field.name for field in dataclasses.fields(ServerSettings)}
    flags = [setting.flag for setting in SETTINGS if setting.flag]

    assert {setting.field for setting in SETTINGS} == fields
    assert len(flags) == len(set(flags))
