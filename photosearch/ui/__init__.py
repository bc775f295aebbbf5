"""The window. It knows photos only through ``photosearch.library.Library``, and calls that only from worker threads."""
