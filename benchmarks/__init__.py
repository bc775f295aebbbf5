"""Measurements of the whole program. It is imported first, as when it runs: it settles how many threads numpy has."""

import photosearch  # noqa: F401
