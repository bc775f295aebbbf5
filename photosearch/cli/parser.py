"""The commands and their options. Imports nothing heavy, so that ``--help`` is instant."""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from photosearch import __version__
from photosearch.errors import display_path

WINDOW = "window"
_OPTIONS_WITH_VALUE = ("--data-dir", "--model", "--query")


def build_parser() -> argparse.ArgumentParser:
    """The whole command line. The command ``window`` may be left out (see ``with_command``)."""
    common = _common_options(suppress=True)
    parser = _Parser(
        prog="photosearch",
        description="Find photos by what they show. Without a command the window opens, and FOLDERs are added to it.",
        usage="photosearch [options] [FOLDER ...]\n       photosearch [options] COMMAND ...",
        parents=[_common_options(suppress=False)],
        epilog="Exit status: 0 done, 1 not all of it could be done, 2 the call was wrong, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"PhotoSearch {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", prog="photosearch")

    def add(name: str, help_text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=help_text, description=help_text, parents=[common])

    window = add(WINDOW, "Open the window (the default).")
    window.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="folders to add")
    window.add_argument("--query", default="", metavar="WORDS", help="search for this at once")

    index = add("index", "Index what is new in the library's folders; FOLDERs become part of it.")
    index.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    index.add_argument("--watch", action="store_true", help="go on watching the folders until interrupted")
    index.add_argument("--json", action="store_true", help="print the report as one JSON document")

    search = add("search", "Find photos by words, by pictures, or by both.")
    search.add_argument("words", nargs="*", metavar="QUERY", help="what the photo shows")
    search.add_argument(
        "--image",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a picture to look like; may be repeated",
    )
    _answer_options(search)

    similar = add("similar", "Find photos that look like a picture.")
    similar.add_argument("image", type=Path, metavar="FILE")
    _answer_options(similar)

    status = add("status", "Show what the library holds and what waits.")
    status.add_argument("--json", action="store_true", help="print one JSON document")

    problems = add("problems", "List the files that are not searchable, and why.")
    problems.add_argument("--retry", action="store_true", help="read them again at the next indexing")
    problems.add_argument("--json", action="store_true", help="print one JSON document")

    folders = add("folders", "List or change the library's folders.")
    actions = folders.add_subparsers(dest="action", metavar="ACTION")
    for name, help_text in (
        ("list", "list the folders (the default)"),
        ("add", "make a folder part of the library"),
        ("remove", "take a folder out of the library; its photos are not touched"),
        ("exclude", "leave out a folder inside a library folder"),
        ("include", "let an excluded folder in again"),
        ("forget", "forget the photos of a folder that are shown as away"),
    ):
        action = actions.add_parser(name, help=help_text, description=help_text.capitalize() + ".", parents=[common])
        if name == "list":
            action.add_argument("--json", action="store_true", help="print one JSON document")
        else:
            action.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")

    models = add("models", "List the models this library was indexed with, or fetch one.")
    actions = models.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser("list", help="list the models (the default)", parents=[common])
    listing.add_argument("--json", action="store_true", help="print one JSON document")
    download = actions.add_parser(
        "download",
        help="fetch the weights of NAME/TAG from its publisher; the only use of the network",
        parents=[common],
    )
    download.add_argument("name", metavar="NAME/TAG", help="as open_clip lists it, e.g. ViT-B-32/laion2b_s34b_b79k")

    doctor = add("doctor", "Say what is installed, where data is, what is wrong and what to do.")
    doctor.add_argument(
        "--repair", action="store_true", help="mend the catalog from its copies, and rebuild the caches"
    )
    doctor.add_argument("--json", action="store_true", help="print one JSON document")
    return parser


def with_command(arguments: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """The arguments with ``window`` put before them where no command is named."""
    commands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction)).choices
    position, arguments = 0, list(arguments)
    while position < len(arguments) and arguments[position].startswith("-") and arguments[position] != "--":
        if arguments[position] in ("-h", "--help", "--version"):
            return arguments
        position += 2 if arguments[position] in _OPTIONS_WITH_VALUE else 1
    if position < len(arguments) and arguments[position] in commands:
        return arguments
    if position < len(arguments) and not os.path.lexists(arguments[position]):
        meant = difflib.get_close_matches(arguments[position], commands, n=1, cutoff=0.75)
        if meant:
            parser.error(f"there is neither a command nor a folder {arguments[position]}; did you mean {meant[0]}?")
    return [WINDOW, *arguments]


def _common_options(*, suppress: bool) -> _Parser:
    """Options that may stand before or after the command; only the former carry defaults, or they would win."""
    options = _Parser(add_help=False)
    hidden: dict[str, Any] = {"default": argparse.SUPPRESS} if suppress else {}
    group = options.add_argument_group("options of every command")
    group.add_argument("--data-dir", type=_folder, metavar="FOLDER", help="keep everything in this folder", **hidden)
    group.add_argument("--model", metavar="NAME", help="builtin, a model folder, or NAME/TAG of open_clip", **hidden)
    group.add_argument("--quiet", action="store_true", help="say nothing but what went wrong", **hidden)
    group.add_argument("--verbose", action="store_true", help="log to stderr too, in detail", **hidden)
    return options


def _answer_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=_count, default=20, metavar="N", dest="count", help="at most so many answers (20)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON document")
    form.add_argument("--paths", action="store_true", help="print paths only, one a line")
    form.add_argument("-0", action="store_true", dest="null", help="print raw paths, each ended by a NUL byte")


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a call in one sentence, like everything else; ``--help`` has the rest."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"photosearch: {display_path(message).rstrip('.?')}. See: {self.prog} --help\n")


def _folder(text: str) -> Path:
    """An empty name would mean the current folder: a variable of a script that is not set."""
    if not text:
        raise argparse.ArgumentTypeError("the folder has no name")
    return Path(text)


def _count(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 100,000")
    return value
