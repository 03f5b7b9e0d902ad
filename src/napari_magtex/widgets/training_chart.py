"""What a training shows of itself: how loss and error fall, and simulated films beside the person's own picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from napari_magtex.colours import spin_to_rgb
from napari_magtex.widgets.plots import FONT_SIZE, TOP, ThemedCanvas
from napari_magtex.widgets.tables import UNITS

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_magtex.estimate.experiment import Experiment
    from napari_magtex.estimate.train import Learned, SampleFilms

COLUMNS = 3
ERROR_COLOUR = "#d99a2b"


class LearningCurve(ThemedCanvas):
    """Loss and error against the steps of a training."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer, height=180)
        self.setMaximumHeight(220)
        self.learned: list[Learned] = []
        self._redraw()

    def clear(self) -> None:
        """Begin anew."""
        self.learned = []
        self._redraw()

    def add(self, learned: Learned) -> None:
        """Go on with the curve; a training that was taken up again replaces what it repeats."""
        self.learned = [*(before for before in self.learned if before.step < learned.step), learned]
        self._redraw()

    def paint(self) -> None:
        """Draw the loss to the left, and the error to the right from zero."""
        for twin in self.figure.axes[1:]:
            twin.remove()
        if not self.learned:
            return
        steps = [learned.step for learned in self.learned]
        right = self.axes.twinx()
        for axes, values, colour, name in (
            (self.axes, [learned.loss for learned in self.learned], TOP, "loss"),
            (right, [learned.error for learned in self.learned], ERROR_COLOUR, "error (% of the range)"),
        ):
            axes.plot(steps, values, color=colour, linewidth=1.5, marker="o" if len(steps) == 1 else "", markersize=4)
            axes.set_ylabel(name, color=colour, fontsize=FONT_SIZE)
            axes.tick_params(axis="y", colors=colour, labelsize=FONT_SIZE, length=0)
            axes.yaxis.set_major_locator(MaxNLocator(4))
        for spine in right.spines.values():
            spine.set_visible(False)
        right.set_ylim(0, 1.1 * max(learned.error for learned in self.learned))
        self.axes.set_xlim(0, self.learned[-1].steps)
        self.axes.set_xlabel("step", color=self.colours["text"], fontsize=FONT_SIZE)


class FilmSample(ThemedCanvas):
    """Films as the network sees them, after the person's own picture in the same cells and colours."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer, height=380)
        self._tiles: list[tuple[NDArray[np.float32], str]] = []
        self._own = False
        self._shape = (1, 1)
        self._redraw()

    def clear(self) -> None:
        """Begin anew."""
        self._tiles = []
        self._redraw()

    def show_films(self, films: SampleFilms, experiment: Experiment, own: NDArray[np.float32] | None) -> None:
        """Draw films, and before them ``own``, the channels of a picture (channels, rows, columns) on their cells."""
        ny, nx = experiment.film.shape
        captions = [caption(row, experiment) for row in films.constants]
        captions = [f"{said}\nuniform" if flat else said for said, flat in zip(captions, films.uniform, strict=True)]
        self._tiles = list(zip(films.values, captions, strict=True))
        self._own, self._shape = own is not None, (ny, nx)
        if own is not None:
            self._tiles.insert(0, (middle(own, (ny, nx)), "yours"))
        rows = math.ceil(len(self._tiles) / COLUMNS)
        self.setMinimumHeight(round(rows * (330 / COLUMNS * ny / nx + 3.4 * FONT_SIZE)))
        self._redraw()

    def paint(self) -> None:
        """Draw tile by tile, a cell being as large in each."""
        self.axes.set_axis_off()
        if not self._tiles:
            return
        ny, nx = self._shape
        gap, line = 0.06 * nx, 0.22 * nx
        for number, ((values, said), pixels) in enumerate(
            zip(self._tiles, drawn([values for values, _ in self._tiles]), strict=True)
        ):
            row, column = divmod(number, COLUMNS)
            left, top = column * (nx + gap), -row * (ny + line)
            rows, columns = values.shape[1:]
            x0, y0 = left + (nx - columns) / 2, top - (ny + rows) / 2
            look: dict[str, Any] = {} if pixels.ndim == 3 else {"cmap": "gray", "vmin": 0, "vmax": 1}
            self.axes.imshow(pixels, extent=(x0, x0 + columns, y0, y0 + rows), interpolation="nearest", **look)
            yours = self._own and number == 0
            if yours:
                self.axes.add_patch(Rectangle((left, top - ny), nx, ny, fill=False, edgecolor=TOP, linewidth=2))
            self.axes.text(
                left + nx / 2,
                top - ny - 0.03 * nx,
                said,
                ha="center",
                va="top",
                fontsize=FONT_SIZE - 1.5,
                color=TOP if yours else self.colours["text"],
                weight="bold" if yours else "normal",
            )
        tall = math.ceil(len(self._tiles) / COLUMNS)
        self.axes.set_xlim(-gap / 2, COLUMNS * (nx + gap) - gap / 2)
        self.axes.set_ylim(-tall * (ny + line), gap)
        self.axes.set_aspect("equal")


def middle(values: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Cut the middle of channels (channels, rows, columns) to at most a shape."""
    starts = [max(0, (n - most) // 2) for n, most in zip(values.shape[1:], shape, strict=True)]
    y, x = (slice(start, start + most) for start, most in zip(starts, shape, strict=True))
    return values[:, y, x]


def drawn(pictures: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Turn channels into what an eye can read: directions into colours, grey on one scale for all."""
    if len(pictures[0]) > 1:
        return [spin_to_rgb(np.moveaxis(_three(values), 0, -1)) for values in pictures]
    low, high = np.percentile(np.concatenate([values.ravel() for values in pictures]), (0.5, 99.5))
    return [((values[0] - low) / max(high - low, 1e-6)).clip(0, 1) for values in pictures]


def caption(constants: NDArray[np.float64], experiment: Experiment) -> str:
    """Say the constants of a film that are estimated, in the units of the form."""
    named = dict(zip(experiment.parameters, constants, strict=True))
    return "  ".join(f"{name} {named[name] * UNITS[name][1]:.3g}" for name in experiment.estimated)


def _three(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add the components that a contrast does not show."""
    return np.concatenate([values, np.zeros((3 - len(values), *values.shape[1:]), np.float32)])
