#!/bin/sh
# Finds a Python that is new enough and lets it run tools/setup.py, which does the rest.
# PYTHON=… names one; otherwise the first of the list below that starts and is at least 3.11.
# (A command may exist and not start: pyenv puts such placeholders on the path.)
set -eu
folder=$(dirname "$0")

new_enough() {
    command -v "$1" >/dev/null 2>&1 &&
        "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ -n "${PYTHON:-}" ]; then
    if new_enough "$PYTHON"; then exec "$PYTHON" "$folder/setup.py" "$@"; fi
    echo "PYTHON=$PYTHON does not start, or is older than Python 3.11. Name one that is 3.11 or newer." >&2
    exit 1
fi
for candidate in python3.13 python3.12 python3.11 python3 python; do
    if new_enough "$candidate"; then exec "$candidate" "$folder/setup.py" "$@"; fi
done
echo "PhotoSearch needs Python 3.11 or newer, and none was found. Install one (Debian, Ubuntu: apt install python3" \
    "python3-venv; macOS: brew install python@3.13; Windows: python.org), or name it: make PYTHON=/path/to/python3" >&2
exit 1
