"""Measurements against lattices, discs and textures that are known beforehand."""

import json
import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.measure import label, regionprops_table

from napari_magtex.errors import Unsuitable
from napari_magtex.physics.starts import paint_skyrmion, uniform_start
from napari_magtex.physics.topology import topological_charge
from napari_magtex.segment.charge import charges
from napari_magtex.segment.measure import COLUMNS, measure
from napari_magtex.segment.order import hexatic_order, voronoi_neighbours
from napari_magtex.segment.pairs import nearest_distances, radial_distribution
from napari_magtex.segment.shape import shapes_of
from napari_magtex.texture import Lattice, SpinTexture


def triangular(side, spacing, angle=0.0):
    """Points of a triangular lattice in a square of so many pixels."""
    reach = math.ceil(2 * side / spacing)
    i, j = np.meshgrid(np.arange(-reach, reach), np.arange(-reach, reach))
    x, y = spacing * (i + j / 2).ravel(), spacing * np.sqrt(0.75) * j.ravel()
    c, s = np.cos(angle), np.sin(angle)
    points = np.stack([c * y - s * x, c * x + s * y], axis=1) + side / 2 + 0.1
    return points[((points > 0) & (points < side - 1)).all(axis=1)]


@pytest.mark.parametrize("angle", [0.0, 0.3])
def test_a_triangular_lattice_has_psi6_of_one_and_six_neighbours(angle):
    points = triangular(300, 20, angle)
    neighbours = voronoi_neighbours(points, np.ones((300, 300), bool))
    psi = hexatic_order(points, neighbours)[neighbours.whole]
    assert len(psi) > 100
    assert np.allclose(np.abs(psi), 1)
    assert np.allclose(np.angle(psi), np.angle(np.exp(6j * angle)))
    assert (neighbours.coordination[neighbours.whole] == 6).all()


def test_a_square_lattice_has_psi6_of_zero_and_four_neighbours():
    y, x = np.meshgrid(np.arange(10, 300, 20.0), np.arange(10, 300, 20.0))
    points = np.stack([y.ravel(), x.ravel()], axis=1)
    neighbours = voronoi_neighbours(points, np.ones((300, 300), bool))
    assert np.allclose(hexatic_order(points, neighbours)[neighbours.whole], 0)
    assert (neighbours.coordination[neighbours.whole] == 4).all()


def test_a_bond_turned_over_is_two_fives_and_two_sevens():
    points = triangular(300, 20)
    a = np.abs(points - 150).sum(axis=1).argmin()
    place = points[a].copy()
    for offset, moved in (((0, 0), (0, -5)), ((0, 20), (0, 5)), ((17.32, 10), (-5, 0)), ((-17.32, 10), (5, 0))):
        points[np.abs(points - place - offset).sum(axis=1).argmin()] += moved
    neighbours = voronoi_neighbours(points, np.ones((300, 300), bool))
    found = neighbours.coordination[neighbours.whole]
    assert [(found == n).sum() for n in (5, 7)] == [2, 2]
    assert (found == 6).sum() == len(found) - 4


def test_skyrmions_at_the_edge_of_a_device_are_not_whole():
    points = triangular(300, 20)
    film = np.zeros((300, 300), bool)
    film[:150] = True
    points = points[points[:, 0] < 150]
    whole = voronoi_neighbours(points, film).whole
    assert whole[(points[:, 0] > 40) & (points[:, 0] < 110) & (np.abs(points[:, 1] - 150) < 100)].all()
    assert not whole[points[:, 0] > 142].any()


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_few_points_have_no_neighbours(count):
    points = np.arange(2.0 * count).reshape(count, 2)
    neighbours = voronoi_neighbours(points, np.ones((32, 32), bool))
    assert not neighbours.whole.any()
    assert np.isnan(hexatic_order(points, neighbours)).all()


def test_points_on_a_line_have_no_neighbours():
    points = np.stack([np.arange(8.0), np.arange(8.0)], axis=1)
    assert not voronoi_neighbours(points, np.ones((32, 32), bool)).whole.any()


@pytest.mark.parametrize("outline", ["frame", "two devices"])
def test_g_of_r_of_points_thrown_at_random_is_one_up_to_the_edges(outline):
    film = np.ones((300, 400), bool)
    if outline == "two devices":
        film[:, 150:200] = False
        film[:60, 200:] = False
    rng = np.random.default_rng(1)
    g = []
    for _ in range(60):
        points = rng.uniform((0, 0), film.shape, (500, 2))
        points = points[film[tuple(points.astype(int).T)]]
        g.append(radial_distribution(points, film, bins=20, reach=120).g)
    assert np.allclose(np.mean(g, axis=0), 1, atol=0.03)


def test_g_of_r_of_a_triangular_lattice_peaks_at_its_spacing():
    points = triangular(500, 20)
    found = radial_distribution(points, np.ones((500, 500), bool), bins=150, reach=50)
    assert found.r[found.g.argmax()] == pytest.approx(20, abs=0.4)
    assert found.g[found.r < 19].max() == 0
    shells = [found.g[np.abs(found.r - r) < 1].max() for r in (20, 20 * np.sqrt(3), 40)]
    assert min(shells) > 5


def test_g_of_r_counts_the_neighbours_of_a_lattice():
    points = triangular(600, 20)
    film = np.ones((600, 600), bool)
    found = radial_distribution(points, film, bins=100, reach=50)
    density = len(points) / film.sum()
    first = found.r < 27
    neighbours = density * np.sum(found.g[first] * 2 * np.pi * found.r[first]) * (found.r[1] - found.r[0])
    assert neighbours == pytest.approx(6, rel=0.03)


def test_nearest_distances_are_those_of_the_lattice():
    assert np.allclose(nearest_distances(triangular(200, 20)), 20)
    assert np.isnan(nearest_distances(np.zeros((1, 2)))).all()


def test_discs_are_measured_in_pixels_and_nanometres(provenance, discs):
    labels = discs((100, 120), [(30.0, 40.0, 10), (70.0, 90.0, 15)])
    table = measure(labels, provenance(), pixel_size=(50e-9, 50e-9)).rows()
    assert tuple(table.columns) == COLUMNS
    assert table.file.tolist() == ["frame.tif"] * 2
    assert table.frame.tolist() == [3, 3]
    assert table.label.tolist() == [1, 2]
    assert np.allclose(table[["x_px", "y_px"]], [[40, 30], [90, 70]])
    assert np.allclose(table.radius_px, [10, 15], rtol=0.01)
    assert np.allclose(table.area_nm2, table.area_px * 2500)
    assert np.allclose(table.radius_nm, [500, 750], rtol=0.01)
    assert np.allclose(table.nearest_nm, 50 * math.hypot(40, 50))
    assert (table.eccentricity < 0.1).all()
    assert table.at_edge.all()


def test_an_ellipse_tells_its_eccentricity_and_its_angle_with_y_up(provenance):
    y, x = np.mgrid[-40:41, -40:41]
    along, across = x * np.cos(0.5) - y * np.sin(0.5), x * np.sin(0.5) + y * np.cos(0.5)
    labels = ((along / 30) ** 2 + (across / 15) ** 2 <= 1).astype(np.int32)
    row = measure(labels, provenance()).rows().iloc[0]
    assert row.eccentricity == pytest.approx(math.sqrt(0.75), abs=0.01)
    assert row.orientation_deg == pytest.approx(math.degrees(0.5), abs=1)


@pytest.mark.parametrize("ratio", [1.0, 1.7])
def test_shapes_are_those_of_scikit_image(ratio):
    rng = np.random.default_rng(0)
    labels = label(gaussian_filter(rng.standard_normal((200, 240)), 3) > 0.08)
    labels[labels == 5] = 0  # a number that is missing
    found = shapes_of(labels, ratio)
    wanted = ("label", "centroid", "num_pixels", "eccentricity", "orientation")
    told = regionprops_table(labels, properties=wanted, spacing=(ratio, 1.0))
    assert len(found.label) > 50
    assert np.array_equal(found.label, told["label"])
    assert np.array_equal(found.area, told["num_pixels"])
    assert np.allclose(found.points, np.stack([told["centroid-0"] / ratio, told["centroid-1"]], axis=1))
    assert np.allclose(found.eccentricity, told["eccentricity"], atol=1e-6)
    drawn_out = found.eccentricity > 0.1
    apart = found.angle - (told["orientation"] + np.pi / 2)
    assert np.allclose(np.sin(apart[drawn_out]), 0, atol=1e-6)


def test_a_single_pixel_has_a_shape():
    labels = np.zeros((20, 20), np.int32)
    labels[3, 4] = 7
    found = shapes_of(labels)
    assert found.label.tolist() == [7]
    assert found.points.tolist() == [[3, 4]]
    assert found.eccentricity.tolist() == [0]


def test_pixels_that_are_no_squares_keep_discs_round(provenance):
    y, x = np.ogrid[:64, :64]
    labels = ((2 * (y - 30)) ** 2 + (x - 30) ** 2 <= 20**2).astype(np.int32)  # a pixel is twice as high as wide
    row = measure(labels, provenance(), pixel_size=(20e-9, 10e-9)).rows().iloc[0]
    assert row.eccentricity < 0.25  # a disc of so few rows; 0.87 in pixels
    assert (row.y_px, row.x_px) == (30, 30)
    assert row.radius_nm == pytest.approx(200, rel=0.02)
    assert row.y_nm == 600


def test_pixels_that_are_no_squares_count_along_x(provenance, discs):
    labels = discs((64, 96), [(20, 20, 4), (40, 20, 4), (20, 50, 4)])
    table = measure(labels, provenance(), pixel_size=(20e-9, 10e-9)).rows()
    assert table.nearest_px.tolist() == pytest.approx([30, 40, 30])
    assert np.allclose(table.nearest_nm, 10 * table.nearest_px)


def test_a_region_keeps_the_coordinates_of_the_stored_picture(provenance, discs):
    row = measure(discs((40, 40), [(10, 20, 5)]), provenance((100, 200, 140, 240))).rows().iloc[0]
    assert (row.x_px, row.y_px) == (120, 210)


def test_density_refers_to_the_film(provenance, discs):
    labels = discs((100, 100), [(20, 20, 5), (20, 60, 5)])
    film = np.zeros((100, 100), bool)
    film[:50] = True
    found = measure(labels, provenance(), pixel_size=(1e-6, 1e-6), film=film)
    assert found.density == pytest.approx(2 / (5000 * 1e-12))
    assert found.record()["density_um2"] == pytest.approx(4e-4)


@pytest.mark.parametrize(("side", "within"), [(384, 0.01), (96, 0.08)])
def test_neither_density_nor_size_hangs_on_how_small_the_view_is(provenance, discs, side, within):
    rng = np.random.default_rng(0)
    densities, radii = [], []
    for _ in range(4):
        places = triangular(side + 60, 30, angle=rng.uniform(0, 1)) - 30 + rng.uniform(-5, 5, 2)
        record = measure(discs((side, side), [(*place, 9) for place in places]), provenance()).record()
        densities.append(record["density_px"])
        radii.append(record["radius_px"])
    assert np.mean(densities) == pytest.approx(1 / (30**2 * np.sqrt(0.75)), rel=within)
    assert radii == pytest.approx([9] * 4, rel=0.01)


def test_those_cut_are_told_and_where_all_are_their_size_is_better_than_none(provenance, discs):
    labels = discs((40, 60), [(0, 20, 5), (20, 20, 5), (20, 57, 5)])
    found = measure(labels, provenance())
    assert found.rows().cut.tolist() == [True, False, True]
    assert found.record()["cut"] == 2
    assert found.density_px == pytest.approx(2 / 2400)
    assert found.record()["radius_px"] == pytest.approx(found.columns["radius_px"][1])
    labels[labels == 2] = 0
    cut = measure(labels, provenance())
    assert cut.record()["radius_px"] == pytest.approx(cut.columns["radius_px"].mean())


def test_a_skyrmion_at_the_edge_of_a_device_is_whole(provenance, discs):
    labels = discs((40, 60), [(20, 20, 5)])
    film = np.ones((40, 60), bool)
    film[:, :16] = False
    assert not measure(labels, provenance(), film=film).columns["cut"].any()


def test_nothing_found_is_an_answer(provenance):
    found = measure(np.zeros((64, 64), np.int32), provenance())
    assert found.count == 0
    assert len(found.rows()) == 0
    assert tuple(found.rows().columns) == COLUMNS
    text = json.dumps(found.record(), allow_nan=False)
    assert json.loads(text)["psi6"] is None
    assert len(found.radial.r) == 0


def test_a_record_of_many_has_no_nan(provenance, discs):
    places = [(*point, 4) for point in triangular(200, 20)]
    record = measure(discs((200, 200), places), provenance()).record()
    json.dumps(record, allow_nan=False)
    assert record["psi6"] > 0.95
    assert record["fives"] == record["sevens"] == 0
    assert record["density_px"] == pytest.approx((record["count"] - record["cut"] / 2) / 200**2)
    assert record["density_um2"] is None


def test_each_skyrmion_of_a_texture_has_its_charge(provenance):
    m = uniform_start(1, (64, 96), (0.0, 0.0, 1.0))[0]
    paint_skyrmion(m, (25.0, 40.0), 7.0, 2.5, helicity=0.0, lattice=Lattice.SQUARE)
    paint_skyrmion(m, (70.0, 30.0), 7.0, 2.0, helicity=1.0, lattice=Lattice.SQUARE)
    m[1, :, 48:] *= -1  # an antiskyrmion: m_y turned over
    texture = SpinTexture.from_layer(m.permute(1, 2, 0).numpy())
    core = (m[2] < 0).numpy()
    labels = np.where(core & (np.arange(96) < 48), 1, np.where(core, 2, 0)).astype(np.int32)
    assert np.allclose(charges(labels, texture), [-1, 1], atol=0.02)
    twice = labels.repeat(2, axis=0).repeat(2, axis=1)
    assert np.allclose(measure(twice, provenance(), texture=texture).rows().charge, [-1, 1], atol=0.02)


def test_labels_of_another_size_are_no_labels_of_a_texture():
    texture = SpinTexture.from_layer(uniform_start(1, (64, 96), (0.0, 0.0, 1.0))[0].permute(1, 2, 0).numpy())
    with pytest.raises(Unsuitable, match="65 x 64 pixels do not lie on 96 x 64 cells"):
        charges(np.zeros((64, 65), np.int32), texture)


def test_the_charge_of_noise_is_not_lost():
    generator = torch.Generator().manual_seed(3)
    m = torch.nn.functional.normalize(torch.randn(3, 32, 32, generator=generator), dim=0)
    texture = SpinTexture.from_layer(m.permute(1, 2, 0).numpy())
    labels = np.zeros((32, 32), np.int32)
    labels[5, 5], labels[20, 25] = 1, 2
    assert charges(labels, texture).sum() == pytest.approx(float(topological_charge(m[None], periodic=False)))
