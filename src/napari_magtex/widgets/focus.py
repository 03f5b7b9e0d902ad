"""Which sign a defocus has: a small picture of it, words for it, and units to type it in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

from napari_magtex.widgets.dock import wrapped_label

UNITS = {"nm": 1e-9, "µm": 1e-6, "mm": 1e-3}  # in m
SIDE = 76  # pixels of a picture's height
EXPLAINED = (
    "Positive is underfocus: the vacuum along the rim of a hole is bright, overfocused it is dark. Magnetic contrast, "
    "as that of a skyrmion, turns over between the two; which of them it is bright in, its handedness decides."
)


class SignPicture(QWidget):
    """A hole and a skyrmion under and over focus, side by side."""

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        for column, (sign, caption) in enumerate(((1, "Underfocus, +"), (-1, "Overfocus, −"))):
            picture, words = QLabel(), QLabel(caption)
            picture.setPixmap(pixmap(np.repeat(hole_and_skyrmion(sign)[..., None], 3, axis=-1)))
            for label, row in ((picture, 0), (words, 1)):
                label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
                grid.addWidget(label, row, column)
        said = wrapped_label()
        said.setText(EXPLAINED)
        grid.addWidget(said, 2, 0, 1, 2)


def hole_and_skyrmion(sign: int, side: int = SIDE) -> NDArray[np.float64]:
    """Draw a film with a hole and a skyrmion as weak defocus shows it, (side, 1.8 side), 0 to 1.

    I = 1 + lambda df / (2 pi) laplacian(phase): the phase is larger behind the film than in the hole, and has a hollow
    at the skyrmion.
    """
    y, x = np.mgrid[:side, : round(1.8 * side)] / side
    of_hole, of_skyrmion = np.hypot(x - 0.5, y - 0.5), np.hypot(x - 1.3, y - 0.5)
    film = 1 / (1 + np.exp(-(of_hole - 0.27) / 0.018))
    phase = film - 0.6 * np.exp(-((of_skyrmion / 0.16) ** 2))
    down, right = np.gradient(phase, 1 / side)
    curvature = np.gradient(down, 1 / side, axis=0) + np.gradient(right, 1 / side, axis=1)
    return np.clip(0.62 - 0.16 * film + sign * curvature / 420, 0, 1)


def in_words(defocus: float) -> str:
    """Say whether a defocus is under or over."""
    return "In focus" if defocus == 0 else "Underfocus" if defocus > 0 else "Overfocus"


def pixmap(colours: NDArray[np.floating]) -> QPixmap:
    """Return colours (ny, nx, 3 or 4), 0 to 1, as Qt shows them."""
    bytes_ = np.ascontiguousarray(np.round(255 * colours).astype(np.uint8))
    ny, nx, channels = bytes_.shape
    kind = QImage.Format.Format_RGBA8888 if channels == 4 else QImage.Format.Format_RGB888
    return QPixmap.fromImage(QImage(bytes_.tobytes(), nx, ny, nx * channels, kind).copy())
