"""The account of the library in words: how many files can be searched, what keeps the others, and what would mend it.

The command line and the window tell it alike, so the words are here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from photosearch.errors import ProblemCode
from photosearch.records import Account, Problem


class Reason(NamedTuple):
    """A class of files that cannot be searched. ``words`` follow a number; ``advice`` is a sentence."""

    words: str
    advice: str


REASONS: dict[str, Reason] = {
    ProblemCode.EMPTY: Reason("empty", "Copy them again from where they came, or delete them: they hold nothing."),
    ProblemCode.DAMAGED: Reason("damaged", "Copy them again from the camera, its card or a backup."),
    ProblemCode.NOT_A_PICTURE: Reason(
        "not a picture", "Give them the ending of what they are, or leave their folder out."
    ),
    ProblemCode.NO_CODEC: Reason(
        "without a decoder", "Install the decoder that the reason names, or convert them to JPEG; then try again."
    ),
    ProblemCode.TOO_LARGE: Reason(
        "too large", "Raise the largest size (max_megapixels) in the settings if you trust them; then try again."
    ),
    ProblemCode.TOO_SLOW: Reason("too slow to decode", "Save them anew with a photo program, or try again."),
    ProblemCode.OUT_OF_MEMORY: Reason("too large for the memory", "Save smaller copies of them with a photo program."),
    ProblemCode.DECODER_CRASHED: Reason("that end the decoder", "Copy them again from a backup, or save them anew."),
    ProblemCode.NO_PERMISSION: Reason(
        "no permission", "Give yourself permission to read them; they are tried again at the next look."
    ),
    ProblemCode.READ_FAILED: Reason(
        "unreadable on their drive", "Check the drive and its cable; they are tried again at the next look."
    ),
    ProblemCode.NOT_A_FILE: Reason("gone while they were read", "Nothing has to be done: the next look settles it."),
    ProblemCode.ENCODER_FAILED: Reason("the model cannot use", "Try again, or use another model."),
}
_OTHER = Reason("with another problem", "The reason of each file says what is wrong.")


def reason_of(code: str) -> Reason:
    """Words and advice of a code; also of one that a newer PhotoSearch wrote."""
    return REASONS.get(code, _OTHER)


def account_text(account: Account) -> str:
    """``12,431 of 12,440 files searchable; 9 not: 4 without a decoder, 3 damaged, 2 no permission.``

    Files that are away are told apart: they are not on disk now, but stay in the answers.
    """
    here = account.files - account.away
    not_searchable = here - account.searchable
    if not here:
        text = "No files."
    elif not not_searchable:
        text = "1 file, searchable." if here == 1 else f"All {here:,} files searchable."
    else:
        parts = [f"{count:,} {reason_of(code).words}" for code, count in by_count(account.problems)]
        if account.waiting:
            parts.insert(0, f"{account.waiting:,} waiting to be indexed")
        text = (
            f"{account.searchable:,} of {here:,} file{'' if here == 1 else 's'} searchable;"
            f" {not_searchable:,} not: {', '.join(parts)}."
        )
    if account.copies:
        text += f" {account.copies:,} of them {'is a copy' if account.copies == 1 else 'are copies'}."
    if account.away:
        text += f" {account.away:,} more {'is away with its' if account.away == 1 else 'are away with their'} drive."
    return text


def by_count(problems: dict[str, int]) -> list[tuple[str, int]]:
    """Codes and how many files have them, most first."""
    return sorted(problems.items(), key=lambda entry: (-entry[1], entry[0]))


def by_reason(problems: Iterable[Problem]) -> list[tuple[str, list[Problem]]]:
    """Codes and the files that have them, the largest group first, each in the order given."""
    groups: dict[str, list[Problem]] = {}
    for problem in problems:
        groups.setdefault(problem.code, []).append(problem)
    return sorted(groups.items(), key=lambda entry: (-len(entry[1]), entry[0]))
