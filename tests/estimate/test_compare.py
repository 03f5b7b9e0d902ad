import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_magtex.colours import ColourMap, spin_to_rgb
from napari_magtex.compute import Progress, drain
from napari_magtex.errors import BadExperiment, UncalibratedPicture
from napari_magtex.estimate import compare as module
from napari_magtex.estimate import films
from napari_magtex.estimate.channels import channels
from napari_magtex.estimate.compare import compare, figures_of, radial_spectrum, spectra_table
from napari_magtex.estimate.compare_chart import spectra_figure
from napari_magtex.estimate.material import Material
from napari_magtex.physics.starts import helix_start, paint_skyrmion, uniform_start
from napari_magtex.picture import Contrast, Picture, Region
from napari_magtex.results import Quantity
from napari_magtex.texture import Lattice

NM = 1e-9
CELL = (4 * NM, 4 * NM)
HELIX = {"film": {"demag": False, "shape": [48, 48]}, "conditions": {"field_T": 0}, "start": {"kind": "helix"}}


def exactly(A=8.78e-12, D=1.58e-3, Ms=384e3):
    pairs = {"A": (A, "J/m"), "D": (D, "J/m^2"), "Ms": (Ms, "A/m")}
    return Material({name: Quantity(value, value, value, unit) for name, (value, unit) in pairs.items()})


def drawn(m, colour_map=ColourMap.MUMAX3, **kwargs):
    """Draw m (3, ny, nx) as a program does."""
    pixels = spin_to_rgb(np.moveaxis(np.asarray(m), 0, -1), colour_map)
    return Picture(pixels, Contrast.SPIN, CELL, name="film", meta={"colour_map": str(colour_map)}, **kwargs)


def helix(shape=(48, 48), period=16.0):
    return helix_start(shape, period, 0.0, dmi="bulk", D_sign=1.0)[0].numpy()


def skyrmions(places, shape=(96, 96)):
    m = uniform_start(1, shape, (0.0, 0.0, 1.0))
    for x, y in places:
        paint_skyrmion(m[0], (x, y), 8.0, 4.0, helicity=np.pi / 2, lattice=Lattice.SQUARE)
    return m[0].numpy()


def test_the_radial_spectrum_peaks_at_the_wave_and_holds_its_variance():
    x = np.arange(128)
    wave = np.tile(0.3 * np.sin(2 * np.pi * x / 16), (1, 96, 1)).astype(np.float32)
    k, density = radial_spectrum(wave, CELL, 1 / (96 * CELL[0]))
    assert k[density.argmax()] == pytest.approx(1 / (16 * 4 * NM), rel=0.03)
    assert (2 * np.pi * k * density).sum() * k[0] == pytest.approx(0.3**2 / 2, rel=0.1)
    assert k[-1] == pytest.approx(1 / (2 * 4 * NM))


def test_the_density_does_not_depend_on_the_pictures_size():
    noise = np.random.default_rng(1).normal(size=(1, 256, 256)).astype(np.float32)
    whole, part = (radial_spectrum(n, CELL, 1 / (64 * CELL[0]))[1] for n in (noise, noise[:, :128, :192]))
    assert np.median(whole) == pytest.approx((4 * NM) ** 2, rel=0.05)  # of white noise: variance times a cell's area
    assert np.median(part) == pytest.approx(np.median(whole), rel=0.1)


def test_figures_of_a_helix_and_of_skyrmions_are_those_it_was_made_with(experiment_with):
    experiment = experiment_with()
    of_helix = figures_of(drawn(helix(period=12.0)), experiment)
    assert of_helix.period == pytest.approx(48 * NM, rel=0.03)
    assert of_helix.skyrmion_density == 0
    assert of_helix.mean_mz == pytest.approx(0, abs=0.01)
    film = drawn(skyrmions([(20, 20), (60, 30), (30, 70)]))
    area = (96 * 4 * NM) ** 2
    of_film = figures_of(film, experiment)
    assert of_film.skyrmion_density == pytest.approx(3 / area, rel=0.02)


def test_skyrmions_outside_the_region_do_not_count(experiment_with):
    mask = np.zeros((96, 96), dtype=bool)
    mask[:, :48] = True
    region = drawn(skyrmions([(20, 20), (24, 70), (80, 30)])).crop(Region(0, 0, 96, 96, mask))
    figures = figures_of(region, experiment_with())
    assert figures.skyrmion_density == pytest.approx(2 / (96 * 48 * (4 * NM) ** 2), rel=0.02)


def test_a_film_under_the_same_conditions_is_measured_as_the_picture_is(experiment_with):
    experiment = experiment_with(**HELIX)
    seen = []
    found = drain(compare(drawn(helix()), experiment, exactly(), name="fege", seeds=2, device="cpu"), seen.append)
    assert seen == [Progress(0, 2, "relaxing film"), Progress(1, 2, "relaxing film"), Progress(2, 2, "measuring")]
    # 4 pi A/D is 70 nm; 3 turns fit 48 cells, 64 nm each
    assert found.measured.period == pytest.approx(64 * NM, rel=0.03)
    assert found.spread("period").mean == pytest.approx(found.measured.period, rel=0.01)
    assert found.difference("period") == pytest.approx(0, abs=0.01)
    assert found.difference("skyrmion_density") is None  # of none
    assert found.notes == ()
    (picture, _) = found.pictures
    assert picture.shape == (48, 48)
    assert picture.pixel_size == pytest.approx(CELL)
    assert found.simulated_power.shape == (2, len(found.wave_number))
    assert list(spectra_table(found).columns)[:2] == ["wave_number_per_m", "measured_m2"]
    record = json.loads(json.dumps(found.record(), allow_nan=False))
    assert record["experiment"] == "fege"
    assert record["simulated"]["period"]["low"] <= record["simulated"]["period"]["mean"]
    labels = [text.get_text() for text in spectra_figure(found, "x").axes[0].get_legend().get_texts()]
    assert labels[0].startswith("picture, period 6")


def test_a_film_has_the_cells_that_the_picture_has(experiment_with):
    picture = replace(drawn(helix()), pixel_size=(4.03 * NM, 3.97 * NM))
    found = drain(compare(picture, experiment_with(**HELIX), exactly(), device="cpu"))
    assert found.measured.period == pytest.approx(16 * 3.97 * NM, rel=0.03)
    assert found.pictures[0].pixel_size == pytest.approx((4.03 * NM, 3.97 * NM))
    assert found.spread("period").mean == pytest.approx(found.measured.period, rel=0.01)


def test_the_sign_of_d_turns_the_film(experiment_with):
    experiment = experiment_with(**HELIX)
    turns = []
    for D in (1.58e-3, -1.58e-3):
        found = drain(compare(drawn(helix()), experiment, exactly(D=D), device="cpu"))
        _, y, z = channels(found.pictures[0], experiment).values
        turns.append(float((y[:, :-1] * z[:, 1:] - z[:, :-1] * y[:, 1:]).mean()))
    assert turns[0] == pytest.approx(-turns[1], rel=0.05)
    assert abs(turns[0]) > 0.1


def test_the_pictures_own_colours_are_taken(experiment_with):
    grey = drawn(helix(), ColourMap.GREY)
    found = drain(compare(grey, experiment_with(**HELIX), exactly(), device="cpu"))
    assert np.ptp(found.pictures[0].pixels, axis=2).max() == 0
    assert found.measured.skyrmion_density is None
    assert any("m_z alone" in note for note in found.notes)


def test_without_d_there_is_no_period_to_differ(experiment_with):
    found = drain(compare(drawn(helix()), experiment_with(**HELIX), exactly(D=0.0), device="cpu"))
    assert found.spread("period") is None
    assert found.difference("period") is None
    assert "null" in json.dumps(found.record()["simulated"])


def test_lorentz_frames_have_the_dose_and_no_count(experiment_with):
    experiment = experiment_with(**HELIX, picture={"contrast": "lorentz", "defocus_um": 100.0, "dose_e_per_px": 50})
    _, x = np.mgrid[:48, :48]
    frame = Picture(1 + 0.1 * np.sin(2 * np.pi * x / 16), Contrast.LORENTZ, CELL)
    found = drain(compare(frame, experiment, exactly(), device="cpu"))
    assert found.measured.skyrmion_density is None
    assert found.spread("skyrmion_density") is None
    assert "skyrmions are not counted in this contrast" in found.notes
    values = channels(found.pictures[0], experiment).values[0]
    rough = float(np.diff(values, axis=0).std()) / np.sqrt(2)  # along the helix's lines: noise alone
    assert rough == pytest.approx(1 / np.sqrt(50), rel=0.15)


def test_the_spectrum_of_an_outline_is_that_of_what_it_holds(experiment_with, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 40)  # the film does not matter here
    picture = drawn(helix((96, 96), period=12.0))
    y, x = np.mgrid[:96, :96]
    outlines = (None, (y - 48) ** 2 + (x - 48) ** 2 < 44**2, abs(y - x) < 30)
    powers = []
    for outline in outlines:
        part = picture.crop(Region(0, 0, 96, 96, outline))
        found = drain(compare(part, experiment_with(**HELIX), exactly(), device="cpu"))
        powers.append(float((found.wave_number * found.measured_power).sum()))
    assert powers[1:] == pytest.approx(powers[:1] * 2, rel=0.05)


def test_films_that_do_not_settle_and_guesses_are_said(experiment_with, monkeypatch):
    monkeypatch.setattr(films, "_MAX_STEPS", 10)
    experiment = experiment_with(film={"demag": False}, conditions={"field_T": 0})
    material = Material(exactly().constants, ("Ms",))
    found = drain(compare(drawn(helix()), experiment, material, device="cpu"))
    assert found.notes[0] == "Ms was not determined: the middle of its range is used"
    assert found.notes[-1].startswith("1 of 1 films did not settle")


def test_a_large_region_is_checked_with_a_smaller_film(experiment_with, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 40)
    found = drain(compare(drawn(helix((48, 56))), experiment_with(**HELIX), exactly(), device="cpu"))
    assert found.pictures[0].shape == (40, 40)
    assert "the region is larger than the film, which has 40 x 40 cells" in found.notes


def test_what_cannot_be_checked_is_refused(experiment_with):
    picture = drawn(helix())
    with pytest.raises(UncalibratedPicture, match="pixel size is unknown"):
        drain(compare(Picture(picture.pixels, Contrast.SPIN), experiment_with(), exactly()))
    with pytest.raises(BadExperiment, match="cells of 4 nm are coarse"):
        drain(compare(picture, experiment_with(), exactly(D=1e-2)))
    open_constants = {name: q for name, q in exactly().constants.items() if name != "A"}
    with pytest.raises(BadExperiment, match=r"A vary: a film needs a number"):
        drain(compare(picture, experiment_with(), Material(open_constants)))


def test_closing_stops_before_the_next_film(experiment_with, monkeypatch):
    relaxed = []
    monkeypatch.setattr(module, "relax_films", lambda *args, **kwargs: relaxed.append(1))
    work = compare(drawn(helix()), experiment_with(), exactly(), seeds=3)
    assert next(work) == Progress(0, 3, "relaxing film")
    work.close()
    assert relaxed == []
    assert torch.is_grad_enabled()
