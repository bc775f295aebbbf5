"""Pictures: which files are, their pixels (upright, sRGB), what they say of themselves, and their thumbnails.

The only package that knows Pillow and its plug-ins. Import from its modules: ``formats`` is light and loads no decoder;
``decode`` and ``thumbnails`` load Pillow, and belong in a worker process with limits on time and memory, for a hostile
file can ask a decoder for more of either than any check of its header can tell.
"""
