"""PhotoSearch finds any photo a person owns by what it shows, on their own computer."""

import os

__version__ = "0.1.0"

# One thread for numpy's products of matrices, which reads this when it is loaded. A query is too small to gain from
# more; beside an encoder that uses every core they wait for each other, and the window for them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
