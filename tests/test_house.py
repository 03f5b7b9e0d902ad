"""The rules of the house: who may import whom, what napari's start may load, what the manifest promises."""

import ast
import importlib
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from npe2 import PluginManifest

import napari_magtex

PACKAGE = Path(napari_magtex.__file__).parent
ROOT = PACKAGE.parents[1]
MODULES = sorted(PACKAGE.rglob("*.py"))

LEVELS = [  # from the ground up; a room imports from levels below its own
    {"texture", "picture", "results", "colours", "errors", "files", "compute"},
    {"imaging", "physics", "io"},
    {"states", "models"},
    {"classify", "explain", "estimate", "segment"},
    {"inputs"},
    {"contributions"},
    {"widgets", "cli"},
]
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
WINDOWS_ONLY = {"napari", "qtpy", "magicgui", "PyQt5", "PyQt6", "PySide6", "superqt"}
HEAVY = {"torch", "timm", "skimage", "scipy", "pandas", "matplotlib", "rsciio", "zarr", "distributed", "napari", "qtpy"}
NETWORK = {"requests", "urllib", "http", "socket", "huggingface_hub", "ftplib", "pooch"}
UNPICKLERS = {"torch.load", "np.load", "numpy.load", "pd.read_pickle"}
UNSAFE = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def imports(path):
    """Return the full names that a module imports anywhere in it, functions and type checking included."""
    package = ["napari_magtex", *path.relative_to(PACKAGE).parent.parts]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, node.module or ""]).strip(".")
            found |= {f"{source}.{alias.name}" for alias in node.names}
    return found


def room_of(name):
    """Return the room that a full name lies in, or None outside this package and at its top."""
    parts = name.split(".")
    return parts[1] if parts[0] == "napari_magtex" and len(parts) > 1 and not parts[1].startswith("__") else None


def here(path):
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=here)
def test_imports_run_one_way(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room == "__init__":
        assert not {name for name in imports(path) if room_of(name)}, "the package itself imports no room"
        return
    assert room in LEVEL, f"{room} is a new room: give it a level in this test and in DESIGN"
    for name in imports(path):
        other = room_of(name)
        if other is None or other == room:
            continue
        ground = LEVEL[room] == LEVEL[other] == 0
        assert ground or LEVEL[other] < LEVEL[room], f"{here(path)} imports {name}, which is not below it"
        if room == "inputs":
            assert LEVEL[other] == 0 or other in {"io", "imaging"}, f"inputs may use io and imaging, not {name}"


@pytest.mark.parametrize("path", MODULES, ids=here)
def test_only_widgets_know_of_windows(path):
    outside = {name.split(".")[0] for name in imports(path)}
    if path.relative_to(PACKAGE).parts[0] != "widgets":
        assert not outside & WINDOWS_ONLY


@pytest.mark.parametrize("path", MODULES, ids=here)
def test_nothing_is_unpickled_and_nothing_downloaded(path):
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & (UNSAFE | NETWORK)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in UNPICKLERS:
            assert "allow_pickle=False" in ast.unparse(node), f"{here(path)}:{node.lineno}"


def loaded_by(*modules):
    """Return the heavy packages that a fresh Python holds after importing modules."""
    program = f"import sys, {', '.join(modules)}; print(*({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


def test_what_the_manifest_imports_at_start_is_light():
    assert loaded_by("napari_magtex.contributions") == []


def test_the_command_line_starts_light():
    assert loaded_by("napari_magtex.cli") == []


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_distribution("napari-magtex")


def test_npe2_accepts_the_manifest_and_every_import_in_it():
    command = [sys.executable, "-W", "ignore", "-m", "npe2.cli", "validate", "--imports", "napari-magtex"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_command_of_the_manifest_can_be_called(manifest):
    assert manifest.contributions.commands
    for command in manifest.contributions.commands:
        module, _, name = str(command.python_name).partition(":")
        assert callable(getattr(importlib.import_module(module), name)), command.id


def test_every_menu_that_we_enter_exists_in_the_napari_installed(manifest):
    from napari._app_model.constants import MenuId

    menus = manifest.contributions.menus or {}
    ours = {submenu.id for submenu in manifest.contributions.submenus or []}
    there = {str(menu.value) for menu in MenuId.contributables()} | ours
    assert set(menus) <= there
    assert menus, "the widgets stand in napari's menus"
    commands = {command.id for command in manifest.contributions.commands}
    for entries in menus.values():
        for entry in entries:
            assert getattr(entry, "command", None) in commands or getattr(entry, "submenu", None) in ours


def test_no_reader_claims_everybodys_pictures(manifest):
    patterns = {pattern for reader in manifest.contributions.readers for pattern in reader.filename_patterns}
    endings = {"*.ovf", "*.omf", "*.ohf", "*.oef", "*.dm3", "*.dm4", "*.emd", "*.ser", "*.emi", "*.mrc"}
    assert endings <= {pattern.lower() for pattern in patterns}
    assert not patterns & {"*", "*.png", "*.tif", "*.tiff", "*.jpg", "*.h5", "*.hdf5", "*.npy"}


def test_the_experiment_of_the_manual_is_one_that_the_program_reads():
    from napari_magtex.estimate.experiment import Experiment

    manual = (ROOT / "docs" / "experiment.md").read_text(encoding="utf-8")
    experiment = Experiment.from_dict(tomllib.loads(manual.split("```toml")[1].split("```")[0]))
    assert set(experiment.estimated) == {"A", "D"}


def test_the_licence_is_the_one_that_the_metadata_names():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith("BSD 3-Clause License")
    assert "Neither the name of the copyright holder" in text


def test_the_citation_file_cites_both_papers_and_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version("napari-magtex")
    assert citation["license"] == "BSD-3-Clause"
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    cited = {reference.get("doi") or reference["identifiers"][0]["value"] for reference in citation["references"]}
    assert {"10.1002/advs.202000566", "arXiv:2605.22125"} <= cited


def test_the_changelog_speaks_of_this_version():
    assert f"## {version('napari-magtex')}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
