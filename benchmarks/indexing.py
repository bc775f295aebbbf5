"""How fast photos are indexed, what bounds it, and how that compares with a pipeline built as rclip's is.

    python benchmarks/indexing.py [--photos 480] [--rounds 3] [--folder FOLDER]

All rates are photos a second on the same ViT-B-32 with random weights, in one run. *Decode only* and *encode only* are
what this machine does when it does nothing else; together they bound any pipeline that does both on the same cores:
1 / (1 / decode + 1 / encode). The model's export is made before the clock starts, as it is made once in a library's
life. The rounds are interleaved, for the machine may be noisy: compare the ratios. What is unfair: the reference makes
no thumbnail, no hash and no catalog; the photos are synthetic (benchmarks/pictures.py) unless ``--folder`` names
others.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=480)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="real photos instead of made ones")
    options = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).parent.parent))
    # Every worker process imports this file again, as it does the program's own first one, which is as light.
    from benchmarks.indexing_rounds import measure

    measure(photos=options.photos, folder=options.folder, count=options.rounds)


if __name__ == "__main__":
    main()
