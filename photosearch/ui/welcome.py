"""Which page to show, and its words: a function of the session's state, so that it can be tested without a window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from photosearch.errors import (
    CatalogDamaged,
    ModelNotHere,
    ModelUnavailable,
    PhotoError,
    QueryError,
    WorldError,
    display_path,
)
from photosearch.progress import Phase
from photosearch.ui.pages import APP_ICON, Choice, Page
from photosearch.ui.session import SORRY, Session, State
from photosearch.ui.status_line import photos_text

_PRIVATE = "Your photos are only read, and nothing ever leaves this computer."


@dataclass(frozen=True, slots=True)
class Doings:
    """What the pages' buttons do."""

    add_folder: Callable[[Path], None]
    choose_folder: Callable[[], None]
    show_folders: Callable[[], None]
    show_problems: Callable[[], None]
    show_settings: Callable[[], None]
    download: Callable[[str], None]
    clear_query: Callable[[], None]
    try_again: Callable[[], None]
    repair: Callable[[], None]
    quit: Callable[[], None]


def page_for(session: Session, *, pictures: Path | None, doings: Doings) -> Page | None:
    """The page that tells the user where they are; None when there are photos to show."""
    if session.state is State.FAILED:
        return _failed(session, doings)
    if session.state is not State.OPEN or session.status is None:
        return Page("pictures", "", "Opening the library…")
    status = session.status
    if not status.folders:
        return _welcome(pictures, doings)
    if session.search_error is not None and session.has_query:
        return _query_failed(session, doings)
    if len(session.listing):
        return None
    if session.listing.query is not None:
        return _nothing_found(session, doings)
    if session.busy or status.pending:
        return _at_work(session, doings)
    return _empty_folders(session, doings)


def _failed(session: Session, doings: Doings) -> Page:
    error = session.error
    title, leave = "The library cannot be opened", Choice("Quit", doings.quit)
    if isinstance(error, CatalogDamaged) and session.can_repair:
        text = (
            f"Its catalog is damaged ({error.reason}). The newest good copy can be put back, and what is missing in it"
            " is indexed again; the damaged file is kept, and your photos are not touched."
        )
        return Page("warning", title, text, (Choice("Repair", doings.repair, primary=True), leave))
    text = str(error) if isinstance(error, WorldError) else SORRY
    choices = [Choice("Try again", doings.try_again, primary=True), leave]
    if isinstance(error, ModelUnavailable):
        choices.insert(1, Choice("Settings…", doings.show_settings))
    return Page("warning", title, text, tuple(choices))


def _welcome(pictures: Path | None, doings: Doings) -> Page:
    choices = [Choice("Choose another folder…", doings.choose_folder)]
    if pictures is not None:
        choices.insert(
            0, Choice(f"Use my {pictures.name or 'Pictures'} folder", lambda: doings.add_folder(pictures), True)
        )
    else:
        choices = [Choice("Choose a folder…", doings.choose_folder, primary=True)]
    return Page(
        APP_ICON,
        "Find any photo by what it shows",
        "Choose where your photos are. PhotoSearch looks at each one once; from the first minute on you can search them"
        " with your own words, or with a picture.",
        tuple(choices),
        _PRIVATE,
    )


def _query_failed(session: Session, doings: Doings) -> Page:
    error = session.search_error
    choices = [Choice("Clear the search", doings.clear_query)]
    match error:
        case PhotoError():
            title = "That picture cannot be used"
        case QueryError():
            title = "That cannot be searched for"
        case ModelNotHere():
            title = "The model is not on this computer"
            choices.insert(0, Choice("Download it", lambda: doings.download(error.name), primary=True))
            choices.insert(1, Choice("Settings…", doings.show_settings))
        case ModelUnavailable():
            title = "Searching does not work right now"
            choices.insert(0, Choice("Try again", session.search_now, primary=True))
            choices.insert(1, Choice("Settings…", doings.show_settings))
        case _:
            title = "The search did not work"
            choices.insert(0, Choice("Try again", session.search_now, primary=True))
    sentence = str(error) if isinstance(error, WorldError) else SORRY
    return Page("warning", title, sentence, tuple(choices))


def _nothing_found(session: Session, doings: Doings) -> Page:
    status = session.status
    clear = Choice("Clear the search", doings.clear_query)
    searched = session.searched
    if searched == 0:
        text, choices = _nothing_to_search(session, doings)
        return Page("empty", "There is nothing to search yet", text, (*choices, clear))
    waiting = status.account.waiting if searched < status.photos + status.pending else 0
    later = f" Still to be indexed: {photos_text(waiting)}." if waiting else ""
    return Page(
        "empty",
        "No photo is like that",
        f"None of your {photos_text(searched)} matches well enough. Try plainer words, fewer of them, or drop"
        f" a similar picture here.{later}",
        (clear,),
    )


def _nothing_to_search(session: Session, doings: Doings) -> tuple[str, tuple[Choice, ...]]:
    """Why, and what can be done about it."""
    waiting = session.status.account.waiting
    if waiting and (session.paused or session.progress.phase is Phase.PAUSED):
        resume = Choice("Resume", session.toggle_pause, primary=True)
        return f"Indexing is paused. Still to be indexed: {photos_text(waiting)}.", (resume,)
    if session.busy:
        return "Your photos are being looked at. The first answers come in a moment.", ()
    if waiting:
        return f"Still to be indexed: {photos_text(waiting)}.", ()
    problems = (Choice("See the problems", doings.show_problems),) if session.status.problems else ()
    return "No photo in your folders could be read.", problems


def _at_work(session: Session, doings: Doings) -> Page:
    paused = session.paused or session.progress.phase is Phase.PAUSED
    if paused:
        return Page(
            "pause", "Indexing is paused", "Your photos appear here when it goes on.",
            (Choice("Resume", session.toggle_pause, primary=True),),
        )  # fmt: skip
    found = session.progress.found or session.status.pending
    count = f"{photos_text(found)} found so far." if found else "Looking through your folders…"
    return Page("pictures", "Your photos appear here as they are found", f"{count} You can search at any time.")


def _empty_folders(session: Session, doings: Doings) -> Page:
    folders = session.status.folders
    where = display_path(folders[0].path) if len(folders) == 1 else f"your {len(folders)} folders"
    problems = session.status.problems
    choices = [Choice("Add another folder…", doings.choose_folder, primary=True)]
    if problems:
        choices.append(Choice("See the problems", doings.show_problems))
    else:
        choices.append(Choice("Folders…", doings.show_folders))
    unread = f" {problems:,} could not be read." if problems else ""
    return Page(
        "folder",
        "No photos here yet",
        f"There are no pictures that can be shown in {where}.{unread} Photos put there later appear by themselves.",
        tuple(choices),
    )
