"""What the manifest calls: readers, the OVF writer, the samples. Nothing of napari, and nothing heavy until called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_magtex.errors import MagtexError, Unsuitable

if TYPE_CHECKING:
    from napari_magtex.io.frames import Frames
    from napari_magtex.io.ovf import OvfSegment
    from napari_magtex.texture import SpinTexture

LayerData = tuple[Any, dict[str, Any], str]
Paths = str | Path | list[str]
Reader = Callable[[Paths], list[LayerData]]

METADATA_KEY = "magtex"  # in a layer's metadata: its SpinTexture, or a mapping with what its file says
FIRST_KEY = "magtex_first_frame"  # beside it: the number of the layer's first frame among all that its file holds
MASK_KEY = "mask"  # in that mapping: (ny, nx), True where nothing may be analysed
NANOMETRE = 1e-9


def get_ovf_reader(path: Paths) -> Reader:
    """Return the reader of OVF files: a spin picture for each segment, a z stack where it has layers."""
    return _reader(ovf_layers)


def get_frame_reader(path: Paths) -> Reader:
    """Return the reader of electron microscopes' files."""
    return _reader(frame_layers)


def get_spin_picture_reader(path: Paths) -> Reader:
    """Return the reader of spin pictures, and of any other PNG, JPEG or TIFF."""
    return _reader(picture_layers)


def ovf_layers(path: Path) -> list[LayerData]:
    """Return a layer for each segment of an OVF file: spins in colour, scalars as they are, a tensor part by part."""
    from napari_magtex.io.ovf import open_ovf

    segments = open_ovf(path)
    layers: list[LayerData] = []
    for number, segment in enumerate(segments):
        name = path.name if len(segments) == 1 else f"{path.name} [{segment.meta['segment']}]"
        if segment.points is not None:
            layers.append(_points_layer(segment, name))
            continue
        own = [texture_layer(segment.texture(), name)] if segment.is_vectors else _component_layers(segment, name)
        layers += [_from_frame(number, layer) for layer in own]
    return layers


def frame_layers(path: Path) -> list[LayerData]:
    """Return a layer for each image or stack in a microscope's file; large stacks stay on the disk."""
    from napari_magtex.io.frames import read_frames

    recordings = read_frames(path, lazy=True)
    alone = len(recordings) == 1
    layers = [_frames_layer(f, path.name if alone or not f.title else f"{path.name}: {f.title}") for f in recordings]
    before = accumulate(map(len, recordings), initial=0)
    return [_from_frame(first, layer) for first, layer in zip(before, layers, strict=False)]


def picture_layers(path: Path) -> list[LayerData]:
    """Return the layer of a picture in a file, with its calibration."""
    from napari_magtex.io.spin_png import read_picture_file

    return [_frames_layer(read_picture_file(path), path.name)]


def read_calibration(
    path: str | Path, name: str = "", shape: Sequence[int] = (), metadata: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return what the source file of an open layer says of it.

    Parameters
    ----------
    name, shape, metadata
        Of the layer, colours left out of the shape; they tell which of a file's recordings, segments or parts it is.

    Returns
    -------
    ``scale``, ``units``, ``axis_labels`` and ``metadata`` as our readers give them.

    Raises
    ------
    UnreadableFile
        The file is gone, or of a kind that we do not read.
    Unsuitable
        It holds several pictures, and nothing tells which of them the layer is.
    """
    from napari_magtex.inputs import OVF_SUFFIXES
    from napari_magtex.io.frames import HDF5_SUFFIXES, READERS

    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in OVF_SUFFIXES:
        layers = ovf_layers(path)
    elif suffix in READERS or suffix in HDF5_SUFFIXES:
        layers = frame_layers(path)
    else:
        layers = picture_layers(path)
    told = _layer_like(layers, name, tuple(shape), metadata or {})
    return {key: told[key] for key in ("scale", "units", "axis_labels", "metadata")}


def texture_layer(texture: SpinTexture, name: str) -> LayerData:
    """Return a texture as a spin picture, a pixel a cell, (ny, nx, 3) or (nz, ny, nx, 3).

    The sites of a triangular lattice are moved to where they sit by the layer's ``affine``; its pixels stay sites.
    """
    import numpy as np

    from napari_magtex.colours import spin_to_rgb
    from napari_magtex.texture import Lattice

    pixels = np.round(spin_to_rgb(texture.m) * 255).astype(np.uint8)
    if texture.shape[0] == 1:
        pixels = pixels[0]
    keywords = _placed(pixels.ndim - 1, texture.cell)
    if texture.lattice is Lattice.TRIANGULAR:
        keywords["affine"] = _sheared(keywords["scale"], texture.shape[1])
    return pixels, {"name": name, "rgb": True, "metadata": {METADATA_KEY: texture}, **keywords}, "image"


def write_ovf_layer(path: str, data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write the texture behind an image layer as OVF 2.0, also of a spin picture whose colours carry the directions.

    Raises
    ------
    Unsuitable
        There are no spins behind the layer.
    """
    from napari_magtex.io.ovf import write_ovf

    write_ovf(path, _texture_behind(data, attributes))
    return [str(path)]


def sample_chiral_skyrmions_lorentz() -> list[LayerData]:
    """Open a simulated Lorentz-TEM frame of skyrmions in FeGe."""
    return open_sample("chiral_skyrmions_lorentz.tif")


def sample_chiral_skyrmions() -> list[LayerData]:
    """Open the spin texture of skyrmions in FeGe."""
    return open_sample("chiral_skyrmions.ovf")


def sample_afm_stripes() -> list[LayerData]:
    """Open a spin picture of an antiferromagnet's stripes."""
    return open_sample("afm_stripes.spin.png")


def open_sample(name: str) -> list[LayerData]:
    """Open a file of ``sample_data``; the truth in the JSON beside it, if there is one, joins the layer's metadata."""
    import json
    from importlib import resources

    folder = resources.files("napari_magtex") / "sample_data"
    if not (folder / name).is_file():
        raise MagtexError(f"the sample {name} is missing from this installation: install napari-magtex again")
    with resources.as_file(folder / name) as path:
        layers = ovf_layers(path) if name.endswith(".ovf") else picture_layers(path)
    truth = folder / f"{name.partition('.')[0]}.json"
    for _, attributes, _ in layers:
        held = attributes["metadata"][METADATA_KEY]
        if truth.is_file() and isinstance(held, dict):
            held["truth"] = json.loads(truth.read_text(encoding="utf-8"))
    return layers


def _reader(read_one: Callable[[Path], list[LayerData]]) -> Reader:
    def read(paths: Paths) -> list[LayerData]:
        layers = []
        for path in [paths] if isinstance(paths, (str, Path)) else paths:
            try:
                layers += read_one(Path(path))
            except MagtexError as error:  # napari shows the message alone, which must name the file
                raise type(error)(f"{Path(path).name}: {error}") from error
        return layers

    return read


def _layer_like(
    layers: Sequence[LayerData], name: str, shape: tuple[int, ...], metadata: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the attributes of the one layer among a file's that is an open layer."""
    images = [(data, attributes) for data, attributes, kind in layers if kind == "image"]
    alike = images
    if len(images) > 1:
        if FIRST_KEY in metadata:  # the layer is from our own reader
            alike = [image for image in images if _place(image[1]["metadata"]) == _place(metadata)]
        else:
            alike = [image for image in images if image[0].shape[: len(image[1]["scale"])] == shape]
            alike = [image for image in alike if image[1]["name"] == name] or alike
    if len(alike) != 1:
        raise Unsuitable(
            f"the file holds {len(images)} pictures, of which {len(alike)} are like this layer: open the file anew "
            "with napari-magtex, which tells them apart"
        )
    return alike[0][1]


def _place(metadata: Mapping[str, Any]) -> tuple[Any, Any]:
    held = metadata.get(METADATA_KEY)
    return metadata[FIRST_KEY], held.get("component") if isinstance(held, Mapping) else None


def _from_frame(first: int, layer: LayerData) -> LayerData:
    data, attributes, kind = layer
    return data, {**attributes, "metadata": {**attributes["metadata"], FIRST_KEY: first}}, kind


def _frames_layer(frames: Frames, name: str) -> LayerData:
    pixels = frames.pixels if len(frames) > 1 else frames.pixels[0]
    meta = dict(frames.meta)
    if frames.contrast is not None:
        meta["contrast"] = str(frames.contrast)
    cell = None if frames.pixel_size is None else (None, *frames.pixel_size)
    keywords = _placed(pixels.ndim - frames.is_colour, cell, first="frame")
    return pixels, {"name": name, "rgb": frames.is_colour, "metadata": {METADATA_KEY: meta}, **keywords}, "image"


def _component_layers(segment: OvfSegment, name: str) -> list[LayerData]:
    """Return scalars, or the components of a tensor, as a layer each; the first is shown."""
    keywords = _placed(3 if segment.values.shape[0] > 1 else 2, segment.cell)
    layers = []
    for part in range(segment.value_dim):
        values = segment.values[..., part]
        label = segment.labels[part] if part < len(segment.labels) else str(part + 1)
        attributes = {
            "name": name if segment.value_dim == 1 else f"{name}: {label}",
            "visible": part == 0,
            "metadata": {METADATA_KEY: {**segment.meta, "component": label}},
        }
        layers.append((values if values.shape[0] > 1 else values[0], {**attributes, **keywords}, "image"))
    return layers


def _points_layer(segment: OvfSegment, name: str) -> LayerData:
    """Return vectors at points on no grid as arrows, rows downwards and in the mesh's own unit."""
    import numpy as np

    assert segment.points is not None
    if segment.value_dim != 3:
        raise Unsuitable("the points lie on no grid and hold no vectors: there is nothing to draw of them")
    places, vectors = segment.points, segment.values[0, 0].astype(np.float64)
    room = np.ptp(places, axis=0).max() / np.sqrt(len(places))
    longest = np.linalg.norm(vectors, axis=1).max() or 1.0
    arrows = np.stack([places, vectors * (room / longest)], axis=1)[..., ::-1] * np.array([1, -1, 1])
    return arrows, {"name": name, "vector_style": "arrow", "metadata": {METADATA_KEY: dict(segment.meta)}}, "vectors"


def _placed(ndim: int, cell: Iterable[float | None] | None, first: str = "z") -> dict[str, Any]:
    """Return scale, units and axis labels of the last ``ndim`` of (first, y, x); lengths in nm where they are known."""
    sizes = [None] * 3 if cell is None else list(cell)
    placed: dict[str, list[Any]] = {
        "scale": [1.0 if size is None else size / NANOMETRE for size in sizes],
        "units": ["pixel" if size is None else "nm" for size in sizes],
        "axis_labels": [first, "y", "x"],
    }
    return {key: values[3 - ndim :] for key, values in placed.items()}


def _sheared(scale: list[float], rows: int) -> Any:
    """Return the affine (after the scale) that shifts each row of a triangular lattice half a site, counted upwards."""
    import numpy as np

    dy, dx = scale[-2:]
    affine = np.eye(len(scale) + 1)
    affine[-3, -3] = np.sqrt(3) / 2 * dx / dy
    affine[-2, -3] = -dx / 2 / dy
    affine[-2, -1] = (rows - 1) / 2 * dx
    return affine


def _texture_behind(data: Any, attributes: Mapping[str, Any]) -> SpinTexture:
    import numpy as np

    from napari_magtex.io.spin_png import spins_of
    from napari_magtex.picture import Picture
    from napari_magtex.texture import SpinTexture

    held = attributes.get("metadata", {}).get(METADATA_KEY)
    if isinstance(held, SpinTexture):
        return held
    if isinstance(held, Mapping) and attributes.get("rgb") and np.ndim(data) == 3:
        nm = [size * NANOMETRE for size in attributes.get("scale", ())[-2:]]
        known = all(str(unit) in ("nm", "nanometer") for unit in attributes.get("units", ("pixel",)))
        texture = spins_of(Picture(np.array(data), None, (nm[0], nm[1]) if known and nm else None, meta=held))
        if texture is not None:
            return texture
    raise Unsuitable(
        f"the layer {attributes.get('name', '')} holds no spins to save as OVF: only layers opened from an OVF do, and "
        "spin pictures in the full colours of MuMax3"
    )
