"""Picture and Region: every array that is no picture is refused in words, every other one becomes float32."""

import numpy as np
import pytest

from napari_magtex.errors import BadRegion, UnusablePicture
from napari_magtex.picture import Contrast, Picture, Region

RAMP = np.add.outer(np.arange(20.0), 100 * np.arange(24.0))  # (20, 24), every pixel its own value


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.ones((3, 3)), "3 x 3 pixels"),
        (np.ones((15, 40)), "40 x 15 pixels"),
        (np.full((20, 20), np.nan), "every one is NaN or infinite"),
        (np.full((20, 20), np.inf), "every one is NaN or infinite"),
        (np.ones((20, 20), dtype=complex), "phase or its amplitude"),
        (np.ones((5, 5, 20, 20)), "choose one frame"),
        (np.ones((20, 20, 2)), "choose one frame"),
        (np.ones(20), "one frame is"),
        (np.linspace(-1, 1, 1200).reshape(20, 20, 3), "from -1 to 1"),
        (np.linspace(0, 255, 1200).reshape(20, 20, 3), "from 0 to 255"),
        (np.full((20, 20, 3), -3), "from -3 to 0"),
        (np.full((20, 20, 3), 70000), "integers 0 to 255 or 65535"),
        (np.ones((0, 0)), "0 x 0 pixels"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(pixels, words):
    with pytest.raises(UnusablePicture, match=words):
        Picture(pixels)


@pytest.mark.parametrize(
    ("dtype", "full"),
    [("uint8", 255), ("uint16", 65535), ("int64", 255), ("uint32", 65535), ("uint16", 255), ("int16", 4095)],
)
def test_integers_of_colour_go_to_one(dtype, full):
    pixels = np.zeros((20, 20, 3), dtype)
    pixels[3, 4] = full, full // 3, 0
    np.testing.assert_allclose(Picture(pixels).pixels[3, 4], [1, 1 / 3, 0], atol=1e-6)


def test_colours_that_interpolation_left_beyond_one_are_cut():
    pixels = np.full((20, 20, 3), 0.5)
    pixels[0, 0], pixels[1, 1] = 1.1, -0.1
    assert (Picture(pixels).pixels.min(), Picture(pixels).pixels.max()) == (0, 1)


def test_lone_bad_pixels_take_the_median():
    pixels = RAMP.copy()
    pixels[3, 4] = np.nan
    pixels[5, 6] = -np.inf
    picture = Picture(pixels)
    assert np.isfinite(picture.pixels).all()
    assert picture.pixels[3, 4] == picture.pixels[5, 6] == np.float32(np.median(pixels[np.isfinite(pixels)]))


def test_areas_that_are_not_finite_join_the_mask():
    pixels = RAMP.copy()
    pixels[:2], pixels[8:12, 3:8], pixels[15, 15] = np.nan, np.inf, np.nan
    missing = np.zeros(RAMP.shape, bool)
    missing[:2] = missing[8:12, 3:8] = True
    picture = Picture(pixels)
    np.testing.assert_array_equal(~picture.inside, missing)
    assert picture.pixels[0, 0] == np.median(picture.pixels[~missing])
    np.testing.assert_array_equal(~Picture(pixels, mask=below(18)).inside, missing | below(18))
    colours = np.full((20, 24, 3), 0.5)
    colours[8:12, 3:8, 1] = np.nan
    assert Picture(colours).mask.sum() == 20
    with pytest.raises(UnusablePicture, match="covers every pixel"):
        Picture(pixels, mask=~missing)


def test_grey_sixteen_bit_keeps_the_recorders_counts():
    assert Picture(np.full((20, 20), 40000, dtype=np.uint16)).pixels.max() == 40000


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colour_of_integers_runs_from_0_to_1(dtype):
    full = np.iinfo(dtype).max
    colour = np.zeros((20, 20, 3), dtype=dtype)
    colour[..., 0] = full
    picture = Picture(colour)
    assert picture.is_colour
    np.testing.assert_array_equal(picture.pixels[0, 0], (1, 0, 0))


def test_transparent_pixels_show_the_white_behind_them():
    rgba = np.zeros((20, 20, 4), dtype=np.uint8)
    rgba[:10, :, 3] = 255
    picture = Picture(rgba)
    assert picture.pixels.shape == (20, 20, 3)
    assert (picture.pixels[:10] == 0).all()
    assert (picture.pixels[10:] == 1).all()


def test_one_colour_is_told():
    assert Picture(np.full((20, 20), 7)).is_constant
    assert not Picture(RAMP).is_constant


@pytest.mark.parametrize("size", [(0, 1e-9), (1e-9, -1e-9), (np.nan, 1e-9), (np.inf, 1e-9)])
def test_a_pixel_size_that_makes_no_sense_is_unknown(size):
    assert Picture(RAMP, pixel_size=size).pixel_size is None


def test_an_unknown_contrast_is_refused():
    with pytest.raises(ValueError, match="x-ray"):
        Picture(RAMP, contrast="x-ray")


def test_the_pixels_given_are_neither_kept_nor_frozen():
    pixels = RAMP.astype(np.float32)
    picture = Picture(pixels)
    pixels[:] = 0
    assert picture.pixels[1, 1] == 101
    with pytest.raises(ValueError, match="read-only"):
        picture.pixels[0, 0] = 1


def test_a_region_counts_x_right_and_y_down_and_leaves_its_end_out():
    cut = Picture(RAMP, contrast="kerr", pixel_size=(1e-9, 1e-9), name="a.png", frame=2).crop(Region(4, 2, 22, 19))
    np.testing.assert_array_equal(cut.pixels, RAMP[2:19, 4:22])
    assert (cut.contrast, cut.pixel_size, cut.name, cut.frame) == (Contrast.KERR, (1e-9, 1e-9), "a.png", 2)
    assert cut.roi.bounds == (4, 2, 22, 19)


@pytest.mark.parametrize("bounds", [(5, 5, 5, 20), (5, 5, 20, 5), (20, 5, 5, 20)])
def test_a_region_without_area_is_refused(bounds):
    with pytest.raises(BadRegion, match="no area"):
        Picture(RAMP).crop(Region(*bounds))


@pytest.mark.parametrize("bounds", [(-1, 0, 18, 18), (0, -1, 18, 18), (0, 0, 25, 18), (0, 0, 18, 21)])
def test_a_region_that_leaves_the_picture_is_refused_with_its_size(bounds):
    with pytest.raises(BadRegion, match="24 x 20 pixels"):
        Picture(RAMP).crop(Region(*bounds))


def test_a_region_too_small_for_a_texture_is_refused():
    with pytest.raises(UnusablePicture, match="8 x 8 pixels"):
        Picture(RAMP).crop(Region(0, 0, 8, 8))


def test_pixels_outside_the_mask_of_a_region_take_the_median_inside():
    mask = np.zeros((18, 18), dtype=bool)
    mask[4:9, 4:9] = True
    cut = Picture(RAMP).crop(Region(2, 1, 20, 19, mask))
    inside = RAMP[1:19, 2:20][mask]
    np.testing.assert_array_equal(cut.pixels[mask], inside)
    assert (cut.pixels[~mask] == np.median(inside)).all()


def test_an_empty_mask_has_no_area():
    with pytest.raises(BadRegion, match="no area"):
        Picture(RAMP).crop(Region(0, 0, 18, 18, np.zeros((18, 18), dtype=bool)))


def below(row):
    """A mask of RAMP's shape, from a row on."""
    return np.arange(20)[:, None] >= np.full(24, row)


def test_what_lies_under_a_mask_does_not_show():
    burnt = RAMP.copy()
    burnt[15:] = 1e6 * (np.arange(24) % 2)
    kept, footer = Picture(RAMP, mask=below(15)), Picture(burnt, mask=below(15))
    np.testing.assert_array_equal(kept.pixels, footer.pixels)
    assert kept.sha256 == footer.sha256 != Picture(RAMP).sha256
    assert (kept.pixels[15:] == np.median(RAMP[:15])).all()
    np.testing.assert_array_equal(kept.pixels[:15], RAMP[:15])


def test_a_mask_goes_with_the_region_that_is_cut_out():
    outline = np.ones((18, 20), dtype=bool)
    outline[:, :3] = False
    cut = Picture(RAMP, mask=below(15)).crop(Region(2, 1, 22, 19, outline))
    np.testing.assert_array_equal(cut.mask, below(15)[1:19, 2:22] | ~outline)
    np.testing.assert_array_equal(cut.inside, ~cut.mask)
    with pytest.raises(BadRegion, match="all of the region 2,2,20,19 is masked"):
        Picture(RAMP, mask=below(2)).crop(Region(2, 2, 20, 19))


def test_a_picture_of_one_colour_but_for_its_mask_is_told():
    pixels = np.full((20, 24), 7.0)
    pixels[18] = 200
    assert not Picture(pixels).is_constant
    assert Picture(pixels, mask=below(18)).is_constant


def test_a_mask_of_another_shape_or_of_all_pixels_is_refused():
    with pytest.raises(UnusablePicture, match="the mask is 24 x 19 pixels, the frame 24 x 20"):
        Picture(RAMP, mask=np.zeros((19, 24), dtype=bool))
    with pytest.raises(UnusablePicture, match="covers every pixel"):
        Picture(RAMP, mask=below(0))
    assert Picture(RAMP, mask=below(20)).mask is None
