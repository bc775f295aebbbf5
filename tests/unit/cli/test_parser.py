"""How a call is read: the command that may be left out, options before and after it, and calls that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from photosearch.cli.parser import build_parser, with_command


def parse(*arguments: str):
    parser = build_parser()
    return parser.parse_args(with_command(arguments, parser))


def wrong(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        parse(*arguments)
    assert end.value.code == 2
    written = capsys.readouterr()
    assert written.out == "" and written.err.count("\n") == 1
    return written.err


def test_without_a_command_the_window_opens_on_the_folders(tmp_path):
    options = parse("--data-dir", "D", str(tmp_path))
    assert (options.command, options.folders, options.data_dir) == ("window", [tmp_path], Path("D"))


@pytest.mark.parametrize("arguments", [(), ("--quiet",), ("--data-dir", "search"), ("--query", "search")])
def test_a_value_that_is_spelled_like_a_command_is_none(arguments):
    assert parse(*arguments).command == "window"


@pytest.mark.parametrize(
    "arguments",
    [("--data-dir", "D", "status"), ("status", "--data-dir", "D"), ("--data-dir", "X", "status", "--data-dir", "D")],
)
def test_common_options_may_stand_before_or_after_the_command(arguments):
    options = parse(*arguments)
    assert (options.command, options.data_dir) == ("status", Path("D"))


def test_a_folder_that_is_there_wins_over_a_command_it_resembles(tmp_path, monkeypatch):
    (tmp_path / "serch").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse("serch").folders == [Path("serch")]


def test_a_misspelled_command_is_not_taken_for_a_folder(capsys):
    assert "did you mean search" in wrong(capsys, "serch", "red car")


def test_a_data_folder_without_a_name_is_refused_for_it_would_be_the_current_folder(capsys):
    assert "--data-dir" in wrong(capsys, "--data-dir", "", "status")


@pytest.mark.parametrize("count", ["0", "-3", "many", "100001"])
def test_a_number_of_answers_out_of_range_is_refused(capsys, count):
    assert "100,000" in wrong(capsys, "search", "red", f"-n{count}")


@pytest.mark.parametrize("forms", [("--json", "--paths"), ("--json", "-0"), ("--paths", "-0")])
def test_answers_have_one_form(capsys, forms):
    assert "not allowed with" in wrong(capsys, "search", "red", *forms)


def test_what_was_typed_wrongly_never_reaches_the_terminal_raw(capsys):
    assert "\x1b" not in wrong(capsys, "index", "--\x1b[31mred")


def test_every_command_has_help_that_begins_with_what_it_does(capsys):
    for command in ("window", "index", "search", "similar", "status", "problems", "folders", "models", "doctor"):
        with pytest.raises(SystemExit) as end:
            parse(command, "--help")
        assert end.value.code == 0
        usage, does = capsys.readouterr().out.split("\n\n")[:2]
        assert usage.startswith(f"usage: photosearch {command}")
        assert does.endswith(".")
