"""The form of an experiment: what a file says stands in it, what is typed reaches the file, what is wrong is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image

from napari_magtex.contributions import METADATA_KEY, texture_layer
from napari_magtex.errors import BadExperiment
from napari_magtex.estimate.experiment import Coarseness, Experiment
from napari_magtex.estimate.sections import SECTIONS
from napari_magtex.picture import Contrast
from napari_magtex.texture import SpinTexture
from napari_magtex.widgets.experiment import DOUBTFUL, ELSEWHERE, WRONG, ExperimentForm, fitting_cell

RANGES = {"A_pJ_per_m": {"low": 4, "high": 12}, "D_mJ_per_m2": {"values": [1.2, 1.6]}, "Ms_MA_per_m": 0.384}
ODD: dict[str, Any] = {
    "conditions": {"field_T": [0.0123456789, 0, 0.18], "temperature_K": 265.5},
    "film": {"cell_nm": [3.5, 4], "shape": [96, 128], "dmi": "interfacial", "boundary": "open", "demag": False},
    "parameters": RANGES | {"Ku_kJ_per_m3": {"low": 1, "high": 20}},
    "start": {"kind": "skyrmions", "seed": 7, "field_path_T": [2, [0.1, 0, 0.4], 0.3], "anneal_K": 300},
    "picture": {"contrast": "lorentz", "exposure": "averaged", "defocus_um": -350.25, "dose_e_per_px": 1234},
    "hysteresis": {"steps": 37, "grain_nm": 12},
    "training": {"films": 12, "steps": 33, "network": "wang2020"},
}


@pytest.fixture
def form(qtbot) -> ExperimentForm:
    form = ExperimentForm()
    qtbot.addWidget(form)
    return form


def type_in(form: ExperimentForm, section: str, key: str, *texts: str) -> None:
    lines = form.editors[section, key].lines
    for line, text in zip(lines, texts, strict=True):
        line.setText(text)
        line.textEdited.emit(text)


@pytest.mark.parametrize(
    "tables",
    [
        ODD,
        {"parameters": RANGES, "film": {"Ku_kJ_per_m3": 5}},
        {"parameters": RANGES | {"Ku_kJ_per_m3": 5}},
        {"parameters": RANGES | {"T_K": {"low": 0, "high": 300}}},
    ],
)
def test_an_experiment_comes_back_from_the_form_and_from_its_file(form, tmp_path, tables) -> None:
    experiment = Experiment.from_dict(tables)
    form.show_experiment(experiment)
    assert form.experiment() == experiment
    form.save(tmp_path / "e.toml")
    assert Experiment.from_toml(tmp_path / "e.toml") == experiment
    form.show_experiment(Experiment.from_toml("fege-spin"))
    form.open(tmp_path / "e.toml")
    assert form.experiment() == experiment


def test_every_key_of_the_file_has_its_field(form) -> None:
    shown = {key for _, key in form.editors}
    for title, section in SECTIONS.items():
        if title != "hysteresis":
            assert set(section().to_file()) - {key for _, key in ELSEWHERE.values()} <= shown


def test_a_temperature_is_known_or_ranges(form) -> None:
    assert form.constants["T"].known
    assert form.experiment().conditions.temperature_K == 0
    form.constants["T"].value = 265
    assert (form.experiment().conditions.temperature_K, "T" in form.experiment().parameters) == (265, False)
    form.constants["T"].value = {"low": 0, "high": 300}
    assert form.experiment().conditions.temperature_K == 0
    assert (form.experiment().parameters["T"].low, form.experiment().parameters["T"].high) == (0, 300)
    form.constants["T"].kind.value = form.constants["T"].KNOWN
    assert "T" not in form.experiment().parameters


def test_what_is_typed_reaches_the_experiment_in_its_units(form) -> None:
    type_in(form, "conditions", "field_T", "0", "10", "250")
    type_in(form, "film", "cell_nm", "3", "3")
    form.constants["Ms"].value = 0.5
    form.constants["Ms"].low.setText("400")
    form.editors["start", "field_path_T"].line.setText("2000; 0 100 180")
    experiment = form.experiment()
    assert experiment.conditions.field_T == (0, 0.01, 0.25)
    assert experiment.film.cell == pytest.approx((3e-9, 3e-9))
    assert experiment.parameters["Ms"].values == pytest.approx((4e5,))
    assert not experiment.parameters["Ms"].varies
    assert experiment.start.field_path_T == ((0, 0, 2), (0, 0.1, 0.18))


def test_what_makes_no_sense_is_said_in_red_at_once(form, qtbot) -> None:
    assert WRONG not in form.remarks.text()
    with qtbot.waitSignal(form.changed):
        type_in(form, "film", "thickness_nm", "four")
    assert WRONG in form.remarks.text()
    assert "thickness_nm is 'four': give a number" in form.remarks.text()
    with pytest.raises(BadExperiment):
        form.experiment()
    type_in(form, "film", "thickness_nm", "4")
    assert WRONG not in form.remarks.text()


def test_the_lengths_stand_beside_the_cell(form) -> None:
    exchange = np.sqrt(2 * 4e-12 / (4e-7 * np.pi * 6e5**2)) * 1e9
    helix = 4 * np.pi * 4e-12 / 2.4e-3 * 1e9
    for cell, colour in (("2", "gray"), ("4", DOUBTFUL), ("9", WRONG)):
        type_in(form, "film", "cell_nm", cell, cell)
        assert f"Exchange length ≥ {exchange:.3g} nm, 4π A/D ≥ {helix:.3g} nm" in form.lengths.text()
        assert colour in form.lengths.text()
    assert "take a smaller cell_nm" in form.remarks.text()
    form.editors["film", "allow_coarse"].value = True
    assert form.experiment().film.allow_coarse


def test_fields_that_a_contrast_does_not_need_are_hidden(form) -> None:
    def visible(key: str) -> bool:
        return form.editors["picture", key].isVisibleTo(form)

    form.editors["picture", "contrast"].value = Contrast.SPIN
    assert [visible(key) for key in ("colour_map", "defocus_um", "dose_e_per_px")] == [True, False, False]
    form.editors["picture", "contrast"].value = Contrast.LORENTZ
    assert [visible(key) for key in ("colour_map", "defocus_um", "dose_e_per_px")] == [False, True, True]


def test_a_layer_fills_in_what_it_knows(form) -> None:
    meta = {"contrast": "lorentz", "voltage_kV": 300.0, "defocus_um": 800.0, "field_T": 0.25, "temperature_K": None}
    image = Image(np.zeros((50, 50)), scale=(1, 1), units=("nm", "nm"), metadata={METADATA_KEY: meta})
    form.take_from(image)
    experiment = form.experiment()
    assert experiment.picture.contrast is Contrast.LORENTZ
    assert (experiment.picture.voltage, experiment.picture.defocus) == (300e3, 800e-6)
    assert experiment.conditions.field_T == (0, 0, 0.25)
    assert experiment.film.cell == pytest.approx((2e-9, 2e-9))  # two of its pixels
    assert not form.touched
    meta["temperature_K"] = 77.0
    form.take_from(image)
    assert form.experiment().conditions.temperature_K == 77


def test_another_layer_begins_from_the_start_again(form) -> None:
    start = form.experiment()
    for meta in ({"contrast": "lorentz", "defocus_um": 800.0, "field_mT": 250, "temperature_K": 77.0}, {}):
        form.take_from(Image(np.zeros((50, 50)), metadata={METADATA_KEY: meta}))
        assert (form.experiment() == start) == (not meta)
        assert form.experiment().conditions.field_T == ((0, 0, 0.25) if meta else (0, 0, 0.18))


def test_of_a_stack_the_frame_tells_its_own_field_and_temperature(form) -> None:
    meta = {"field_T": [0.1, 0.2, 0.3], "temperature_K": (50, 100, 150), "voltage_kV": [200.0, 300.0]}
    form.take_from(Image(np.zeros((3, 40, 40)), metadata={METADATA_KEY: meta}), 1)
    conditions = form.experiment().conditions
    assert conditions.field_T == pytest.approx((0, 0, 0.2))
    assert conditions.temperature_K == 100


def test_a_texture_tells_its_thickness(form) -> None:
    texture = SpinTexture.from_layer(np.tile((0.0, 0.6, 0.8), (50, 50, 1)), cell=(7e-9, 4e-9, 4e-9))
    data, keywords, _ = texture_layer(texture, "t")
    form.take_from(Image(data, **keywords))
    assert form.experiment().film.thickness == pytest.approx(7e-9)
    assert form.experiment().film.cell == pytest.approx((4e-9, 4e-9))


@pytest.mark.parametrize(
    ("pixel", "cell"), [(4, 4), (5, 5), (6, 3), (12, 4), (2, 2), (1, 2), (0.5, 2), (0.3, 2.1), (100, 25)]
)
def test_the_cell_is_the_pixel_where_that_makes_sense(pixel, cell) -> None:
    lengths = Coarseness(cell=4e-9, exchange_length=4.2e-9, helix=21e-9)  # coarse above 2.1 nm, refused above 5.25 nm
    assert fitting_cell((pixel * 1e-9, 2 * pixel * 1e-9), lengths)[1] == pytest.approx(
        fitting_cell((2 * pixel * 1e-9, pixel * 1e-9), lengths)[0]
    )
    assert fitting_cell((pixel * 1e-9, pixel * 1e-9), lengths) == pytest.approx((cell * 1e-9, cell * 1e-9))
