import math

import numpy as np
import pytest

from napari_magtex import compute
from napari_magtex.compute import Progress, drain
from napari_magtex.errors import BadExperiment, MagtexError
from napari_magtex.estimate.band import band_table, loop_band
from napari_magtex.estimate.loop_chart import loop_figure
from napari_magtex.estimate.material import Material
from napari_magtex.results import Quantity

KU, STEP = 400e3, 0.2


@pytest.fixture(scope="module")
def magnet(experiment_with):
    """Uniaxial, without stray field: every cell is a Stoner-Wohlfarth particle in a field 1 degree off its axis."""
    return experiment_with(
        film={"shape": [40, 40], "demag": False, "dmi": "interfacial"},
        parameters={"D_mJ_per_m2": 0, "Ku_kJ_per_m3": KU / 1e3},
        hysteresis={"max_T": 1.8, "steps": 18},
    )


def materials(Ms=(0.6e6, 0.5e6, 0.72e6), D=(0.0, 0.0, 0.0)):
    exact = Quantity(1e-11, 1e-11, 1e-11, "J/m")
    return Material({"A": exact, "D": Quantity(*D, "J/m^2"), "Ms": Quantity(*Ms, "A/m")}, ("Ms",))


@pytest.fixture(scope="module")
def band(magnet):
    return drain(loop_band(magnet, materials(), device="cpu"))


def switching_field(Ms):
    """Of Stoner and Wohlfarth, 1 degree off the axis."""
    angle = math.radians(1)
    return 2 * KU / Ms * (math.cos(angle) ** (2 / 3) + math.sin(angle) ** (2 / 3)) ** -1.5


def test_hc_and_its_range_are_those_of_the_intervals_ends(band):
    Hc = band.field("Hc_T")
    assert Hc.value == pytest.approx(switching_field(0.6e6), abs=STEP)
    assert Hc.low == pytest.approx(switching_field(0.72e6), abs=STEP)
    assert Hc.high == pytest.approx(switching_field(0.5e6), abs=STEP)
    assert Hc.low < Hc.value < Hc.high
    assert band.told("Hc_T") == f"{Hc.value:.2f} ({Hc.low:.2f} … {Hc.high:.2f})"
    assert len(band.corners) == 2


def test_the_band_holds_every_loop_and_saturates_at_the_ends_of_ms(band):
    for branch, (low, high) in (("falling", band.falling), ("rising", band.rising)):
        for loop in (band.loop, *band.corners):
            assert np.all((low <= getattr(loop, branch)) & (getattr(loop, branch) <= high))
    low, high = band.rising
    assert (low[-1], high[-1]) == pytest.approx((0.5e6, 0.72e6), rel=0.01)


def test_the_table_has_the_loop_in_order_and_the_band_beside_it(band):
    table = band_table(band)
    assert list(table.columns)[-3:] == ["converged", "M_low_A_per_m", "M_high_A_per_m"]
    assert np.all(table.M_low_A_per_m <= table.M_A_per_m)
    assert np.all(table.M_A_per_m <= table.M_high_A_per_m)
    first = table.iloc[0]
    assert (first.branch, first.field_T) == ("falling", pytest.approx(1.8))
    assert first.M_high_A_per_m == pytest.approx(0.72e6, rel=0.01)


def test_notes_record_and_figure_tell_guesses_and_ranges(band):
    assert band.notes()[0] == "Ms was not determined: the middle of its range is used"
    record = band.record()
    assert record["films"] == 3
    assert record["band"]["Hc_T"]["low"] < record["Hc_T"] < record["band"]["Hc_T"]["high"]
    figure = loop_figure(band.loop, "magnet", band)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels.count("ends of the intervals, 2 films") == 1
    assert any(f"{band.told('Hc_T')} T" in label for label in labels)
    assert "middle of its range" in figure.get_supxlabel()


def test_figures_that_some_corner_lacks_are_said(magnet):
    found = drain(loop_band(magnet, materials(Ms=(0.6e6, 0.4e6, 0.7e6)), device="cpu"))  # Hc 1.8 T: never reversed
    assert "Hc is not determined for 1 of the 2 films of the band" in found.notes()


def test_a_samples_volume_is_its_moment_over_ms(band):
    volume = band.volume(2.4e-7)  # 2.4e-4 emu
    assert volume.value == pytest.approx(0.4e-12)  # m^3: 4e-4 mm^3
    assert volume.low == pytest.approx(2.4e-7 / 0.72e6)
    assert volume.high == pytest.approx(2.4e-7 / 0.5e6)
    with pytest.raises(BadExperiment, match="positive moment"):
        band.volume(-1e-6)


def test_exact_constants_give_a_loop_without_a_band(magnet):
    work = loop_band(magnet, materials(Ms=(0.6e6,) * 3, D=(-1e-5,) * 3), device="cpu")
    assert next(work) == Progress(0, 19, "field falling")
    found = drain(work)
    assert found.corners == ()
    assert found.told("Hc_T") == found.loop.told(found.loop.coercivity)
    assert "D" in found.record()["constants"]


def test_films_beyond_the_memory_and_coarse_cells_are_refused(magnet, monkeypatch):
    with pytest.raises(BadExperiment, match="cells of 4 nm are coarse"):
        next(loop_band(magnet, materials(Ms=(0.6e6, 0.5e6, 3e6))))
    monkeypatch.setattr(compute, "free_memory", lambda device: 1000)
    with pytest.raises(MagtexError, match="a band of 3 films of 40 x 40 cells needs about"):
        next(loop_band(magnet, materials(), device="cpu"))
