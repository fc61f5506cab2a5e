"""The house: which room may look into which, and how large a room may be."""

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "microdlrm"
MODULES = {
    ".".join(("microdlrm", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
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


def imports(path: Path) -> set[str]:
    """The modules of the package that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name} imports relatively: name the module"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name in MODULES} - {"microdlrm"}


def room(module: str) -> str:
    """The annex that a module is in, or the module's own name in the core."""
    return module.split(".")[1]


def test_every_module_has_its_place():
    flat = {room(module) for module in MODULES if module.count(".") == 1}
    assert flat <= {*CORE, *ANNEXES, "__main__"}


def test_the_core_imports_from_above_and_no_annex():
    for module in CORE:
        allowed = {f"microdlrm.{earlier}" for earlier in CORE[: CORE.index(module)]}
        assert imports(MODULES[f"microdlrm.{module}"]) <= allowed, module


def test_the_front_door_and_the_commands_import_no_annex():
    assert imports(MODULES["microdlrm"]) == {"microdlrm.model"}
    assert imports(MODULES["microdlrm.__main__"]) == set()  # by name, when asked to


def test_annexes_keep_to_themselves():
    for module, path in MODULES.items():
        if (annex := room(f"{module}.")) in ANNEXES:
            allowed = {*CORE, annex, *ANNEXES[annex]}
            assert {room(imported) for imported in imports(path)} <= allowed, module


def test_the_checks_judge_with_answers_of_their_own():
    """Chapters 7 and 8 time a model; the other exercises never look at the package's answer."""
    for module, path in MODULES.items():
        if module.startswith("microdlrm.exercises") and not module.endswith(
            ("chapter7", "chapter8")
        ):
            assert {room(imported) for imported in imports(path)} <= {"exercises"}, module


def test_a_room_can_be_held_in_the_head():
    for module, path in MODULES.items():
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 400, module
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 60, f"{module}.{node.name}"


def test_the_front_door_opens_without_the_heavy_libraries():
    code = (
        "import sys\n"
        "from microdlrm import MicroDLRM, concat_interaction, dot_interaction\n"
        "print(*{name.split('.')[0] for name in sys.modules} & {'matplotlib', 'sklearn', "
        "'pandas', 'IPython'})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
