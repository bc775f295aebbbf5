"""The command line. Results go to stdout, everything else to stderr.

Exit status: 0 done; 1 not all of it could be done, and the sentence on stderr says what; 2 the call was wrong;
130 interrupted, and what was committed stays.
"""

from photosearch.cli.run import run

__all__ = ["run"]
