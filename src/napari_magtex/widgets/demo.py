"""`python -m napari_magtex.widgets.demo [--out DIR] [--check]`: the person's path on the sample frame, in one go.

With a display it stays open; with ``--out`` it writes the screenshot, the CSV and the JSON there and ends. Without a
display run it in a virtual one, as ``make demo`` does: ``xvfb-run -a python -m napari_magtex.widgets.demo --out demo``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_magtex.contributions import METADATA_KEY
from napari_magtex.errors import MagtexError
from napari_magtex.results import Result, Verdict, write_csv, write_json
from napari_magtex.widgets.classify import ClassifyDock
from napari_magtex.widgets.dock import Dock
from napari_magtex.widgets.estimate import EstimateDock

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

SAMPLE = "chiral_skyrmions_lorentz"
PATIENCE = 300  # seconds for one computation on a slow machine
WINDOW, BELOW = (1600, 1200), 380  # pixels; of the dock below, its height


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the demo; return 0, or 1 where a check failed."""
    parser = argparse.ArgumentParser(prog="python -m napari_magtex.widgets.demo", description=__doc__)
    parser.add_argument(
        "--out", type=Path, help="write screenshot.png, states and parameters as CSV and JSON there, and end"
    )
    parser.add_argument(
        "--check", action="store_true", help="compare with the sample's truth; exit code 1 if it differs"
    )
    given = parser.parse_args(arguments)
    notification_manager.notification_ready.connect(lambda notice: say(notice.message))
    viewer = napari.Viewer(title="napari-magtex", show=True)
    viewer.window.resize(*WINDOW)
    try:
        states, constants = walk(viewer)
        verdicts, estimates = states.results(), constants.results()
        failures = list(differences(viewer, states, constants)) if given.check else []
    except MagtexError as error:
        say(f"the demo cannot run: {error}")
        viewer.close()
        return 1
    for failure in failures:
        say(failure)
    if given.out is None:
        napari.run()
    else:
        write(viewer, verdicts, estimates, given.out)
        viewer.close()
    return 1 if failures else 0


def walk(
    viewer: Viewer, classifier: str | Path = "nine-states", estimator: Path | None = None
) -> tuple[ClassifyDock, EstimateDock]:
    """Do what a person does: open the sample, classify it, look at the attention, estimate a region.

    Parameters
    ----------
    classifier, estimator
        Weights by name or path; None leaves the estimator to the contrast.
    """
    (image,) = viewer.open_sample("napari-magtex", SAMPLE)
    states, constants = ClassifyDock(viewer, classifier), EstimateDock(viewer)
    if estimator is not None:
        constants.offer_estimator(estimator)
    viewer.window.add_dock_widget(states, name="Classify state", area="right")
    below = viewer.window.add_dock_widget(constants, name="Estimate parameters", area="bottom")
    viewer.window._qt_window.resizeDocks([below], [BELOW], Qt.Orientation.Vertical)
    region = viewer.add_shapes(
        [_region(image)],
        name="region",
        edge_color="#ffd23f",
        face_color="transparent",
        edge_width=2 * float(image.scale[-1]),
        units=image.units,
    )
    states.form.layer.value = constants.form.layer.value = image
    constants.form.roi.value = region
    press(states, states.runner.start)
    press(states, states.attend.click)
    press(constants, constants.runner.start)
    for layer in viewer.layers:
        layer.visible = layer in (image, region) or layer.name.startswith("attention")
    viewer.layers.move(viewer.layers.index(region), len(viewer.layers))
    viewer.layers.selection.active = image
    viewer.canvas.overlays.scale_bar.visible = True
    viewer.reset_view()
    return states, constants


def press(dock: Dock, button: Callable[[], Any]) -> None:
    """Start a computation, and let the window live until it ends."""
    button()
    wait_until(lambda: not dock.runner.running)


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Handle the window's events until something holds, or for so many seconds."""
    end = monotonic() + seconds
    while not condition() and monotonic() < end:
        QApplication.processEvents()
        QApplication.sendPostedEvents()


def differences(viewer: Viewer, states: ClassifyDock, constants: EstimateDock) -> Iterator[str]:
    """Yield a line for all that is not as the truth beside the sample says."""
    image = states.form.image
    truth = image.metadata[METADATA_KEY]["truth"]
    verdict: Verdict = states.results()[0]
    if (verdict.verdict, verdict.state) != ("state", truth["state"]):
        yield f"the verdict is {verdict.verdict}, {verdict.state}; the sample is {truth['state']}"
    estimate = constants.rows[0].estimate
    names = ("A", "D", "Ms")
    if not set(names) & set(estimate.determined):  # the ranges alone hold any truth
        yield "none of A, D and Ms is determined"
    for name in names:
        quantity = getattr(estimate, name)
        if truth[name] not in quantity:
            yield f"{name} = {truth[name]:g} lies outside {quantity.low:g} to {quantity.high:g} {quantity.unit}"
    attention = [layer for layer in viewer.layers if layer.name.startswith("attention")]
    for layer in (image, *attention):
        if np.ptp(layer.data) == 0:
            yield f"the layer {layer.name} is constant"
    if not attention:
        yield "there is no attention layer"


def write(viewer: Viewer, verdicts: Sequence[Result], estimates: Sequence[Result], folder: Path) -> None:
    """Write the picture of the window and the results, and say where."""
    folder.mkdir(parents=True, exist_ok=True)
    wait_until(lambda: False, seconds=1)  # for the last frame to be drawn
    viewer.window.screenshot(str(folder / "screenshot.png"), canvas_only=False, flash=False)
    for name, results in (("states", verdicts), ("parameters", estimates)):
        write_csv(results, folder / f"{name}.csv")
        write_json(results, folder / f"{name}.json")
    for path in sorted(folder.iterdir()):
        say(str(path))


def say(line: str) -> None:
    """Print for the person at the terminal."""
    sys.stdout.write(f"{line}\n")


def _region(image: Image) -> np.ndarray:
    """Return the middle of the picture, 7/8 of it along each side, in world coordinates."""
    ny, nx = image.data.shape[-2:]
    y0, x0 = ny // 16, nx // 16
    corners = [(y0, x0), (y0, nx - x0), (ny - y0, nx - x0), (ny - y0, x0)]
    return np.array([image.data_to_world(corner) for corner in corners])


if __name__ == "__main__":
    sys.exit(main())
