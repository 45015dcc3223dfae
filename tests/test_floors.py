"""The floors of the house: which package, and which room of a package, may import which.

`FLOORS` lists each package's rooms from the bottom up: a room imports only itself and what stands above it in the list.
Rooms of one line do not import each other. A room's `__all__` names the modules that other rooms may import.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from flows.former_names import ROOMS

ROOT = Path(__file__).parent.parent
MOST_ENTRIES = 12
FLOORS: dict[str, list[set[str]]] = {
    "shards": [
        {"errors", "settings"},
        {"storage", "processes", "images"},
        {"config"},
        {"layout"},
        {"sources", "reading"},
        {"decoding", "dataset"},
        {"building"},
        {"__main__"},
    ],
    "models": [
        {"errors", "grids"},
        {"compute", "networks"},
        {"augmentation", "compression", "classifier"},
        {"features"},
        {"metrics", "shield", "objectives"},
        {"training"},
    ],
    "tasks": [
        {"reports"},
        {"home", "errors"},
        {"trainer"},
        {"tracking"},
        {"flow_runs"},
        {"registry"},
        {"datasets", "training", "evaluation", "service"},
        {"study"},
    ],
    "flows": [
        {"former_names", "configs", "forms"},
        {"stages", "decisions", "reconcile"},
        {"pipelines"},
        {"cli"},
        {"service"},
    ],
}
FORBIDDEN = {
    "shards": (
        {"prefect", "mlflow", "torch", "flows", "tasks", "models"},
        "pass plain values in, and let tasks/ do it",
    ),
    "models": ({"prefect", "mlflow", "flows", "tasks", "shards"}, "pass arrays in, and let tasks/trainer do it"),
    "tasks": ({"flows"}, "move what both need down into tasks/"),
    "tasks/trainer": ({"prefect", "mlflow"}, "write it to the run directory, and let tasks/training report it"),
    "tasks/reports": ({"prefect", "mlflow"}, "pass plain values in"),
    "flows": ({"mlflow", "torch", "shards", "models"}, "call a function of tasks/ that does it"),
}
PRODUCT = ("flows", "tasks", "shards", "models")
Import = tuple[Path, str]


@cache
def modules(folder: str) -> list[Path]:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files, f"{folder}/ holds no Python file"
    return files


@cache
def imported(path: Path) -> list[str]:
    """Every dotted name that a file imports, wherever in the file; `from a import b` gives `a.b`."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(ROOT)}: write the whole name instead of a relative import"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


@cache
def is_module(dotted: str) -> bool:
    path = ROOT / dotted.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def module_of(dotted: str) -> str:
    """The module that `dotted` is, or that it is a name of."""
    return dotted if is_module(dotted) else dotted.rpartition(".")[0]


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[1]


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_package_ignores_what_it_must_not_know(folder: str) -> None:
    forbidden, instead = FORBIDDEN[folder]
    for path in modules(folder):
        found = {name for name in imported(path) if name.split(".")[0] in forbidden}
        assert not found, f"{path.relative_to(ROOT)} imports {sorted(found)}: {instead}"


@pytest.mark.parametrize("folder", [*PRODUCT, "benchmarks"])
def test_nothing_imports_the_tests(folder: str) -> None:
    for path in modules(folder):
        found = {name for name in imported(path) if name.split(".")[0] == "tests"}
        assert not found, f"{path.relative_to(ROOT)} imports {sorted(found)}: move what both need into the product"


@pytest.mark.parametrize("folder", [*PRODUCT, "tests"])
def test_nothing_imports_the_benchmarks(folder: str) -> None:
    for path in modules(folder):
        found = {name for name in imported(path) if name.split(".")[0] == "benchmarks"}
        assert not found, f"{path.relative_to(ROOT)} imports {sorted(found)}: move what both need into the product"


@pytest.mark.parametrize("package", FLOORS)
def test_every_room_has_a_floor(package: str) -> None:
    rooms = {room_of(path) for path in modules(package)} - {"__init__"}
    listed = set().union(*FLOORS[package])
    assert rooms == listed, f"{package}: give {sorted(rooms ^ listed)} a floor in FLOORS, or remove it there"


@pytest.mark.parametrize("package", FLOORS)
def test_rooms_import_only_lower_floors(package: str) -> None:
    height = {room: floor for floor, rooms in enumerate(FLOORS[package]) for room in rooms}
    for path in modules(package):
        room = room_of(path)
        for name in imported(path):
            parts = name.split(".")
            if room == "__init__" or parts[0] != package or len(parts) < 2 or parts[1] in (room, "__init__"):
                continue
            if parts[1] not in height:
                continue  # a name that the package itself exports
            assert height[parts[1]] < height[room], (
                f"{path.relative_to(ROOT)} imports {name}: {parts[1]} does not lie below {room}. Move what both need "
                f"into a lower room, or pass it in as an argument"
            )


@pytest.mark.parametrize("package", FLOORS)
def test_rooms_import_only_what_others_export(package: str) -> None:
    for path in [one for folder in PRODUCT for one in modules(folder)]:
        for name in imported(path):
            parts = module_of(name).split(".")
            if len(parts) < 3 or parts[0] != package or parts[:2] == list(path.relative_to(ROOT).parts[:2]):
                continue
            exported = exports(ROOT / parts[0] / parts[1])
            assert parts[2] in exported, (
                f"{path.relative_to(ROOT)} imports {name}: {parts[0]}/{parts[1]} does not export {parts[2]}. Use what "
                f"it exports, or add {parts[2]} to `__all__` in its __init__.py if others may use it"
            )


@cache
def exports(room: Path) -> set[str]:
    for node in ast.parse((room / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


@pytest.mark.parametrize("package", PRODUCT)
def test_rooms_are_small_and_say_what_they_are_for(package: str) -> None:
    for folder in [ROOT / package, *(path.parent for path in (ROOT / package).rglob("*/__init__.py"))]:
        entries = {
            path.name for path in folder.iterdir() if path.name not in ("__init__.py", "__main__.py", "__pycache__")
        }
        where = folder.relative_to(ROOT)
        assert len(entries) <= MOST_ENTRIES, f"{where} has {len(entries)} entries: split it in two"
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), f"{where}/__init__.py says nothing"


def test_no_module_is_in_an_import_circle() -> None:
    """Imports at the top of a file only: one inside a function runs when both files are there."""
    graph = {dotted_name(path): list(imported_at_once(path)) for folder in PRODUCT for path in modules(folder)}
    done: set[str] = set()
    for start in graph:
        if circle := find_circle(graph, start, [], done):
            pytest.fail(f"{' -> '.join(circle)} is a circle: move what they share into a third module")


def dotted_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_at_once(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PRODUCT:
            yield from {module_of(f"{node.module}.{alias.name}") for alias in node.names} - {dotted_name(path)}


def find_circle(graph: dict[str, list[str]], module: str, path: list[str], done: set[str]) -> list[str]:
    if module in path:
        return [*path[path.index(module) :], module]
    if module in done or module not in graph:
        return []
    for other in graph[module]:
        if circle := find_circle(graph, other, [*path, module], done):
            return circle
    done.add(module)
    return []


@pytest.mark.parametrize("folder", ["flows", "tasks", "models", "benchmarks"])
def test_manifests_are_read_through_a_dataset(folder: str) -> None:
    for path in modules(folder):
        found = [name for name in imported(path) if name.endswith(".load_manifest")]
        assert not found, f"{path.relative_to(ROOT)} imports {found[0]}: use Dataset.open"


def test_no_flow_module_shadows_a_package() -> None:
    """A path entrypoint puts its folder first on sys.path, where such a file would hide the package of that name."""
    assert not {path.stem for path in (ROOT / "flows").rglob("*")} & {*PRODUCT, "tests", "benchmarks"}


def test_no_file_of_a_room_of_flows_has_the_name_of_something_outside_the_rooms() -> None:
    """flows/former_names.py would find it instead."""
    inside = {path.stem for room in ROOMS for path in (ROOT / "flows" / room).glob("[a-z]*.py")}
    assert not inside & {path.stem for path in (ROOT / "flows").iterdir()}
