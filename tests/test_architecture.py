"""Who may import whom, who owns which library, and what a fresh interpreter must not load.

The tables below are the architecture. Change one only in a commit that argues for it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "photosearch"
START_LIMIT_SECONDS = 120

LAYERS = (
    frozenset(
        {
            "errors",
            "paths",
            "settings",
            "progress",
            "logs",
            "records",
            "interrupts",
            "account",
            "cores",
            "priority",
            "memory",
            "native",
        }
    ),
    frozenset({"catalog", "media", "model", "vectors"}),
    frozenset({"indexer", "search"}),
    frozenset({"library"}),
    frozenset({"cli", "ui"}),
    frozenset({"__main__"}),
)
"""A group imports from those before its own; only in the first do neighbours import each other."""

OWNERS = {
    "PySide6": ("ui",),
    "shiboken6": ("ui",),
    "torch": ("model",),
    "torchvision": ("model",),
    "open_clip": ("model",),
    "timm": ("model",),
    "huggingface_hub": ("model.fetch",),
    "onnx": ("model",),
    "onnxruntime": ("model",),
    "ftfy": ("model.clip_tokenizer",),
    "regex": ("model.clip_tokenizer",),
    "usearch": ("vectors",),
    "sqlite3": ("catalog",),
    "watchdog": ("indexer",),
    "pebble": ("indexer",),
    "PIL": ("media", "model.preprocess"),
    "pi_heif": ("media",),
    "pillow_jxl": ("media",),
    "rawpy": ("media",),
    "defusedxml": ("media",),
    "platformdirs": ("paths",),
    "tomli_w": ("settings",),
    "rich": ("cli",),
    "argparse": ("cli",),
}
"""Library: the groups or modules that may import it."""

NAMES_OWNED = {"QThreadPool": ("ui.worker",), "QRunnable": ("ui.worker",)}
"""Name imported from a library: the modules that may use it."""

MAY_PRINT_AND_EXIT = ("cli", "__main__")
MAY_WRITE_SQL = ("catalog",)
LONGEST_MODULE_LINES = 500
NAMES_THAT_SAY_NOTHING = frozenset({"utils", "util", "helpers", "helper", "misc", "common", "tools", "stuff"})

SQL = re.compile(
    r"\bSELECT\b.+\bFROM\b|\bINSERT\s+(OR\s+\w+\s+)?INTO\b|\bREPLACE\s+INTO\b|\bUPDATE\s+\w+\s+SET\b|\bDELETE\s+FROM\b"
    r"|\bCREATE\s+(UNIQUE\s+)?(TABLE|INDEX|VIRTUAL|TRIGGER|VIEW)\b|\bPRAGMA\s+\w+|\bBEGIN\s+IMMEDIATE\b",
    re.DOTALL,
)


@dataclass(frozen=True)
class Module:
    """One source file. ``name`` is dotted and without the package: ``catalog.files``; "" is the package itself."""

    name: str
    source: str

    @property
    def group(self) -> str:
        return self.name.split(".")[0]

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    def within(self, places: tuple[str, ...]) -> bool:
        return any(self.name == place or self.name.startswith(place + ".") for place in places)


def our_modules() -> list[Module]:
    modules = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules.append(Module(name, path.read_text(encoding="utf-8")))
    return modules


MODULES = our_modules()


def imports(tree: ast.AST) -> Iterator[str]:
    """Every dotted name a module imports, anywhere in it; ``from a import b`` counts as ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "__import__"):
            yield from (str(argument.value) for argument in node.args[:1] if isinstance(argument, ast.Constant))


def layer_of(group: str) -> int | None:
    return next((number for number, layer in enumerate(LAYERS) if group in layer), None)


def import_faults(module: Module) -> Iterator[str]:
    """Imports that the layers forbid."""
    own = layer_of(module.group)
    if module.name and own is None:
        yield f"{module.name}: {module.group} is in no layer"
        return
    for imported in imports(module.tree):
        if imported.startswith("."):
            yield f"{module.name} imports {imported} relatively"
        parts = imported.split(".")
        if parts[0] != "photosearch" or len(parts) < 2 or parts[1].startswith("__version"):
            continue
        other = layer_of(parts[1])
        if parts[1] == module.group:
            continue
        if other is None:
            yield f"{module.name} imports {imported}, which is in no layer"
        elif own is None or other > own or (other == own and own > 0):
            yield f"{module.name} imports {imported}"


def ownership_faults(module: Module) -> Iterator[str]:
    """Libraries used outside the modules that own them."""
    for imported in imports(module.tree):
        first, last = imported.split(".")[0], imported.split(".")[-1]
        for owned, owners in ((first, OWNERS.get(first)), (last, NAMES_OWNED.get(last))):
            if owners is not None and not module.within(owners):
                yield f"{module.name} imports {imported}; {owned} belongs to {' and '.join(owners)}"


def voice_faults(module: Module) -> Iterator[str]:
    """Printing and ending the program, which the engine and the window never do."""
    if module.within(MAY_PRINT_AND_EXIT):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "exit", "quit", "sys.exit", "pprint"):
            yield f"{module.name}:{node.lineno} calls {ast.unparse(node.func)}"
        elif isinstance(node, ast.Raise) and node.exc is not None and "SystemExit" in ast.unparse(node.exc):
            yield f"{module.name}:{node.lineno} raises SystemExit"


def sql_faults(module: Module) -> Iterator[str]:
    """SQL in string literals outside the catalog. Docstrings may speak of it."""
    if module.within(MAY_WRITE_SQL):
        return
    tree = module.tree
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            text = "".join(str(v.value) if isinstance(v, ast.Constant) else "x" for v in node.values)
        if SQL.search(text):
            yield f"{module.name}:{node.lineno} holds SQL: {text.strip()[:60]!r}"


def shape_faults(module: Module) -> Iterator[str]:
    """Modules that are too long, say nothing by their name, or do not open with what they hold."""
    lines = module.source.count("\n")
    if lines > LONGEST_MODULE_LINES:
        yield f"{module.name} has {lines} lines; {LONGEST_MODULE_LINES} is the most"
    if NAMES_THAT_SAY_NOTHING & set(module.name.split(".")):
        yield f"{module.name} is not named after what it holds"
    if module.source.strip() and ast.get_docstring(module.tree) is None:
        yield f"{module.name or 'photosearch'} does not open with a docstring"


RULES = (import_faults, ownership_faults, voice_faults, sql_faults, shape_faults)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_module_breaks_the_rule(rule):
    assert [fault for module in MODULES for fault in rule(module)] == []


def test_every_group_of_the_table_exists():
    groups = {module.group for module in MODULES if module.name}
    assert groups == frozenset().union(*LAYERS)


@pytest.mark.parametrize(
    ("rule", "name", "source"),
    [
        (import_faults, "catalog.files", "from photosearch.media import decode"),
        (import_faults, "media.decode", "def f():\n    import photosearch.library"),
        (import_faults, "library", "from photosearch import ui"),
        (import_faults, "catalog.files", "from . import schema"),
        (import_faults, "records", "import importlib\nimportlib.import_module('photosearch.catalog.files')"),
        (import_faults, "surprise", "x = 1"),
        (ownership_faults, "library", "def f():\n    from PySide6.QtCore import QObject"),
        (ownership_faults, "model.manifest", "from PIL import Image"),
        (ownership_faults, "search.engine", "import torch.nn as nn"),
        (ownership_faults, "ui.grid", "from PySide6.QtCore import QThreadPool"),
        (voice_faults, "library", "print('done')"),
        (voice_faults, "ui.app", "import sys\nsys.exit(1)"),
        (voice_faults, "model.encoder", "raise SystemExit(2)"),
        (sql_faults, "search.engine", "q = 'SELECT id FROM photo WHERE id = ?'"),
        (sql_faults, "library", "q = f'UPDATE {table} SET a = 1'"),
        (shape_faults, "media.decode", "x = 1\n"),
        (shape_faults, "media.decode", '"""Holds."""\n' + "x = 1\n" * 500),
        (shape_faults, "media.utils", '"""Holds."""\n'),
    ],
)
def test_each_rule_catches_what_it_forbids(rule, name, source):
    assert list(rule(Module(name, source)))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("settings", '"""Holds."""\nfrom photosearch.errors import SettingInvalid\nimport tomli_w\n'),
        ("catalog.files", '"""SELECT x FROM y in prose."""\nfrom photosearch.records import Photo\nimport sqlite3\n'),
        ("library", '"""Holds."""\nfrom photosearch.catalog.files import add\nfrom photosearch import __version__\n'),
        ("ui.worker", '"""Choose from a list. Update it."""\nfrom PySide6.QtCore import QThreadPool\n'),
        ("cli.show", '"""Holds."""\nprint("done")\n'),
    ],
)
def test_the_rules_accept_what_is_allowed(name, source):
    assert [fault for rule in RULES for fault in rule(Module(name, source))] == []


def fresh_interpreter(code: str, *arguments: str) -> list:
    """Run ``code`` in an interpreter that has loaded nothing of ours; it prints one JSON list as its last line."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=START_LIMIT_SECONDS,
        env=environment,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


IMPORT_EACH = """
import importlib, json, sys
forbidden = set(json.loads(sys.argv[1]))
came_along = []
for name in json.loads(sys.argv[2]):
    importlib.import_module(name)
    found = forbidden & set(sys.modules)
    if found:
        came_along.append(f"{name} loads {', '.join(sorted(found))}")
        forbidden -= found
print(json.dumps(came_along))
"""

QT = ("PySide6", "shiboken6")
MODEL_RUNTIMES = ("torch", "torchvision", "open_clip", "timm", "onnx", "onnxruntime", "openvino")


def imports_a_runtime(module: Module) -> bool:
    """True for the modules of the encoder process, which load the model's libraries when they are imported."""
    top_level = ast.Module([n for n in module.tree.body if isinstance(n, ast.Import | ast.ImportFrom)], [])
    return any(name.split(".")[0] in MODEL_RUNTIMES for name in imports(top_level))


def engine_modules() -> list[Module]:
    return [m for m in MODULES if m.group not in ("cli", "ui", "__main__")]


def dotted(modules: list[Module]) -> str:
    return json.dumps([f"photosearch.{m.name}".rstrip(".") for m in modules])


def test_the_engine_imports_neither_qt_nor_a_model_runtime():
    light = [m for m in engine_modules() if not imports_a_runtime(m)]
    assert fresh_interpreter(IMPORT_EACH, json.dumps(QT + MODEL_RUNTIMES), dotted(light)) == []


def test_the_encoder_process_imports_no_qt():
    heavy = [m for m in engine_modules() if imports_a_runtime(m)]
    assert heavy
    prepared = "from photosearch.model import torchvision_cpu\ntorchvision_cpu.prepare()\n" + IMPORT_EACH
    assert fresh_interpreter(prepared, json.dumps(QT), dotted(heavy)) == []


HELP = """
import io, json, sys
from contextlib import redirect_stdout
sys.argv = ["photosearch", "--help"]
from photosearch.__main__ import main
shown = io.StringIO()
try:
    with redirect_stdout(shown):
        status = main()
except SystemExit as end:
    status = end.code
assert not status, status
assert "photosearch" in shown.getvalue()
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def test_help_is_shown_without_loading_anything_heavy():
    loaded = set(fresh_interpreter(HELP))
    assert loaded & {*QT, *MODEL_RUNTIMES, "usearch", "numpy", "PIL", "watchdog", "pebble", "rich"} == set()


WINDOW = """
import json, sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

shown = []
run_loop = QApplication.exec

def close_what_is_shown():
    visible = [widget for widget in QApplication.topLevelWidgets() if widget.isVisible()]
    if visible and not shown:
        shown.append(True)
        for widget in visible:
            widget.close()

def run_loop_until_shown(*_):
    timer = QTimer()
    timer.timeout.connect(close_what_is_shown)
    timer.start(10)
    return run_loop()

QApplication.exec = run_loop_until_shown
sys.argv = ["photosearch", "--data-dir", sys.argv[1]]
from photosearch.__main__ import main
try:
    status = main()
except SystemExit as end:
    status = end.code
assert not status, status
assert shown
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def test_the_window_opens_and_closes_without_loading_a_model_runtime(tmp_path):
    loaded = set(fresh_interpreter(WINDOW, str(tmp_path / "library")))
    assert "PySide6" in loaded
    assert loaded & {*MODEL_RUNTIMES} == set()
