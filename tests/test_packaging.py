"""A wheel of the folder, a wheel through the sdist and the editable install give the same plugin."""

import hashlib
import subprocess
import sys
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

import napari_magtex

ROOT = Path(napari_magtex.__file__).parents[2]
pytestmark = pytest.mark.skipif(not (ROOT / "hatch_build.py").exists(), reason="runs in the tree of a clone alone")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Two wheels, (of the folder, through the sdist), each as {path in it: hash of its content}."""
    contents = []
    for kind in (["--wheel"], []):  # without a word, build makes the sdist and from it the wheel
        out = tmp_path_factory.mktemp("dist")
        command = [sys.executable, "-m", "build", "--no-isolation", *kind, "--outdir", str(out), str(ROOT)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        with zipfile.ZipFile(next(out.glob("*.whl"))) as wheel:
            names = [name for name in wheel.namelist() if not name.endswith("/")]
            assert len(names) == len(set(names)), "a file stands in the wheel twice"
            contents.append({name: hashlib.sha256(wheel.read(name)).hexdigest() for name in names})
    return contents


def test_both_ways_give_the_same_wheel(wheels):
    of_folder, through_sdist = wheels
    assert of_folder == through_sdist


def test_the_wheel_holds_manifest_samples_weights_and_code_as_the_editable_install_does(wheels):
    installed = Path(str(files("napari_magtex")))
    editable = {
        f"napari_magtex/{path.relative_to(installed).as_posix()}": hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in (installed, installed / "sample_data")  # rglob does not follow the link
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".part"
    }
    inside = {name: digest for name, digest in wheels[0].items() if name.startswith("napari_magtex/")}
    assert inside == editable
    assert "napari_magtex/napari.yaml" in inside
    assert any(name.startswith("napari_magtex/sample_data/") for name in inside)
    assert any(name.endswith(".safetensors") for name in inside)


def test_the_wheel_brings_its_licence_and_its_two_entry_points(wheels):
    names = set(wheels[0])
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert any(name.endswith(".dist-info/entry_points.txt") for name in names)


def test_a_second_editable_install_leaves_the_links_alone(tmp_path, monkeypatch):
    """The hook makes links where there are none, and mends one that points nowhere."""
    monkeypatch.syspath_prepend(str(ROOT))
    from hatch_build import SharedFiles

    package = tmp_path / "src" / "napari_magtex"
    package.mkdir(parents=True)
    (tmp_path / "sample_data").mkdir()
    (tmp_path / "napari.yaml").write_text("name: x\n")
    (package / "napari.yaml").symlink_to("gone")
    hook = SharedFiles(str(tmp_path), {}, None, None, str(tmp_path), "wheel")
    for _ in range(2):
        hook.initialize("editable", {})
        assert (package / "napari.yaml").read_text() == "name: x\n"
        assert (package / "sample_data").is_dir()
