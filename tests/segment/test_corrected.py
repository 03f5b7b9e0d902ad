"""Labels that a person has drawn in: what counts, and how it is told."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from napari_magtex.physics.starts import paint_skyrmion, uniform_start
from napari_magtex.picture import Picture, Region
from napari_magtex.segment.corrected import as_counted
from napari_magtex.segment.counted import count_corrected, count_frame
from napari_magtex.segment.grey import polar
from napari_magtex.segment.kinds import Kind
from napari_magtex.segment.positions import positions_of
from napari_magtex.segment.predict import Settings
from napari_magtex.segment.rim import rim_of
from napari_magtex.texture import Lattice, SpinTexture


def drawn(*rows):
    return np.array([[int(c) for c in row] for row in rows], np.uint16)


def test_the_largest_part_of_a_number_keeps_it_and_the_others_get_new_ones():
    found = as_counted(drawn("1100222", "1100000", "0000011", "3330000"), min_area=1)
    assert found.tolist() == drawn("1100222", "1100000", "0000044", "3330000").tolist()
    assert as_counted(drawn("110011", "110000"), 1, above=8).max() == 9


def test_parts_that_touch_at_a_corner_are_one():
    labels = drawn("110000", "110000", "001100", "001100")
    assert np.array_equal(as_counted(labels, 1), labels)


def test_numbers_that_touch_stay_apart():
    labels = drawn("112233", "112233")
    assert np.array_equal(as_counted(labels, 1), labels)


def test_specks_do_not_count():
    assert as_counted(drawn("1110002", "1110000", "0000000", "0000011"), min_area=3).tolist() == drawn(
        "1110000", "1110000", "0000000", "0000000").tolist()  # fmt: skip


def test_nothing_drawn_counts_nothing():
    assert as_counted(np.zeros((5, 6), np.uint16), 1).tolist() == np.zeros((5, 6)).tolist()
    assert as_counted(np.full((5, 6), 3, np.uint16), 1).tolist() == np.full((5, 6), 3).tolist()


@pytest.fixture
def of_noise(discs):
    places = [(y, x, 8) for y in range(20, 120, 30) for x in range(20, 160, 30)]
    noise = np.random.default_rng(0).standard_normal((120, 160))
    film = 128 - 40.0 * (discs((120, 160), places) > 0)
    return lambda size: Picture((film + size * noise).astype(np.float32), name="f.png")


@pytest.fixture
def frame(of_noise):
    return of_noise(8)


@pytest.mark.parametrize("regions", [[None], [Region(0, 0, 65, 120), Region(65, 0, 160, 120)]])
def test_what_nobody_touched_is_measured_as_before_but_says_that_it_was_looked_at(frame, regions):
    found = count_frame(frame, None, regions, None, Settings())
    film = np.ones(frame.shape, bool)
    numbered, again = count_corrected(found.labels, film, found.rim, found.counted, regions, None)
    assert np.array_equal(numbered, found.labels)
    assert len(again) == len(regions)
    for one, other in zip(found.counted, again, strict=True):
        assert one.rows.equals(other.rows)
        assert one.summary["density_px"] == other.summary["density_px"]
        assert other.provenance == replace(one.provenance, settings=other.provenance.settings)
        assert other.summary["settings"] == {**one.summary["settings"], "corrected": "by hand"}
        assert other.summary["notes"] == [*one.summary["notes"], "corrected by hand"]


def test_a_region_counts_what_is_drawn_inside_its_outline(frame):
    mask = np.zeros((60, 80), bool)
    mask[:, :40] = True
    region = Region(10, 10, 90, 70, mask=mask)
    found = count_frame(frame, None, [region], None, Settings())
    labels = np.array(found.labels)
    labels[55:65, 20:30] = labels.max() + 1  # inside
    labels[55:65, 60:70] = labels.max() + 1  # in the rectangle, beyond the outline
    labels[90:100, 120:130] = labels.max() + 1  # beyond the rectangle
    _, (again,) = count_corrected(labels, np.ones(frame.shape, bool), found.rim, found.counted, [region], None)
    assert again.summary["count"] == found.counted[0].summary["count"] + 1
    assert again.summary["film_px"] == mask.sum()


class Sharp:
    """A network that calls skyrmion what is dark."""

    model = "sharp 1"

    def probabilities(self, grey):
        likely = np.zeros((len(Kind), *grey.shape), np.float32)
        likely[Kind.SKYRMION] = grey < 108
        likely[Kind.FILM] = 1 - likely[Kind.SKYRMION]
        return likely


def test_a_region_a_mask_and_a_footer_cut_skyrmions(of_noise):
    frame = of_noise(2)
    mask = np.zeros(frame.shape, bool)
    mask[84:] = True  # through the third row of skyrmions
    for picture, region in (
        (frame, Region(0, 0, 160, 84)),
        (replace(frame, mask=mask), None),
        (replace(frame, pixels=np.where(mask, 7, frame.pixels)), None),
    ):
        found = count_frame(picture, None, [region], Sharp(), Settings())
        (counted,) = found.counted
        assert counted.rows.cut.tolist() == [False] * 10 + [True] * 5
        assert counted.summary["cut"] == 5
        assert counted.summary["density_px"] == pytest.approx(12.5 / (84 * 160))
        assert positions_of(found.labels, 0, found.rim)["cut"].tolist() == counted.rows.cut.tolist()
        _, (again,) = count_corrected(found.labels, ~mask, found.rim, [counted], [region], None)
        assert again.rows.equals(counted.rows)


def test_the_film_of_a_texture_ends_with_its_material():
    m = uniform_start(1, (140, 140), (0.0, 0.0, 1.0))[0]
    for centre in ((70.0, 70.0), (70.0, 35.0), (70.0, 105.0), (35.0, 70.0), (105.0, 70.0)):
        paint_skyrmion(m, centre, 8.0, 2.0, helicity=0.0, lattice=Lattice.SQUARE)
    y, x = np.mgrid[:140, :140]
    m[:, (y - 70) ** 2 + (x - 70) ** 2 > 60**2] = 0
    texture = SpinTexture.from_layer(m.permute(1, 2, 0).numpy())
    found = count_frame(*polar(Picture(np.zeros((140, 140, 3))), texture), [None], None, Settings())
    (counted,) = found.counted
    assert counted.summary["count"] == 5
    assert counted.summary["film_px"] == texture.material.sum()
    assert counted.rows.charge.to_numpy() == pytest.approx([-1] * 5, abs=0.05)
    rim = found.rim[texture.material[0]]
    assert not rim.any()  # a skyrmion at the edge of the disc is whole


def test_a_skyrmion_in_two_regions_is_one(frame):
    regions = [Region(0, 0, 80, 120), Region(40, 0, 160, 120)]  # the third column is cut by the first
    found = count_frame(frame, None, regions, None, Settings())
    first, second = (one.rows.set_index("label") for one in found.counted)
    assert set(first.index) | set(second.index) == set(np.unique(found.labels)) - {0} == set(range(1, 21))
    assert len(first) == 12
    assert len(second) == 16
    both = first.index.intersection(second.index)
    assert len(both) == 8
    assert np.allclose(first.y_px[both], second.y_px[both], atol=0.6)
    assert first.cut[both].sum() == 4
    assert not second.cut.any()
    areas = np.bincount(found.labels.ravel())
    assert (second.area_px == areas[second.index]).all()
    table = positions_of(found.labels, 0, found.rim)
    assert len(table) == 20
    assert not table["cut"].any()
    numbered, again = count_corrected(found.labels, np.ones(frame.shape, bool), found.rim, found.counted, regions, None)
    assert np.array_equal(numbered, found.labels)
    assert all(one.rows.equals(other.rows) for one, other in zip(found.counted, again, strict=True))
    drawn_in = np.array(found.labels)
    drawn_in[30:40, 60:65] = drawn_in[60:70, 60:65] = 21  # two parts where both look
    film = np.ones(frame.shape, bool)
    numbered, (first, second) = count_corrected(drawn_in, film, found.rim, found.counted, regions, None)
    assert {21, 22} <= set(first.rows.label) & set(second.rows.label)
    assert len(np.unique(numbered)) == 23


def test_the_rim_is_what_an_erosion_leaves():
    seen = np.random.default_rng(0).random((30, 40)) < 0.9
    assert np.array_equal(rim_of(seen), ~binary_erosion(seen))


def test_where_regions_meet_both_cut_what_lies_across(frame):
    found = count_frame(frame, None, [Region(0, 0, 80, 120), Region(80, 0, 160, 120)], None, Settings())
    assert [one.summary["cut"] for one in found.counted] == [4, 4]
    assert positions_of(found.labels, 0, found.rim)["cut"].sum() == 8
