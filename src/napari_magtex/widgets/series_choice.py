"""What a stack is plotted against: the number of the frame, or a field or temperature of its file or of a CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QWidget

from napari_magtex.errors import MagtexError, UnusablePicture
from napari_magtex.widgets.choices import Choice
from napari_magtex.widgets.pictures import frame_count, meta_of
from napari_magtex.widgets.plots import quantity_label
from napari_magtex.widgets.series import Series, read_series, series_in
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from napari.layers import Image

BY_FRAME = "Frame"


class SeriesChoice(QWidget):
    """A choice of what the frames of a layer are plotted against, and a button for one of a file."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.choice = Choice()
        browse = QPushButton("Open CSV…")
        browse.setToolTip("A row for each frame: its number or file name, and field_mT, field_T or temperature_K")
        browse.clicked.connect(self._on_browse)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.choice, stretch=1)
        row.addWidget(browse)
        self._image: Image | None = None
        self.choice.currentIndexChanged.connect(lambda _index: self.changed.emit())

    @property
    def value(self) -> Series | None:
        """The series chosen; None stands for the frame's number."""
        return self.choice.value

    @value.setter
    def value(self, value: Series | None) -> None:
        self.choice.value = value

    def show_layer(self, image: Image | None) -> None:
        """Offer what a layer's file knows, and choose it where there is any."""
        self._image = image
        self._offer({})
        self.choice.setCurrentIndex(min(1, self.choice.count() - 1))

    def open_file(self, path: Path) -> None:
        """Read a CSV with a row for each frame, offer all its columns of numbers, and choose the first.

        Raises
        ------
        UnreadableFile, Unsuitable, UnusablePicture
            It is no such table, or not of this stack, or there is no stack.
        """
        if self._image is None:
            raise UnusablePicture("no image layer is open that the table could be of")
        found = read_series(path, frame_count(self._image))
        self._offer({f"{quantity_label(series.name)}, {path.name}": series for series in found})
        self.value = found[0]

    def _offer(self, told: dict[str, Series]) -> None:
        image = self._image
        own = series_in(meta_of(image), frame_count(image)) if image is not None else []
        offered: dict[str, Series | None] = {BY_FRAME: None}
        self.choice.offer(offered | {quantity_label(series.name): series for series in own} | told)

    def _on_browse(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open fields or temperatures", "", "Tables (*.csv *.txt)")
        if name:
            try:
                self.open_file(Path(name))
            except MagtexError as error:
                tell(error)
