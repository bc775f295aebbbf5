"""The documents tell the truth: the commands they show are understood and run, their links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pytest

from photosearch.cli.parser import build_parser, with_command

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LIMIT_SECONDS = 120

BLOCK = re.compile(r"^```(console|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
PICTURE = re.compile(r"\.(jpe?g|png|webp|gif|tiff?|bmp|avif|hei[cf])$", re.IGNORECASE)
RUN = ("index", "search", "similar", "status", "problems", "folders", "models", "doctor")
"""The commands of photosearch that are really run: those that open no window and end by themselves."""

NOT_HERE = frozenset({"--watch", "--model", "download"})
"""Words of commands that do not end by themselves, or need a model that must be fetched first."""


@dataclass(frozen=True)
class Command:
    """One simple command of a document, and where it stands."""

    document: str
    line: int
    words: tuple[str, ...]
    alone: bool
    """False when it is part of a pipe, or its output goes to a file."""

    def __str__(self) -> str:
        return f"{self.document}:{self.line} {shlex.join(self.words)}"


def commands_in(text: str, document: str) -> Iterator[Command]:
    """The commands of the ``console`` blocks (after ``$ ``) and ``sh`` blocks (every line) of a document."""
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(2))
        pending = ""
        for row in block[2].splitlines():
            line += 1
            if block[1] == "console" and not pending:
                if not row.startswith("$ "):
                    continue
                row = row[2:]
            pending += row
            if pending.endswith("\\"):
                pending = pending[:-1]
                continue
            yield from simple_commands(pending, document, line)
            pending = ""


def simple_commands(row: str, document: str, line: int) -> Iterator[Command]:
    """Take a line of shell apart at pipes and ``&&``; variables set before a command and redirections are left out."""
    lexer = shlex.shlex(row, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    tokens = list(lexer)
    alone = not any(token in ("|", ">", ">>", "<") for token in tokens)
    words: list[str] = []
    redirected = False
    for token in [*tokens, ";"]:
        if token in ("|", "&&", "||", ";", "&"):
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words:
                yield Command(document, line, tuple(words), alone)
            words, redirected = [], False
        elif token in (">", ">>", "<"):
            redirected = True
        elif redirected:
            redirected = False
        else:
            words.append(token)


def documented() -> list[Command]:
    return [
        command
        for path in DOCUMENTS
        for command in commands_in(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())
    ]


def calls_of(program: str) -> list[Command]:
    return [command for command in documented() if Path(command.words[0]).name == program]


def test_there_are_documents_with_commands_to_check():
    assert (ROOT / "README.md").is_file()
    assert calls_of("photosearch")
    assert calls_of("make")


@pytest.mark.parametrize("command", calls_of("photosearch"), ids=str)
def test_the_program_understands_the_documented_command(command):
    parser = build_parser()
    try:
        parser.parse_args(with_command(command.words[1:], parser))
    except SystemExit as end:
        assert end.code == 0, f"{command} is not understood"


@pytest.mark.parametrize("command", calls_of("make"), ids=str)
def test_make_has_the_documented_target_and_variable(command):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in command.words[1:]:
        if "=" in word:
            assert re.search(rf"^{re.escape(word.split('=')[0])} \?=", makefile, re.MULTILINE), word
        elif not word.startswith("-"):
            assert re.search(rf"^{re.escape(word)}:", makefile, re.MULTILINE), word


def test_every_target_of_the_makefile_has_help():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    rules = dict(re.findall(r"^([a-z-]+):((?!=).*)$", makefile, re.MULTILINE))
    assert set(rules) == phony
    internal = {"setup-tests"}
    assert {name for name, rest in rules.items() if "## " not in rest} == internal


def test_the_documented_commands_run(data, tmp_path):
    """In the order of the documents, in one library; the folders and photos they name stand for our own small ones."""
    photo = next(path for path in sorted(data.rglob("*")) if path.suffix == ".jpg")

    def ours(word: str) -> str:
        if PICTURE.search(word):
            return str(photo)
        return str(data) if word.startswith(("~", "/")) else word

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "photosearch", "--data-dir", str(tmp_path / "library"), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, "COLUMNS": "120"},
            cwd=tmp_path,
            timeout=LIMIT_SECONDS,
            check=False,
        )

    assert run("index", str(data)).returncode == 0
    seen: set[tuple[str, ...]] = set()
    for command in calls_of("photosearch"):
        words = [ours(word) for word in command.words[1:]]
        if not command.alone or not words or words[0] not in RUN or set(words) & NOT_HERE:
            continue
        shape = (words[0], *(word for word in words if word.startswith("-")))
        if shape in seen:
            continue
        seen.add(shape)
        done = run(*words)
        assert done.returncode == 0, f"{command}\n{done.stderr.decode()}"
        assert b"Traceback" not in done.stderr, command


def links_of(document: Path) -> list[str]:
    """Links into this project; those to the world and within the page are not followed."""
    found = LINK.findall(document.read_text(encoding="utf-8"))
    return [link for link in found if not re.match(r"[a-z]+:|#", link)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_and_pictures_of_the_document_are_there(document):
    lost = [link for link in links_of(document) if not (document.parent / unquote(link.split("#")[0])).exists()]
    assert lost == []


def test_commands_are_found_in_documents_as_people_write_them():
    text = """
```console
$ photosearch index ~/Pictures   # remembered
found 10
$ PHOTOSEARCH_DATA_DIR=/tmp/x photosearch search "a dog" \\
    --json | jq .hits
```
```sh
make setup && .venv/bin/photosearch status > status.txt
```
```python
photosearch.search()
```
"""
    found = [(c.words, c.alone, c.line) for c in commands_in(text, "page.md")]
    assert found == [
        (("photosearch", "index", "~/Pictures"), True, 3),
        (("photosearch", "search", "a dog", "--json"), False, 6),
        (("jq", ".hits"), False, 6),
        (("make", "setup"), False, 9),
        ((".venv/bin/photosearch", "status"), False, 9),
    ]
