"""Picture to network input: what the contrast measures, on the film's own cells.

Spin pictures are read back to m_x, m_y, m_z, so that no network has to learn a colour wheel; a Lorentz frame is
divided by its mean, and a Kerr frame brought to mean 0 and variance 1, for its contrast has no scale. Training and
estimating both come through here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_magtex.colours import ColourMap, recognise, rgb_to_spin
from napari_magtex.errors import BadRegion, UncalibratedPicture, Unsuitable
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.imaging.reconstruction import induction_of_wheel
from napari_magtex.picture import Contrast, Picture

SMALLEST_CELLS = 40  # of the film, along each side
_ATOMIC = 1e-9  # metres: a spin picture of smaller cells shows atoms
_COARSEST = 4.0  # cells in a pixel: beyond it interpolation makes up the walls that the network reads

_FULL_SCALES = (1, 255, 65535)
_ROUNDING = 1e-3  # of what should not be larger than 1

CHANNELS = {Contrast.SPIN: 3, Contrast.WHEEL: 2, Contrast.LORENTZ: 1, Contrast.KERR: 1}
_SHOWS = {
    Contrast.SPIN: "colours of spins",
    Contrast.WHEEL: "the in-plane induction",
    Contrast.LORENTZ: "defocused electrons",
    Contrast.KERR: "m along one direction, on a scale of its own",
    Contrast.MFM: "stray field above the surface",
    Contrast.PHASE: "an electron phase",
}


@dataclass(frozen=True, eq=False)
class Channels:
    """A picture as a network takes it.

    ``values`` (channels, rows, columns) float32 on the film's cells; ``inside`` (rows, columns), where there is
    material, in the region and not masked; ``pixels_per_cell`` (y, x); ``cell`` (dy, dx) in metres, the film's but for
    what is left over of a whole number of them; ``doubts``, one line for each reason not to trust them; ``resampled``,
    whether cells had to be made up from pixels that are none; ``masked`` (rows, columns), where a pixel is masked or
    outside the region's outline (None: nowhere), which no window may touch.
    """

    values: NDArray[np.float32]
    inside: NDArray[np.bool_]
    pixels_per_cell: tuple[float, float]
    cell: tuple[float, float]
    doubts: tuple[str, ...] = ()
    resampled: bool = False
    masked: NDArray[np.bool_] | None = None

    def within(self, rows: slice, columns: slice) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
        """Return ``inside`` and ``masked`` of a part."""
        return self.inside[rows, columns], None if self.masked is None else self.masked[rows, columns]


def box_of(inside: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the bounding box of a region (rows, columns)."""
    ys, xs = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    return slice(ys[0], ys[-1] + 1), slice(xs[0], xs[-1] + 1)


def filled(values: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Give channels (channels, rows, columns) outside a region their mean inside it, which adds no power."""
    if inside.all():
        return values
    mean = values[:, inside].mean(axis=1, dtype=np.float64).astype(np.float32)
    return np.where(inside, values, mean[:, None, None])


def channels(picture: Picture, experiment: Experiment) -> Channels:
    """Bring a picture to the channels and the cells that an estimator was trained on.

    Raises
    ------
    Unsuitable
        Another contrast, an atomic lattice, pixels much coarser than a cell, fewer than 40 x 40 cells.
    UncalibratedPicture
        The pixel size is unknown.
    """
    trained = experiment.picture.contrast
    if picture.contrast is not None and picture.contrast is not trained:
        raise Unsuitable(
            f"a {picture.contrast} picture shows {_SHOWS[picture.contrast]}, this estimator was trained on {trained} "
            f"pictures ({_SHOWS[trained]}): choose an estimator for {picture.contrast}, or train one"
        )
    if picture.pixel_size is None:
        raise UncalibratedPicture("the pixel size is unknown, so no length can be measured: give it in nm")
    if trained is Contrast.SPIN and min(picture.pixel_size) * picture.meta.get("zoom", 1) < _ATOMIC:
        raise Unsuitable(
            f"cells of {min(picture.pixel_size) * 1e9:.3g} nm are an atomic lattice: A, D and Ms are constants of a "
            "film of cells of 1 nm or more"
        )
    if trained is Contrast.SPIN:
        values, doubts = _spins(picture, experiment.picture.colour_map)
    elif trained is Contrast.LORENTZ:
        values, doubts = _intensity(picture)
    elif trained is Contrast.WHEEL:
        values, doubts = _induction(picture)
    else:
        values, doubts = _standard(picture), ()
    inside: NDArray[np.bool_] = np.ones(picture.shape, dtype=bool)
    if trained is Contrast.SPIN:
        inside = np.asarray(values.any(axis=0))  # m = 0: no material
    inside = inside & picture.inside
    masked = picture.mask
    if not inside.any():
        raise BadRegion("there is no magnetic material inside the region")
    cells = tuple(d for d in experiment.cell[1:])
    factors = tuple(pixel / cell for pixel, cell in zip(picture.pixel_size, cells, strict=True))
    if max(factors) > _COARSEST:
        raise Unsuitable(
            f"pixels of {max(picture.pixel_size) * 1e9:.3g} nm are too coarse for an estimator of cells of "
            f"{cells[1] * 1e9:.3g} nm, {_COARSEST:g} of which may lie in one pixel: magnify more"
        )
    shape = tuple(max(1, round(n * factor)) for n, factor in zip(picture.shape, factors, strict=True))
    if min(shape) < SMALLEST_CELLS:
        raise Unsuitable(
            f"{picture.shape[1]} x {picture.shape[0]} pixels of {picture.pixel_size[1] * 1e9:.3g} nm are "
            f"{shape[1]} x {shape[0]} cells of {cells[1] * 1e9:.3g} nm: {SMALLEST_CELLS} x {SMALLEST_CELLS} are needed"
        )
    if max(factors) > 2:
        doubts += (f"pixels of {max(picture.pixel_size) * 1e9:.3g} nm are more than twice the film's cells",)
    resampled = shape != picture.shape and not _repeats(values, shape)
    if shape != picture.shape:
        values = np.stack([_resized(values[i], shape) for i in range(len(values))])
        inside = _resized(inside.astype(np.float32), shape) > 0.5
        if masked is not None:
            masked = _resized(masked.astype(np.float32), shape) > 0.01
            inside &= ~masked
        if trained is Contrast.SPIN and values[:2].any():
            values /= np.maximum(np.linalg.norm(values, axis=0), 1e-6)
    per_cell = (picture.shape[0] / shape[0], picture.shape[1] / shape[1])
    cell = (picture.pixel_size[0] * per_cell[0], picture.pixel_size[1] * per_cell[1])
    return Channels(values.astype(np.float32), inside, per_cell, cell, doubts, resampled, masked)


def _spins(picture: Picture, expected: ColourMap) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Read m (3, ny, nx) back from the colours, as an 8-bit file would hold them."""
    pixels = picture.pixels if picture.is_colour else np.repeat(_grey_of_spins(picture.pixels)[..., None], 3, axis=2)
    rgb = np.round(pixels * 255) / np.float32(255)
    named = picture.meta.get("colour_map")
    colour_map = ColourMap(named) if named else recognise(rgb, picture.inside)
    doubts: tuple[str, ...] = ()
    if colour_map is None:
        doubts = ("the colours belong to no spin colour map that is known here",)
    elif not colour_map.carries_in_plane and not picture.is_constant:
        doubts = (f"the colour map {colour_map} shows m_z alone",)
    m = np.moveaxis(rgb_to_spin(rgb, colour_map or expected), -1, 0)
    return np.ascontiguousarray(m), doubts


def _grey_of_spins(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring a picture (ny, nx) of m_z in grey to 0 to 1: m_z itself where there is any below 0, else a full scale's."""
    low, high = float(pixels.min()), float(pixels.max())
    full = next((scale for scale in _FULL_SCALES if high <= scale + _ROUNDING), None)
    if full is None or low < -1 - _ROUNDING or (low < 0 and full > 1):
        raise Unsuitable(
            f"the greys of spins go from {low:g} to {high:g}: m_z takes -1 to 1, a grey 0 to 1, to 255 or to 65535"
        )
    return np.clip((pixels + 1) / 2 if low < 0 else pixels / np.float32(full), 0, 1)


def _induction(picture: Picture) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Read (B_x t, B_y t) back from a colour wheel, (2, ny, nx), of mean square 1 where it counts: few have a scale."""
    if not picture.is_colour:
        raise Unsuitable("an induction map is a picture in colours, whose hue is a direction: this one is grey")
    induction = induction_of_wheel(np.round(picture.pixels * 255) / np.float32(255))
    size = float(np.sqrt(np.mean(np.square(induction[:, picture.inside]), dtype=np.float64)))
    return induction / np.float32(size or 1), ()


def _intensity(picture: Picture) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Divide a frame by its mean, (1, ny, nx); a filtered frame has lost its mean, and with it the contrast's scale."""
    grey = picture.pixels.mean(axis=2) if picture.is_colour else picture.pixels
    counted = grey[picture.inside]
    mean, spread = float(counted.mean()), float(counted.std())
    if mean <= 2 * spread:
        standard = (grey - np.float32(mean)) / np.float32(spread or 1)
        return (1 + np.float32(0.05) * standard)[None], ("the frame was filtered: its contrast has no scale any more",)
    stretched = counted.min() == 0 and counted.max() in _FULL_SCALES
    doubts = ("the frame was stretched to its full scale: its contrast has no scale any more",) if stretched else ()
    return (grey / np.float32(mean))[None], doubts


def _standard(picture: Picture) -> NDArray[np.float32]:
    """Bring a frame to mean 0 and variance 1 where it counts, (1, ny, nx); one grey is 0."""
    grey = (picture.pixels.mean(axis=2) if picture.is_colour else picture.pixels).astype(np.float64)
    within = grey[picture.inside]
    spread = float(within.std())
    return np.asarray((grey - within.mean()) / (spread if spread > 0 else 1.0), np.float32)[None]


def _repeats(values: NDArray[np.float32], shape: tuple[int, ...]) -> bool:
    """Tell whether channels (channels, ny, nx) repeat the pixels of a smaller shape."""
    (_, ny, nx), (rows, columns) = values.shape, shape
    if ny % rows or nx % columns:
        return False
    first = values[:, :: ny // rows, :: nx // columns]
    return bool(np.array_equal(first.repeat(ny // rows, axis=1).repeat(nx // columns, axis=2), values))


def _resized(channel: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Resample (ny, nx) to another shape: block means where they fit exactly, else linear, smoothed when shrinking."""
    (ny, nx), (rows, columns) = channel.shape, shape
    if ny % rows == 0 and nx % columns == 0:
        return channel.reshape(rows, ny // rows, columns, nx // columns).mean(axis=(1, 3), dtype=np.float64)
    from skimage.transform import resize

    shrinking = rows < ny or columns < nx
    return np.asarray(resize(channel, shape, order=1 if shrinking else 3, mode="reflect", anti_aliasing=shrinking))
