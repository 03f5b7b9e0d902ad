"""Layers of any shape become pictures, with what is known of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image

from napari_magtex.contributions import METADATA_KEY, ovf_layers
from napari_magtex.errors import UnusablePicture
from napari_magtex.inputs import draw_texture, open_inputs
from napari_magtex.io.ovf import write_ovf
from napari_magtex.picture import Contrast, Region
from napari_magtex.texture import Lattice, SpinTexture
from napari_magtex.widgets.layers import in_world
from napari_magtex.widgets.pictures import as_analysed, frame_count, frame_index, picture_of, shown_frame

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "rgb", "frames"),
    [
        ((20, 30), False, 1),
        ((20, 30, 3), True, 1),
        ((20, 30, 4), True, 1),
        ((5, 20, 30), False, 5),
        ((5, 20, 30, 3), True, 5),
        ((2, 3, 20, 30), False, 6),
    ],
)
def test_every_leading_axis_counts_frames(shape, rgb, frames) -> None:
    layer = Image(RNG.random(shape), rgb=rgb)
    assert frame_count(layer) == frames
    last = picture_of(layer, frame=frames - 1)
    assert last.shape == (20, 30)
    assert last.is_colour == rgb
    if shape[-1] != 4:
        lead = shape[: -3 if rgb else -2]
        expected = layer.data[tuple(n - 1 for n in lead)]
        np.testing.assert_allclose(last.pixels, expected.astype(np.float32))


def at(point: tuple[float, ...]) -> Any:
    """Return sliders that stand at a point in the layers' own units."""
    return SimpleNamespace(point=point, units=None)


def test_the_frame_shown_follows_the_sliders_in_world_coordinates() -> None:
    layer = Image(RNG.random((2, 3, 20, 30)), scale=(10, 0.5, 2, 2), translate=(100, 0, 0, 0))
    assert shown_frame(layer, at((110, 1.0, 3, 3))) == 5
    assert frame_index(layer, 5) == (1, 2)
    assert shown_frame(layer, at((999, 99, 3, 3))) == 5
    assert shown_frame(Image(RNG.random((20, 30))), at((7, 3, 3))) == 0


def test_the_frame_shown_is_told_also_where_another_layer_has_a_smaller_unit(make_napari_viewer) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_image(RNG.random((5, 20, 30)), scale=(0.5, 1, 1), units=("s", "pixel", "pixel"))
    viewer.add_image(RNG.random((5, 20, 30)), scale=(500, 1, 1), units=("ms", "pixel", "pixel"))
    viewer.dims.set_point(0, 1500)
    assert shown_frame(layer, viewer.dims) == 3
    assert in_world((3, 0, 0), layer, viewer.dims.units)[0] == 1500


def test_a_frame_beyond_the_stack_is_refused() -> None:
    with pytest.raises(UnusablePicture, match="has 5 frames: there is no frame 5"):
        picture_of(Image(RNG.random((5, 20, 30))), frame=5)


def test_a_layer_of_a_file_of_several_names_its_frames_as_the_command_line_does(tmp_path) -> None:
    for seed, name in enumerate(("a.ovf", "b.ovf")):
        m = np.random.default_rng(seed).normal(size=(1, 18, 20, 3))
        write_ovf(tmp_path / name, SpinTexture(m, cell=(1e-9,) * 3, saturation=4e5))
    first, second = ((tmp_path / name).read_bytes() for name in ("a.ovf", "b.ovf"))
    path = tmp_path / "run.ovf"
    path.write_bytes(first.replace(b"Segment count: 1", b"Segment count: 2") + second)
    layers = [Image(pixels, **attributes) for pixels, attributes, _ in ovf_layers(path)]
    seen = [(picture.frame, picture.sha256) for picture in map(picture_of, layers)]
    assert seen == [(each.picture.frame, each.picture.sha256) for each in open_inputs(path)]


def test_a_frame_has_the_defocus_field_and_temperature_of_its_own() -> None:
    meta = {
        "defocus_um": [1.0, 2.0],
        "field_mT": (10, 20),
        "temperature_K": [5, 6],
        "tilt": [7, 8],
        "field_T": [0, 0, 1],
    }
    layer = Image(RNG.random((2, 20, 30)), metadata={METADATA_KEY: meta})
    told = picture_of(layer, frame=1).meta
    assert told == {"defocus_um": 2.0, "field_mT": 20, "temperature_K": 6, "tilt": [7, 8], "field_T": [0, 0, 1]}


def test_a_lazy_stack_is_read_frame_by_frame() -> None:
    touched = []

    def load(block: np.ndarray, block_info: dict) -> np.ndarray:
        touched.append(block_info[None]["chunk-location"][0])
        return block

    lazy = da.zeros((50, 20, 30), chunks=(1, 20, 30)).map_blocks(load, dtype=float, meta=np.zeros((0, 0, 0)))
    layer = Image(lazy, contrast_limits=(0, 1))
    touched.clear()
    picture_of(layer, frame=7)
    assert set(touched) == {7}


def test_the_layers_own_pixels_stay_writable() -> None:
    layer = Image(RNG.random((20, 30)).astype(np.float32))
    picture_of(layer)
    layer.data[0, 0] = 5


def test_calibration_contrast_and_name_come_along() -> None:
    layer = Image(RNG.random((20, 30)), name="film", scale=(2, 3), units=("nm", "nm"))
    layer.metadata["magtex"] = {"contrast": "lorentz", "defocus_um": 200}
    picture = picture_of(layer, roi=Region(2, 4, 22, 20))
    assert (picture.contrast, picture.name, picture.shape) == (Contrast.LORENTZ, "film", (16, 20))
    assert picture.pixel_size == pytest.approx((2e-9, 3e-9))
    assert picture.meta["defocus_um"] == 200
    assert picture_of(layer, contrast=Contrast.KERR).contrast is Contrast.KERR


def test_a_texture_is_a_spin_picture() -> None:
    layer = Image(RNG.random((20, 30, 3)), rgb=True)
    layer.metadata["magtex"] = SpinTexture.from_layer(
        np.tile((0.0, 0.0, 1.0), (20, 30, 1)), meta={"field_T": (0, 0, 1)}
    )
    assert picture_of(layer).contrast is Contrast.SPIN
    assert picture_of(layer).meta["field_T"] == (0, 0, 1)


@pytest.mark.parametrize(
    ("pixels", "says"),
    [
        (np.zeros((3, 3)), "3 x 3 pixels"),
        (np.full((20, 30), np.nan), "no pixel of the picture is finite"),
    ],
)
def test_a_layer_with_nothing_to_analyse_is_refused(pixels, says) -> None:
    with pytest.raises(UnusablePicture, match=says):
        picture_of(Image(pixels, contrast_limits=(0, 1)))


def test_a_multiscale_layer_gives_its_finest_level() -> None:
    fine = RNG.random((40, 60))
    layer = Image([fine, fine[::2, ::2]], multiscale=True)
    assert picture_of(layer).shape == (40, 60)


def texture_shown(lattice: Lattice, nz: int = 1) -> Image:
    """Return the layer of a texture as its reader gives it, and then moved by a person."""
    from napari_magtex.contributions import texture_layer

    m = np.random.default_rng(3).normal(size=(nz, 20, 24, 3))
    data, keywords, _ = texture_layer(SpinTexture(m, cell=(1e-9, 2e-9, 2e-9), lattice=lattice), "t.ovf")
    layer = Image(data, **keywords)
    layer.translate = np.full(layer.ndim, 5.0)
    return layer


@pytest.mark.parametrize("lattice", list(Lattice))
@pytest.mark.parametrize("nz", [1, 3])
def test_a_texture_is_analysed_as_the_command_line_draws_it_and_lies_over_its_layer(lattice, nz) -> None:
    layer = texture_shown(lattice, nz)
    texture = layer.metadata["magtex"]
    seen, index = as_analysed(layer, nz - 1)
    drawn = draw_texture(texture.layer(nz - 1))
    picture = picture_of(layer, frame=nz - 1)
    np.testing.assert_array_equal(picture.pixels, drawn.pixels)
    assert picture.pixel_size == pytest.approx(drawn.pixel_size)
    assert picture.frame == nz - 1
    assert index == 0
    colours = np.broadcast_to(layer.data, (nz, 20, 24, 3))[-1]
    for row, column in [(0, 0), (19, 23), (7, 11)]:  # the centre of a cell lies in the block drawn for it
        at = seen.world_to_data(layer.data_to_world((nz - 1, row, column)[-layer.ndim :]))
        y, x = np.round(at[-2:]).astype(int)
        np.testing.assert_allclose(drawn.pixels[y, x], colours[row, column] / 255, atol=0.01)


def test_a_pixel_size_said_of_a_texture_is_that_of_its_cells() -> None:
    layer = texture_shown(Lattice.SQUARE)
    zoom = draw_texture(layer.metadata["magtex"]).meta["zoom"]
    assert zoom > 1
    assert picture_of(layer, pixel_size=(4e-9, 4e-9)).pixel_size == pytest.approx((4e-9 / zoom,) * 2)


def test_the_mask_of_a_layer_counts_in_each_of_its_frames() -> None:
    mask = np.zeros((20, 30), bool)
    mask[18:] = True
    layer = Image(RNG.random((3, 20, 30)), metadata={"magtex": {"contrast": "kerr", "mask": mask}})
    for frame in range(3):
        picture = picture_of(layer, frame=frame)
        np.testing.assert_array_equal(picture.mask, mask)
        assert picture.meta == {"contrast": "kerr"}
    assert picture_of(layer, roi=Region(0, 0, 30, 18)).mask is None
    layer.metadata = {"magtex": {"mask": np.ones((20, 30), bool)}}
    with pytest.raises(UnusablePicture, match="covers every pixel"):
        picture_of(layer)
