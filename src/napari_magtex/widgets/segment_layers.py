"""The layers that show skyrmions over their input: labels, what is no clean film, centres coloured by their order."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from napari.layers import Labels, Points
from napari.utils.colormaps import ensure_colormap
from numpy.typing import NDArray

from napari_magtex.contributions import METADATA_KEY
from napari_magtex.errors import Unsuitable
from napari_magtex.picture import Contrast
from napari_magtex.segment.kinds import Kind
from napari_magtex.widgets.choices import RESULT_KEY
from napari_magtex.widgets.layers import label_colours, pixel_size_of, placed_on
from napari_magtex.widgets.pictures import contrast_of, frame_index, frame_shape, source_name, stack_shape
from napari_magtex.widgets.segmenting import Drawn, Found, Job, Recounted, looked_at

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.utils.events import Event

    from napari_magtex.segment.counted import Counted

LABELS, REST, ORDER = "skyrmions: ", "dust and outside: ", "order: "  # names of layers, before that of their input
KEPT = " (corrected)"  # after the name of labels that a later job would replace
FOUND_KEY = "magtex found"  # in the metadata: the checksum of what was found in a frame, by its index
RIM_KEY = "magtex rim"  # likewise: where skyrmions are cut
ORDER_COLOURS = "viridis"  # of |psi_6| from 0 to 1
CHOSEN, HOLLOW, RIM = "#ff3df2", "#ffffff", "#101010"
REST_COLOURS: dict[int, str] = {Kind.DEFECT: "#ff9f1c", Kind.OUTSIDE: "#4d7fb8"}
_SHARE = 0.35  # of a skyrmion's diameter that the mark at its centre has
_LEAST = 2.0  # pixels that it has at least
_MOST = int(np.iinfo(np.uint16).max)


class Overlay:
    """The result layers of one job, each exactly over the job's layer; filled frame by frame.

    Parameters
    ----------
    job
        What is segmented. Of one frame of a stack the layers lie on that frame alone.
    add
        Adds a result layer to the viewer.
    layers
        Those of the viewer.
    edited
        A method, called with the event whenever something may have been drawn; undo tells no more than that a layer was
        redrawn.
    """

    def __init__(self, job: Job, add: Callable[[Any], Any], layers: LayerList, edited: Callable[[Event], None]) -> None:
        self.job, self._layers, self._add, self._edited = job, layers, add, edited
        name = job.image.name
        self._names = {"labels": LABELS + name, "rest": REST + name, "order": ORDER + name}
        self._make_room()
        self._alone = len(job.frames) == 1
        self._stamps: dict[int, int] = {}
        self._sizes: dict[int, tuple[float, float] | None] = {}  # of a pixel, by which a frame was measured
        self._renumbered: dict[int, tuple[NDArray[np.int64], NDArray[np.int32]]] = {}
        seen, index = looked_at(job.image, job.frames[0])
        stack = stack_shape(job.image)
        self.shape = ((1,) * len(stack) if self._alone else stack) + frame_shape(seen)
        first = np.array(frame_index(seen, index))
        if not self._alone:  # what is drawn of one frame lies on that one, the first frame is at the other end
            first -= frame_index(job.image, job.frames[0])
        placement = placed_on(seen, origin=(*first, 0, 0))
        said = {"file": source_name(job.image), "contrast": str(contrast_of(job.image) or Contrast.KERR)}
        self.rest: Labels | None = None
        self.labels: Labels = add(
            Labels(
                np.zeros(self.shape, np.uint16),
                name=self._names["labels"],
                opacity=0.45,
                metadata={METADATA_KEY: said, FOUND_KEY: {}, RIM_KEY: {}},
                **placement,
            )
        )
        self._listen(self.labels)
        self.order: Points = add(
            Points(np.zeros((0, len(self.shape))), name=self._names["order"], border_width=0.12, **placement)
        )

    def _make_room(self) -> None:
        """Remove the layers of an earlier job; labels that a person has drawn in are kept under another name."""
        before = [old for old in self._layers if old.name in self._names.values() and RESULT_KEY in old.metadata]
        corrected = any(isinstance(old, Labels) and drawn_in(old) for old in before)
        for old in before:
            if corrected and isinstance(old, Labels):
                old.name += KEPT
            else:
                self._layers.remove(old)

    # ---- frames

    def index(self, frame: int) -> tuple[int, ...]:
        """Return where a frame lies in the layers."""
        return (0,) * (len(self.shape) - 2) if self._alone else frame_index(self.job.image, frame)

    def labels_of(self, frame: int) -> NDArray[np.uint16]:
        """Return the labels of a frame (ny, nx), as they stand in the layer."""
        return np.asarray(self.labels.data)[self.index(frame)]

    def numbered(self, frame: int) -> NDArray[np.int32]:
        """Return the labels of a frame (ny, nx) as they count, by which the table numbers them."""
        labels = self.labels_of(frame).astype(np.int32)
        if frame in self._renumbered:
            where, numbers = self._renumbered[frame]
            labels.flat[where] = numbers
        return labels

    def put(self, answer: Found, shown: bool) -> None:
        """Write what was found in a frame into the layers; of one that the person has deleted nothing is seen.

        Raises
        ------
        Unsuitable
            There are more skyrmions than the layer can number.
        """
        found, index = answer.found, self.index(answer.frame)
        if found.labels.max(initial=0) > _MOST:
            raise Unsuitable(f"there are more than {_MOST} skyrmions in the frame: raise the least area")
        self.labels.data[index][...] = found.labels
        rest = np.where(np.isin(found.kinds, list(REST_COLOURS)), found.kinds, 0)
        if rest.any() and self.rest is None:
            self.rest = self._add_rest()
        if self.rest is not None:
            self.rest.data[index][...] = rest
        first = found.counted[0].provenance
        for key, value in {"segmented_by": first.model, **first.settings}.items():
            self.labels.metadata[METADATA_KEY].setdefault(key, value)
        rims = self.labels.metadata[RIM_KEY]
        alike = next(reversed(rims.values()), None)  # frames that were looked at alike share one in memory
        rims[index] = alike if alike is not None and np.array_equal(alike, found.rim) else found.rim
        self._stamps[answer.frame], self._sizes[answer.frame] = self._stamp(answer.frame), answer.pixel_size
        for layer in (self.labels, self.rest):
            if layer is not None:
                layer.metadata[FOUND_KEY][index] = _checksum(layer.data[index])
                if shown:
                    layer.refresh()

    def _add_rest(self) -> Labels:
        layer: Labels = self._add(
            Labels(
                np.zeros(self.shape, np.uint8),
                name=self._names["rest"],
                colormap=label_colours(REST_COLOURS),
                opacity=0.4,
                features={"index": [0, *map(int, REST_COLOURS)], "shows": ["film", "dust", "outside of the film"]},
                metadata={FOUND_KEY: {}},
                **placed_on(self.labels),
            )
        )
        layer.selected_label = int(Kind.OUTSIDE)
        self._listen(layer)
        if self.labels in self._layers:
            self._layers.move(self._layers.index(layer), self._layers.index(self.labels))  # below the skyrmions
        return layer

    # ---- what a person draws

    def drawn(self, frames: Sequence[int], counted: Mapping[int, Sequence[Counted]]) -> list[Drawn]:
        """Return those of the frames that look otherwise than when they were counted last, or have other pixels."""
        if self.labels.data.shape != self.shape:
            return []
        size = pixel_size_of(self.job.image)
        return [
            Drawn(
                self.job,
                frame,
                self.labels_of(frame).copy(),
                self._rest_of(frame),
                self.labels.metadata[RIM_KEY][self.index(frame)],
                counted[frame],
                size,
                stamp,
                by_hand=stamp != self._stamps.get(frame),
            )
            for frame in frames
            if frame in counted
            and ((stamp := self._stamp(frame)) != self._stamps.get(frame) or size != self._sizes.get(frame))
        ]

    def note(self, answer: Recounted) -> None:
        """Keep by which numbers a frame counts now."""
        frame, labels = answer.drawn.frame, answer.drawn.labels
        where = np.flatnonzero(answer.numbered != labels)
        self._renumbered.pop(frame, None)
        if len(where):
            self._renumbered[frame] = where, answer.numbered.flat[where]
        self._stamps[frame], self._sizes[frame] = answer.drawn.stamp, answer.drawn.pixel_size

    def _listen(self, layer: Labels) -> None:
        for event in (layer.events.paint, layer.events.labels_update, layer.events.set_data):
            event.connect(self._edited)

    def pages(self) -> Pages:
        """Return the label images of the layers' frames, in turn, numbered as they count."""
        return Pages(self, self.job.frames if self._alone else range(int(np.prod(self.shape[:-2], dtype=int))))

    def select(self, frame: int, label: int) -> None:
        """Select what a label counts as, so that tools go on with it."""
        values = self.labels_of(frame)[self.numbered(frame) == label]
        if len(values):
            self.labels.selected_label = int(values[0])

    def clear(self, frame: int, label: int) -> None:
        """Take what counts as a label out, as an eraser would: it can be undone."""
        y, x = np.nonzero(self.numbered(frame) == label)
        self.labels.data_setitem((*(np.full_like(y, i) for i in self.index(frame)), y, x), 0)

    def free(self, frame: int) -> int:
        """Return a number that stands nowhere in a frame.

        Raises
        ------
        Unsuitable
            None is left.
        """
        number = max(int(self.labels_of(frame).max()), int(self.numbered(frame).max())) + 1
        if number > _MOST:
            raise Unsuitable(f"no number up to {_MOST} is left in the frame: draw over one that is there")
        return number

    def _rest_of(self, frame: int) -> NDArray[np.uint8]:
        if self.rest is None:
            return np.zeros(self.shape[-2:], np.uint8)
        return np.array(np.asarray(self.rest.data)[self.index(frame)])

    def _stamp(self, frame: int) -> int:
        return _checksum(self._rest_of(frame), _checksum(self.labels_of(frame)))

    # ---- centres

    def show_order(self, rows: pd.DataFrame | None, frame: int) -> None:
        """Mark the centres of the skyrmions of a frame; hollow where |psi_6| is not told."""
        if self.order not in self._layers:
            return
        if rows is None or rows.empty:
            self.order.data = np.zeros((0, len(self.shape)))
            return
        psi6 = rows.psi6.to_numpy(np.float64)
        lead = np.tile(np.array(self.index(frame), np.float64), (len(rows), 1))
        told = np.isfinite(psi6)
        faces = np.zeros((len(rows), 4))
        faces[told] = ensure_colormap(ORDER_COLOURS).map(psi6[told].clip(0, 1))
        self.order.data = np.concatenate([lead, rows[["y_px", "x_px"]].to_numpy(np.float64)], axis=1)
        self.order.face_color = faces
        self.order.features = pd.DataFrame({"label": rows.label.to_numpy(), "psi6": psi6})
        self.mark(rows, None)

    def mark(self, rows: pd.DataFrame, chosen: int | None) -> None:
        """Let the centre of the chosen skyrmion stand out."""
        if self.order not in self._layers or len(self.order.data) != len(rows) or rows.empty:
            return
        rims = np.where(np.isfinite(rows.psi6.to_numpy(np.float64))[:, None], _rgba(RIM), _rgba(HOLLOW))
        sizes = np.full(len(rows), max(_LEAST, _SHARE * 2 * float(rows.radius_px.median())))
        marked = rows.label.to_numpy() == chosen
        rims[marked], sizes[marked] = _rgba(CHOSEN), 2.2 * sizes[marked]
        self.order.border_color, self.order.size = rims, sizes


class Pages(Sequence[NDArray[np.int32]]):
    """Label images that are made when they are asked for."""

    def __init__(self, overlay: Overlay, frames: Sequence[int]) -> None:
        self._overlay, self._frames = overlay, frames

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, number: Any) -> Any:
        return self._overlay.numbered(self._frames[number])


def drawn_in(layer: Labels) -> bool:
    """Whether a layer of an overlay looks otherwise than its frames were found."""
    found, data = layer.metadata.get(FOUND_KEY, {}), np.asarray(layer.data)
    empty = _checksum(np.zeros(data.shape[-2:], data.dtype))
    return any(_checksum(data[index]) != found.get(index, empty) for index in np.ndindex(data.shape[:-2]))


def _checksum(frame: NDArray[Any], before: int = 0) -> int:
    return zlib.crc32(np.ascontiguousarray(frame).data, before)


def said_of(labels: Labels) -> Mapping[str, Any]:
    """Return what labels tell of themselves: ``file`` and ``contrast``, ``segmented_by`` and its settings.

    Labels that did not come from here tell nothing.
    """
    held = labels.metadata.get(METADATA_KEY)
    return held if isinstance(held, Mapping) else {}


def _rgba(colour: str) -> NDArray[np.float64]:
    from matplotlib.colors import to_rgba

    return np.array(to_rgba(colour))
