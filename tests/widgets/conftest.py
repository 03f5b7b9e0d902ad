"""Small models made by the rooms' own programs, and layers to look at, for the tests of the docks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks
from napari.utils.notifications import notification_manager
from numpy.typing import NDArray
from wrapt import ObjectProxy


@pytest.fixture(scope="session")
def tiny_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier with random weights: its answers mean nothing, its ways are the real ones."""
    import torch

    from napari_magtex.classify.calibration import Calibration
    from napari_magtex.classify.network import TextureNet
    from napari_magtex.models import store

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "tiny-states.safetensors"
    card = {
        "kind": "classifier",
        "name": "tiny-states",
        "version": "0",
        "backbone": "tinynet_e",
        "size": 64,
        "calibration": Calibration(applicable=-5.0).as_card(),
    }
    store.save(path, TextureNet(card["backbone"]).state_dict(), card)
    return path


@pytest.fixture(scope="session")
def tiny_estimator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An estimator for Lorentz frames with random weights."""
    return random_estimator(tmp_path_factory.mktemp("models"), "lorentz")


@pytest.fixture(scope="session")
def tiny_spin_estimator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An estimator for spin pictures with random weights."""
    return random_estimator(tmp_path_factory.mktemp("models"), "spin")


def random_estimator(folder: Path, contrast: str) -> Path:
    """Make an estimator of a contrast, as training does but for the training."""
    import torch

    from napari_magtex.estimate.calibration import Familiar, Intervals
    from napari_magtex.estimate.channels import CHANNELS
    from napari_magtex.estimate.estimator import Estimator, card_of
    from napari_magtex.estimate.experiment import Experiment
    from napari_magtex.estimate.network import NETWORKS, build
    from napari_magtex.estimate.spectrum import descriptor
    from napari_magtex.picture import Contrast

    torch.manual_seed(0)
    experiment = Experiment.from_dict(
        {
            "film": {"shape": [128, 128]},
            "parameters": {
                "A_pJ_per_m": {"low": 4, "high": 12},
                "D_mJ_per_m2": {"low": 0.8, "high": 2.4},
                "Ms_MA_per_m": {"low": 0.2, "high": 0.5},
            },
            "picture": {"contrast": contrast},
        }
    )
    name = next(iter(NETWORKS))
    network = build(name, CHANNELS[contrast], 3)
    told = ("A", "D", "Ms", "A_over_D")
    quantiles = dict.fromkeys(("period", *told, *(f"{name}|{known}" for name in told for known in told)), (0.01,))
    intervals = Intervals((64.0,), quantiles)
    flat = descriptor(np.zeros((CHANNELS[contrast], 64, 64), np.float32), Contrast(contrast))
    familiar = Familiar(np.stack([flat] * 3), 1e9)
    card = card_of(
        experiment,
        f"tiny-{contrast}",
        name,
        calibration=intervals.to_card(),
        applicability={"threshold": familiar.threshold},
    )
    path = folder / f"tiny-{contrast}.safetensors"
    Estimator(f"tiny-{contrast}", network, experiment, intervals, familiar, card, np.eye(3)).save(path)
    return path


@pytest.fixture(scope="session")
def tiny_segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segmenter of skyrmions with random weights."""
    import torch

    from napari_magtex.models import store
    from napari_magtex.segment.kinds import Kind
    from napari_magtex.segment.network import SkyrmionUNet

    torch.manual_seed(0)
    path, widths = tmp_path_factory.mktemp("models") / "tiny-segmenter.safetensors", (4, 4, 4, 4, 4)
    kinds = [kind.name.lower() for kind in Kind]
    card = {"kind": "segmenter", "name": "tiny-segmenter", "version": "0", "widths": list(widths), "kinds": kinds}
    store.save(path, SkyrmionUNet(widths).state_dict(), card)
    return path


@pytest.fixture
def frame() -> NDArray[np.float32]:
    """A grey frame (120, 160) with a lattice of spots and a little noise."""
    y, x = np.mgrid[:120, :160]
    spots = np.cos(2 * np.pi * x / 18) + np.cos(2 * np.pi * (x / 2 + 0.866 * y) / 18)
    return (spots + 0.1 * np.random.default_rng(1).normal(size=y.shape)).astype(np.float32)


class SkyrmionPerson:
    """Who works with the dock Segment skyrmions, on frames (120, 160) of dark discs and noise."""

    places = tuple((y, x) for y in range(20, 120, 30) for x in range(20, 160, 30))
    radius = 8

    def __init__(self, make_viewer: Callable[[], Any], qtbot: Any) -> None:
        self._make_viewer, self._qtbot = make_viewer, qtbot

    def frame(self, places: Sequence[tuple[int, int]] = places, seed: int = 0) -> NDArray[np.float32]:
        """Return a frame with skyrmions at some places."""
        y, x = np.ogrid[:120, :160]
        inside = np.zeros((120, 160), bool)
        for row, column in places:
            inside |= (y - row) ** 2 + (x - column) ** 2 <= self.radius**2
        return (128 - 40 * inside + 8 * np.random.default_rng(seed).standard_normal(inside.shape)).astype(np.float32)

    def opens(self, model: str | Path = "no network of this name") -> Any:
        """Open a viewer with the dock; without weights it has its threshold."""
        from napari_magtex.widgets.segment import SegmentDock

        viewer = self._make_viewer()
        dock = SegmentDock(viewer, model=model)
        viewer.window.add_dock_widget(dock)
        dock.device.value = "cpu"
        return dock

    def opens_halves(self) -> Any:
        """Open the dock with a frame of which the left and the right half are a region each."""
        dock = self.opens()
        dock.viewer.add_image(self.frame(), name="frame")
        halves = [[[0, 0], [0, 64], [119, 64], [119, 0]], [[0, 66], [0, 159], [119, 159], [119, 66]]]
        dock.viewer.add_shapes(halves, shape_type="polygon", name="roi")
        dock.form.roi.value = dock.viewer.layers["roi"]
        return dock

    def runs(self, dock: Any) -> None:
        """Press the button, and wait for the end."""
        dock.runner.button.click()
        self._qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)

    def waits(self, dock: Any) -> None:
        """Wait until what was drawn is counted."""
        self._qtbot.waitUntil(lambda: not dock.counting, timeout=30_000)

    def clicks(self, dock: Any, y: float, x: float, *, drag: float = 0) -> None:
        """Click on a pixel of the frame shown, or drag from there by so many pixels of the canvas."""
        self.clicks_at(dock.viewer, self.place_of(dock, y, x), drag=drag)

    def clicks_at(self, viewer: Any, position: Sequence[float], *, drag: float = 0) -> None:
        """Click at a place in the world, as the canvas hands it on: to the viewer, and to the active layer."""
        steps = [("mouse_press", 0.0, mouse_press_callbacks), ("mouse_move", drag, mouse_move_callbacks),
                 ("mouse_release", drag, mouse_release_callbacks)]  # fmt: skip
        shown = {"dims_displayed": list(viewer.dims.displayed), "dims_point": viewer.dims.point, "camera_zoom": 1.0}
        for kind, moved, hand_on in steps:
            for listener in filter(None, (viewer, viewer.layers.selection.active)):
                event = SimpleNamespace(type=kind, position=tuple(position), pos=(100 + moved, 100), button=1, **shown)
                event.view_direction = event.up_direction = None
                event.modifiers, event.handled, event.is_dragging, event.buttons = [], False, False, [1]
                if kind != "mouse_move" or drag:
                    hand_on(listener, ObjectProxy(event))

    def place_of(self, dock: Any, y: float, x: float) -> Sequence[float]:
        """Return where in the world a pixel lies, on the frame shown."""
        return dock.overlay.labels.data_to_world((*dock.overlay.index(dock.frame), y, x))

    @property
    def last_told(self) -> str:
        """The last message that napari has shown."""
        return notification_manager.records[-1].message


@pytest.fixture
def person(make_napari_viewer, qtbot, monkeypatch, tmp_path) -> SkyrmionPerson:
    """Who works with the dock Segment skyrmions, and has no networks of their own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return SkyrmionPerson(make_napari_viewer, qtbot)


@pytest.fixture
def stack(person) -> NDArray[np.float32]:
    """Four frames with 20, 16, 12 and 8 skyrmions."""
    return np.stack([person.frame(person.places[: 20 - 4 * n], seed=n) for n in range(4)])
