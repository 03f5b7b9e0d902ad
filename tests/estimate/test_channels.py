import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_magtex.colours import ColourMap, spin_to_rgb
from napari_magtex.errors import BadRegion, UncalibratedPicture, Unsuitable
from napari_magtex.estimate.channels import channels
from napari_magtex.imaging.cells import draw_cells
from napari_magtex.picture import Contrast, Picture, Region
from napari_magtex.texture import SpinTexture

NM = 1e-9


def helix(shape=(64, 64), period=16.0, angle=0.4):
    """A Bloch helix m (ny, nx, 3) with its period in cells."""
    y, x = np.mgrid[shape[0] - 1 : -1 : -1, 0 : shape[1]]
    phase = 2 * np.pi / period * (x * np.cos(angle) + y * np.sin(angle))
    return np.stack([np.sin(angle) * np.sin(phase), -np.cos(angle) * np.sin(phase), np.cos(phase)], axis=-1)


def spin_picture(m, pixel=4 * NM, **kwargs):
    return Picture(spin_to_rgb(m), Contrast.SPIN, (pixel, pixel), meta={"colour_map": "mumax3"}, **kwargs)


@pytest.fixture
def lorentz(experiment_with):
    return experiment_with(picture={"contrast": "lorentz"})


def test_spin_colours_give_the_spins_back(experiment_with):
    m = helix()
    seen = channels(spin_picture(m), experiment_with())
    assert seen.values.shape == (3, 64, 64)
    assert np.abs(seen.values[2] - m[..., 2]).max() < 0.01
    assert np.linalg.norm(seen.values - np.moveaxis(m, -1, 0), axis=0).mean() < 0.02
    assert seen.doubts == ()
    assert seen.inside.all()


def test_a_png_and_the_floats_it_was_made_of_are_the_same_to_a_network(experiment_with):
    rgb = spin_to_rgb(helix())
    eight = np.round(rgb * 255).astype(np.uint8)
    a, b = (channels(Picture(p, Contrast.SPIN, (4 * NM,) * 2), experiment_with()).values for p in (rgb, eight))
    assert np.array_equal(a, b)


def test_an_enlarged_picture_gives_the_same_cells(experiment_with):
    texture = SpinTexture.from_layer(helix((48, 56)), cell=(4 * NM,) * 3)
    one, three = (channels(draw_cells(texture, zoom=zoom), experiment_with()) for zoom in (1, 3))
    assert np.abs(one.values - three.values).max() < 1e-5
    assert three.pixels_per_cell == (3, 3)
    assert three.cell == pytest.approx((4 * NM, 4 * NM))


def test_another_pixel_size_is_resampled_to_the_films_cells(experiment_with):
    # 90 pixels of 3 nm are 67.5 cells of 4 nm; a period of 64 nm is 16 cells
    seen = channels(spin_picture(helix((90, 90), period=64 / 3), pixel=3 * NM), experiment_with())
    assert seen.values.shape == (3, 68, 68)
    assert seen.cell == pytest.approx((270 / 68 * NM,) * 2)
    spectrum = np.abs(np.fft.rfft2(seen.values[2] - seen.values[2].mean()))
    y, x = np.unravel_index(spectrum.argmax(), spectrum.shape)
    k = np.hypot(min(y, 68 - y), x) / 68
    assert 1 / k == pytest.approx(16, rel=0.08)
    assert np.allclose(np.linalg.norm(seen.values, axis=0), 1, atol=1e-4)


def test_repeated_pixels_are_cells_and_others_are_made_up(experiment_with):
    experiment = experiment_with(picture={"contrast": "spin"})
    rng = np.random.default_rng(0)
    m = rng.normal(size=(48, 40, 3))
    rgb = spin_to_rgb(m / np.linalg.norm(m, axis=-1, keepdims=True))
    twice = rgb.repeat(2, axis=0).repeat(2, axis=1)
    blurred = gaussian_filter(twice, (1, 1, 0))
    one, two, smooth, finer = (
        channels(Picture(pixels, Contrast.SPIN, (size, size)), experiment)
        for pixels, size in ((rgb, 4e-9), (twice, 2e-9), (blurred, 2e-9), (rgb, 5e-9))
    )
    assert [seen.resampled for seen in (one, two, smooth, finer)] == [False, False, True, True]
    assert np.allclose(one.values, two.values, atol=1e-6)


def test_maps_of_mz_alone_and_unknown_colours_raise_doubts(experiment_with):
    m = helix()
    grey = Picture(spin_to_rgb(m, ColourMap.GREY), Contrast.SPIN, (4 * NM,) * 2)
    assert "m_z alone" in channels(grey, experiment_with()).doubts[0]
    odd = Picture((m.astype(np.float32) + 1) / 2, Contrast.SPIN, (4 * NM,) * 2)
    assert "no spin colour map" in channels(odd, experiment_with()).doubts[0]


def test_greys_of_spins_are_the_same_on_every_scale(experiment_with):
    mz = helix()[..., 2].astype(np.float32)
    greys = [mz, (mz + 1) / 2, 255 * (mz + 1) / 2, 65535 * (mz + 1) / 2]
    for seen in (channels(Picture(grey, Contrast.SPIN, (4 * NM,) * 2), experiment_with()) for grey in greys):
        assert np.abs(seen.values[2] - mz).max() < 0.01
        assert seen.doubts == ("the colour map grey shows m_z alone",)
    for wrong in (3 * mz, 255 * mz, 1e6 * (mz + 1)):
        with pytest.raises(Unsuitable, match="the greys of spins go from"):
            channels(Picture(wrong, Contrast.SPIN, (4 * NM,) * 2), experiment_with())


@pytest.mark.parametrize("colour_map", [ColourMap.BLUE_RED, ColourMap.RAINBOW, ColourMap.GREY])
def test_colours_are_recognised_whatever_lies_outside_a_region(experiment_with, colour_map):
    rgb = spin_to_rgb(helix((192, 192)), colour_map)
    y, x = np.mgrid[:192, :192]
    outline = (y - 96) ** 2 + (x - 96) ** 2 < 24**2
    whole, part = (
        Picture(rgb, Contrast.SPIN, (4 * NM,) * 2).crop(Region(0, 0, 192, 192, mask)) for mask in (None, outline)
    )
    a, b = (channels(picture, experiment_with()) for picture in (whole, part))
    assert np.allclose(a.values[:, outline], b.values[:, outline], atol=1e-6)
    assert a.doubts == b.doubts


def test_a_frame_is_divided_by_its_mean(lorentz):
    frame = 1000 + 50 * np.random.default_rng(0).normal(size=(64, 64))
    seen = channels(Picture(frame, Contrast.LORENTZ, (4 * NM,) * 2), lorentz)
    assert seen.values.shape == (1, 64, 64)
    assert seen.values.mean() == pytest.approx(1, abs=1e-5)
    assert seen.values.std() == pytest.approx(0.05, rel=0.05)
    assert seen.doubts == ()


def test_frames_whose_contrast_has_lost_its_scale_raise_doubts(lorentz):
    frame = np.random.default_rng(0).normal(size=(64, 64))
    assert "filtered" in channels(Picture(frame, Contrast.LORENTZ, (4 * NM,) * 2), lorentz).doubts[0]
    stretched = np.clip(128 + 30 * frame, 0, 255)
    stretched[0, :2] = 0, 255
    assert "stretched" in channels(Picture(stretched, Contrast.LORENTZ, (4 * NM,) * 2), lorentz).doubts[0]


def test_holes_and_a_regions_mask_are_outside(experiment_with):
    m = helix()
    m[:10] = 0
    mask = np.ones((60, 64), dtype=bool)
    mask[:, :7] = False
    seen = channels(spin_picture(m).crop(Region(0, 4, 64, 64, mask)), experiment_with())
    assert not seen.inside[:6].any()
    assert not seen.inside[:, :7].any()
    assert seen.inside[6:, 7:].all()


def test_what_cannot_be_estimated_is_refused(experiment_with, lorentz):
    grey = np.random.default_rng(0).random((64, 64))
    for contrast in (Contrast.KERR, Contrast.MFM):
        with pytest.raises(Unsuitable, match=f"a {contrast} picture shows .*trained on spin pictures"):
            channels(Picture(grey, contrast, (4 * NM,) * 2), experiment_with())
    with pytest.raises(Unsuitable, match="trained on lorentz"):
        channels(spin_picture(helix()), lorentz)
    with pytest.raises(UncalibratedPicture, match="pixel size is unknown"):
        channels(Picture(grey, Contrast.LORENTZ), lorentz)
    with pytest.raises(Unsuitable, match="64 x 36 pixels of 4 nm are 64 x 36 cells"):
        channels(spin_picture(helix((36, 64))), experiment_with())
    with pytest.raises(Unsuitable, match="32 x 32 cells of 4 nm"):
        channels(spin_picture(helix((64, 64)), pixel=2 * NM), experiment_with())
    with pytest.raises(Unsuitable, match=r"0\.3 nm are an atomic lattice"):
        channels(spin_picture(helix(), pixel=0.3 * NM), experiment_with())
    with pytest.raises(Unsuitable, match="pixels of 1e\\+09 nm are too coarse"):
        channels(spin_picture(helix((16, 16)), pixel=1.0), experiment_with())
    with pytest.raises(BadRegion, match="no magnetic material"):
        channels(spin_picture(np.zeros((64, 64, 3))), experiment_with())


def test_a_mask_goes_with_the_cells_and_no_cell_that_it_touches_counts(experiment_with):
    mask = np.zeros((128, 128), dtype=bool)
    mask[100:], mask[31, 41] = True, True
    picture = spin_picture(np.kron(helix(), np.ones((2, 2, 1))), pixel=2 * NM, mask=mask)
    seen = channels(picture, experiment_with())
    expected = np.zeros((64, 64), dtype=bool)
    expected[50:], expected[15, 20] = True, True
    np.testing.assert_array_equal(seen.masked, expected)
    np.testing.assert_array_equal(seen.inside, ~expected)


def test_the_mean_of_a_frame_is_that_of_the_pixels_that_count(lorentz):
    frame = 100 + 5 * np.random.default_rng(0).normal(size=(64, 64))
    mask = np.zeros(frame.shape, dtype=bool)
    mask[50:] = True
    burnt = np.where(mask, 0, frame)
    burnt[55, 55] = 255  # of a footer: the frame was not stretched to its full scale
    seen = channels(Picture(burnt, Contrast.LORENTZ, (4 * NM,) * 2, mask=mask), lorentz)
    assert seen.doubts == ()
    assert seen.values[0][~mask].mean() == pytest.approx(1, abs=1e-5)
