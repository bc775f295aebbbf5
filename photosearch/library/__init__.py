"""One data folder opened as a whole: the verbs that the window, the command line and Python programs share."""

from photosearch.library.library import DEFAULT_COUNT, Library

__all__ = ["DEFAULT_COUNT", "Library"]
