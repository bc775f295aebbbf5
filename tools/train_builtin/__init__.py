"""The recipe of the built-in model: from folders of pictures to a finished model folder. ``docs/training.md`` walks it.

Each step is a module with a ``main`` that ``python -m tools.train_builtin STEP`` calls, and leaves its work in one
folder, whole or not at all, so that a step that was stopped goes on where it was. Nothing here belongs to the program.
"""
