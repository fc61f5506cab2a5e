"""The house: which room may look into which, and how large a room may be."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# In the order in which data flows: a module imports only from those before it.
CORE = (
    "movielens", "clicks", "histories", "inputs", "bags", "model", "metrics", "training",
    "baselines", "original", "quiz",
)  # fmt: skip
# Which other annexes each may look into. None may be looked into by the core, nor by another annex
# than these.
ANNEXES = {
    "machine": set(), "wild": set(), "scaling": {"machine", "studies", "wild"},
    "studies": {"wild"}, "figures": {"machine"},
    "exercises": {"machine"}, "grading": {"exercises"},
}  # fmt: skip


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted((ROOT / "microdlrm").rglob("*.py"))}
TREES = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in MODULES.items()}


def imports(module: str) -> set[str]:
    """The modules of the package that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively: name the module"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & {*MODULES} - {"microdlrm"}


def room(module: str) -> str:
    """The annex that a module is in, or the module's own name in the core."""
    return module.split(".")[1]


def test_the_core_imports_from_above_and_no_annex():
    for place, module in enumerate(CORE):
        allowed = {f"microdlrm.{earlier}" for earlier in CORE[:place]}
        assert imports(f"microdlrm.{module}") <= allowed, module
    assert imports("microdlrm") == {"microdlrm.model"}
    assert imports("microdlrm.__main__") == set()  # by name, when asked to


def test_annexes_keep_to_themselves():
    """The checks judge with answers of their own: only chapters 7 and 8, which time a model, look
    at the package's. What counts operators has no answer in it.
    """
    for module in {*MODULES} - {"microdlrm", "microdlrm.__main__"}:
        annex = room(module)
        assert annex in (*CORE, *ANNEXES), f"{module} has no place in this test's lists"
        if annex in ANNEXES:
            allowed = {*CORE, annex, *ANNEXES[annex]}
            if annex == "exercises" and not module.endswith(("chapter7", "chapter8")):
                allowed = {annex}
            others = imports(module) - {"microdlrm.machine.traffic"}
            assert {room(imported) for imported in others} <= allowed, module


def test_a_room_can_be_held_in_the_head():
    for module, tree in TREES.items():
        assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= 400, module
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 60, f"{module}.{node.name}"


def test_the_front_door_opens_without_the_heavy_libraries():
    code = "import sys, microdlrm; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"matplotlib", "sklearn", "pandas", "IPython"} & {*done.stdout.split()}
