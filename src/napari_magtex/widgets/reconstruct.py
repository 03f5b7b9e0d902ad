"""The dock Reconstruct series: frames of one place at several defoci become its phase and its in-plane induction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_magtex.contributions import MASK_KEY
from napari_magtex.errors import MagtexError, UncalibratedPicture, Unsuitable, UnusablePicture
from napari_magtex.imaging.reconstruction import BRIGHTEST, T_NM, Method, wheel_legend
from napari_magtex.imaging.through_focus import ThroughFocus
from napari_magtex.io.acquisition import in_words
from napari_magtex.io.lengths import positive
from napari_magtex.widgets.choices import DEVICES, RESULT_KEY, Choice
from napari_magtex.widgets.dock import Dock, row_of, wrapped_label
from napari_magtex.widgets.focus import SignPicture, pixmap
from napari_magtex.widgets.fold import Fold
from napari_magtex.widgets.layers import flat, linear_part, pixel_size_of, placed_on
from napari_magtex.widgets.pictures import mask_of, meta_of
from napari_magtex.widgets.reconstructing import Aligning, Found, Other, Question, found_of
from napari_magtex.widgets.series_table import Row, SeriesTable
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.viewer import Viewer

    from napari_magtex.picture import Picture
    from napari_magtex.results import Result

METHODS = {"Transport of intensity (TIE)": Method.TIE, "Least squares": Method.LEAST_SQUARES}
ALIGNED = {
    "Shift, turn and magnification": Aligning.ALL,
    "Shift": Aligning.SHIFT,
    "Not: they lie over each other": Aligning.NOT,
}
OTHERS = {
    "None": None,
    "Turned over, mirrored already": Other.FLIPPED,
    "Turned over, mirror left and right": Other.MIRROR_X,
    "Turned over, mirror top and bottom": Other.MIRROR_Y,
    "Reference: saturated, above Tc": Other.REFERENCE,
}
NM = 1e-9
GAP, LEGEND = 0.04, 0.25  # of the picture's shorter side: the space to the legend, and its diameter
LEGEND_PX = 128
LOOKS: dict[str, dict[str, Any]] = {
    "phase.tif": {"name": "phase (rad)", "colormap": "viridis"},
    "electrostatic.tif": {"name": "electrostatic phase (rad)", "colormap": "viridis"},
    "induction_x.tif": {"name": "B_x t (T nm)", "colormap": "RdBu"},
    "induction_y.tif": {"name": "B_y t (T nm)", "colormap": "RdBu"},
}


class ReconstructDock(Dock):
    """Finds the phase behind a through-focus series, and lays it and the induction over the frames.

    Parameters
    ----------
    napari_viewer
        The viewer that holds the frames.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, "Reconstruct")
        self.found: Found | None = None
        self._first: Image | None = None
        self._told: dict[QDoubleSpinBox, float | None] = {}  # by the frames
        self.frames, self.others = SeriesTable(self.viewer), SeriesTable(self.viewer)
        self.taken = wrapped_label()
        self.voltage, self.pixel_size = _box("kV", 0), _box("nm", 4)
        self.thickness, self.cutoff = _box("nm", 1), _box("nm", 0, "auto")
        self.method, self.other, self.device = Choice(METHODS), Choice(OTHERS), Choice(DEVICES)
        self.aligning, self.periodic = Choice(ALIGNED), QCheckBox("What they show goes on periodically")
        self.uniform = QCheckBox("The specimen absorbs alike everywhere")
        self.ask(self._question())

        self.figures, self.notes, self.shifts = wrapped_label(), wrapped_label(), wrapped_label()
        self.wheel, self.wheel_says = QLabel(), wrapped_label()
        self.wheel.setPixmap(pixmap(wheel_legend(88)))
        self.legend = row_of(self.wheel_says, self.wheel)
        self.saving = QPushButton("Save…")
        self.saving.setToolTip("phase.tif, induction_x.tif, induction_y.tif and colour.png, into a folder")
        self.saving.clicked.connect(self._on_save)
        self.poses = Fold("Shifts found", self.shifts)
        for widget in (self.figures, self.legend, self.notes, self.poses, self.saving):
            self.column.addWidget(widget)
        self.column.addStretch()
        self.frames.changed.connect(self._on_frames)
        for choice in (self.method, self.other):
            choice.currentIndexChanged.connect(self._on_asked)
        self.periodic.toggled.connect(self._on_asked)
        chosen = [layer for layer in self.viewer.layers if layer in self.viewer.layers.selection]
        if chosen and all(isinstance(la, Image) and not la.rgb and RESULT_KEY not in la.metadata for la in chosen):
            self.frames.add(chosen)
        self._on_frames()
        self._on_asked()
        self._show(None)

    def _question(self) -> QWidget:
        question = QWidget()
        column = QVBoxLayout(question)
        column.setContentsMargins(0, 0, 0, 0)
        self.rows = QFormLayout()
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.aligning.setToolTip("What is found is undone, and what not all frames show is cropped")
        self.uniform.setChecked(True)
        self.uniform.setToolTip("Else the equation is solved with the picture in focus, which takes two frames or more")
        self.cutoff.setToolTip("Longer waves are damped, for noise is amplified the more the longer the wave")
        self.thickness.setToolTip("Of the film, along the beam: then B in T is offered beside B t in T nm")
        for caption, field in (
            ("Taken at", self.taken),
            ("Voltage", self.voltage),
            ("Pixel size", self.pixel_size),
            ("Thickness", self.thickness),
            ("Method", self.method),
            ("Cutoff period", self.cutoff),
            ("", self.uniform),
            ("Align", self.aligning),
            ("", self.periodic),
            ("Second series", self.other),
        ):
            self.rows.addRow(caption, field)
        self.rows.addRow(self.others)
        self.rows.addRow("Device", self.device)
        column.addWidget(self.frames)
        column.addWidget(Fold("Which sign?", SignPicture(), unfolded=True))
        column.addLayout(self.rows)
        return question

    # ---- what is asked

    def _on_frames(self) -> None:
        """Take from the first frame what its file tells; what the person typed stays while others come and go."""
        rows = self.frames.rows
        first, self._first = self._first, rows[0].image if rows else None
        metas = [meta_of(row.image) for row in rows]
        self.taken.setText(in_words(metas[0]) if metas else "")
        self.rows.setRowVisible(self.taken, bool(self.taken.text()))
        if self._first is first:
            return
        size = pixel_size_of(rows[0].image) if rows else None
        self._tell(self.voltage, next((v for meta in metas if (v := positive(meta.get("voltage_kV")))), None))
        self._tell(self.pixel_size, None if size is None else size[1] / NM)
        self.periodic.setChecked(bool(rows) and all(meta.get("periodic") is True for meta in metas))

    def _tell(self, box: QDoubleSpinBox, value: float | None) -> None:
        """Take over what the frames know; else what a person typed stays, and what other frames told goes."""
        if value is not None:
            box.setValue(value)
        elif box.value() == self._told.get(box):
            box.setValue(0)
        self._told[box] = None if value is None else box.value()

    def _on_asked(self, _event: Any = None) -> None:
        by_tie = self.method.value is Method.TIE
        self.rows.setRowVisible(self.cutoff, by_tie)
        self.rows.setRowVisible(self.uniform, by_tie)
        self.rows.setRowVisible(self.device, not by_tie)
        self.rows.setRowVisible(self.others, self.other.value is not None)
        self.rows.setRowVisible(self.aligning, not self.periodic.isChecked())

    def prepare(self) -> Iterator[Any]:
        """Read the form; phase and induction follow."""
        if not self.frames.rows:
            raise UnusablePicture(
                "the table holds no frame: select the layers of a series and press Add selected layers"
            )
        other = self.other.value
        if other is not None and not self.others.rows:
            raise UnusablePicture("the table of the second series holds no frame: add its layers, or choose None")
        series = self._series(self.frames, None)
        return found_of(
            Question(
                series,
                None if other is None else self._series(self.others, other),
                other,
                align=Aligning.NOT if self.periodic.isChecked() else self.aligning.value,
                method=self.method.value,
                cutoff=self.cutoff.value() * NM or None,
                uniform=self.uniform.isChecked(),
                device=self.device.value,
            ),
            tuple(row.image for row in self.frames.rows),
        )

    def _series(self, table: SeriesTable, other: Other | None) -> ThroughFocus:
        """Return the frames of a table; nothing is read yet."""
        defoci = table.defoci()
        if self.voltage.value() <= 0:
            raise Unsuitable("the frames do not tell the acceleration voltage: type it in kV")
        masks = [mask for row in table.rows if (mask := mask_of(row.image)) is not None and mask.shape == row.shape]
        mirror = other.mirror if other is not None else (slice(None), slice(None))
        return ThroughFocus(
            [row.pixels[mirror] for row in table.rows],
            defoci,
            self._pixel_size(table.rows),
            self.voltage.value() * 1e3,
            mask=None if not masks else np.logical_or.reduce(masks)[mirror],
            periodic=self.periodic.isChecked(),
        )

    def _pixel_size(self, rows: Sequence[Row]) -> tuple[float, float]:
        """Return (dy, dx) in m: what the layers say, else what the person typed."""
        typed = self.pixel_size.value() * NM
        if typed <= 0:
            raise UncalibratedPicture("the pixel size of the frames is unknown: type it in nm")
        sizes = [size for row in rows if (size := pixel_size_of(row.image)) is not None]
        if not sizes:
            return typed, typed
        if any(not np.allclose(size, sizes[0], rtol=1e-3, atol=0) for size in sizes):
            told = ", ".join(sorted({f"{size[1] / NM:.4g}" for size in sizes}))
            raise Unsuitable(f"the frames differ in pixel size ({told} nm): bring them to one")
        if abs(typed - sizes[0][1]) > max(1e-4 * NM, 1e-3 * typed):
            raise Unsuitable(
                f"the frames say that a pixel has {sizes[0][1] / NM:.4g} nm, not {typed / NM:.4g}: type what they say, "
                "or correct them first by a line on their scale bar (Layers > Filter > Clean frame, Set scale)"
            )
        return sizes[0]

    # ---- what comes out

    def take(self, answer: Found) -> None:
        """Lay what is found over the frames."""
        self._add_layers(answer)
        self._show(answer)

    def _add_layers(self, found: Found) -> None:
        image, (ny, nx) = found.image, found.reconstruction.phase.shape
        placement = _placed(found, origin=found.origin)
        pictures = found.pictures()
        wheel = pictures["colour.png"]
        full = float(wheel.meta["full_T_nm"])
        for file, looks in LOOKS.items():
            if (picture := pictures.get(file)) is None:
                continue
            limits = (-full, full) if file.startswith("induction") else _limits(picture.pixels)
            says = None if picture.contrast is None else _says(picture, found)
            rest = {key: value for key, value in looks.items() if key != "name"}
            self.add_result(
                picture.pixels,
                f"{looks['name']}: {image.name}",
                placement,
                of=image,
                says=says,
                contrast_limits=limits,
                visible=False,  # the wheel is above it
                **rest,
            )
        if self.thickness.value() > 0:
            size = np.hypot(*found.reconstruction.induction) / (self.thickness.value() * NM)
            limits = (0, full / self.thickness.value())
            name = f"|B| (T): {image.name}"
            looks = {"colormap": "magma", "contrast_limits": limits, "visible": False}
            self.add_result(size, name, placement, of=image, **looks)
        says = _says(wheel, found)
        self.add_result(wheel.pixels, f"induction: {image.name}", placement, of=image, says=says, rgb=True)
        side = LEGEND * min(ny, nx)
        step = side / LEGEND_PX
        corner = (found.origin[0] + step / 2, found.origin[1] + nx + GAP * min(ny, nx) + step / 2)
        legend = _placed(found, origin=corner, step=(step, step))
        self.add_result(wheel_legend(LEGEND_PX), f"colour wheel: {image.name}", legend, of=image, rgb=True)
        self.viewer.reset_view()

    def _show(self, found: Found | None) -> None:
        self.found = found
        for widget in (self.figures, self.legend, self.notes, self.poses, self.saving):
            widget.setVisible(found is not None)
        if found is None:
            return
        reconstruction = found.reconstruction
        size = float(np.quantile(np.hypot(*reconstruction.induction), BRIGHTEST)) / T_NM
        thickness = self.thickness.value()
        in_tesla = f", <b>{size / thickness:.3g} T</b> in {thickness:g} nm" if thickness > 0 else ""
        rows = [
            ("Phase, peak to peak", f"{np.ptp(reconstruction.phase):.3g} rad"),
            (f"|B t|, {BRIGHTEST:.0%} quantile", f"<b>{size:.3g} T nm</b>{in_tesla}"),
        ]
        if "noise" in reconstruction.settings:
            rows.append(("Left of the frames", f"{reconstruction.settings['noise']:.2%} of the mean"))
        cells = "".join(f"<tr><td>{caption}</td><td>{value}</td></tr>" for caption, value in rows)
        self.figures.setText(f"<table cellpadding='2'>{cells}</table>")
        self.wheel_says.setText(
            f"The hue tells where the induction points, seen from the wheel's middle; from {size:.3g} T nm on it is "
            "brightest."
        )
        self.notes.setText("<br>".join(f"{note[0].upper()}{note[1:]}." for note in reconstruction.notes))
        self.notes.setVisible(bool(reconstruction.notes))
        self.shifts.setText(_poses(found) if found.poses else "")
        self.poses.setVisible(bool(found.poses))

    def results(self) -> Sequence[Result]:
        """Nothing is a row of a table: see `save`."""
        return []

    def _on_save(self, _checked: bool = False) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Save phase, induction and their picture")
        if folder:
            try:
                self.save(folder)
            except MagtexError as error:
                tell(error)

    def save(self, path: str | Path) -> None:
        """Write phase, induction and their picture into a folder, as `magtex lorentz reconstruct` does."""
        from napari_magtex.io.spin_png import write_spin_pictures

        if self.found is None:
            raise UnusablePicture("nothing is reconstructed yet: press Reconstruct first")
        write_spin_pictures(path, self.found.pictures())


def _placed(found: Found, *, origin: Sequence[float], step: Sequence[float] = ()) -> dict[str, Any]:
    """Lay a layer over the frames; where they do not know their pixel size, as it were over them with the size used."""
    image = found.image
    placed = flat(placed_on(image, origin=origin, step=step))
    if pixel_size_of(image) is not None:
        return placed
    growth = np.array(found.reconstruction.pixel_size) / NM / np.linalg.norm(linear_part(image), axis=0)[-2:]
    return placed | {
        "scale": placed["scale"] * growth,
        "translate": placed["translate"] * growth,
        "units": ("nm", "nm"),
    }


def _says(picture: Picture, found: Found) -> dict[str, Any]:
    """Return what a frame's file would say of a result, and where nothing may be analysed in it."""
    mask = found.reconstruction.mask
    return {"contrast": str(picture.contrast), **picture.meta} | ({} if mask is None else {MASK_KEY: mask})


def _poses(found: Found) -> str:
    """Return a table in rich text: how each frame lay on the others."""
    head = "".join(f"<td><b>{name}</b></td>" for name in ("Frame", "Right", "Down", "Turn", "Zoom", "Likeness"))
    rows = [
        f"<tr><td>{df * 1e6:.4g}&nbsp;µm</td><td>{_told(pose.right)}&nbsp;px</td><td>{_told(pose.down)}&nbsp;px</td>"
        f"<td>{_told(pose.turn_deg)}°</td><td>{pose.zoom:.4f}</td><td>{pose.likeness:.2f}</td></tr>"
        for df, pose in zip(found.defoci, found.poses, strict=True)
    ]
    return f"<table cellpadding='2'><tr>{head}</tr>{''.join(rows)}</table>"


def _told(number: float) -> str:
    """Write two decimals, and no minus before a zero."""
    return f"{round(number, 2) + 0.0:.2f}"


def _limits(pixels: np.ndarray) -> tuple[float, float]:
    low, high = float(pixels.min()), float(pixels.max())
    return (low, high) if high > low else (low - 1e-6, high + 1e-6)


def _box(unit: str, decimals: int, untold: str = "unknown") -> QDoubleSpinBox:
    """Return a field in which 0 reads as a word."""
    box = QDoubleSpinBox()
    box.setRange(0, 1e6)
    box.setDecimals(decimals)
    box.setSuffix(f" {unit}")
    box.setSpecialValueText(untold)
    box.setKeyboardTracking(False)
    return box
