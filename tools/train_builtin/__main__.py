"""``python -m tools.train_builtin STEP …``: the steps of the recipe, in their order."""

from __future__ import annotations

import importlib
import sys

STEPS = {
    "sources": "which pictures the recipe knows, where they come from, and their terms",
    "tables": "captions and classes in the form that the next steps read, from the repositories' own tables",
    "prepare": "folders of pictures → shards of small pictures, without those that are kept for measuring",
    "phrases": "words and sentences, and their vectors from the sentence model",
    "train-text": "the text tower learns to imitate the sentence model",
    "targets": "where each class, caption and word lies, as the text tower places it",
    "train-pictures": "the picture tower learns to land where its words are",
    "export": "both towers → a model folder",
    "average": "the mean of a model folder and of one that was trained on from it → a model folder",
    "tune-text": "a model folder's words move to where their pictures are → a model folder",
    "evaluate": "how well one model folder, or several, find photos",
}


def main() -> None:
    step = sys.argv[1] if len(sys.argv) > 1 else ""
    if step not in STEPS:
        print("python -m tools.train_builtin STEP [--help]\n")
        print("\n".join(f"  {name:<16} {what}" for name, what in STEPS.items()))
        raise SystemExit(0 if step in ("", "-h", "--help") else 2)
    module = importlib.import_module(f"tools.train_builtin.{step.replace('-', '_')}")
    module.main(sys.argv[2:])


if __name__ == "__main__":
    main()
