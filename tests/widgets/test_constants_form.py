"""The form of constants: from an estimate or typed, with the experiment that holds for them."""

from __future__ import annotations

import pytest

from napari_magtex.errors import BadExperiment, ModelUnavailable
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.picture import Contrast
from napari_magtex.results import Estimate, Provenance, Quantity
from napari_magtex.widgets.constants import ConstantsForm, constants_text


@pytest.fixture
def form(qtbot) -> ConstantsForm:
    form = ConstantsForm()
    qtbot.addWidget(form)
    return form


def an_estimate() -> Estimate:
    return Estimate(
        Provenance("x.png", 0, Contrast.SPIN, None, "", "mine", {}),
        "network",
        Quantity(8.78e-12, 8.5e-12, 9.1e-12, "J/m"),
        Quantity(1.58e-3, 1.5e-3, 1.7e-3, "J/m^2"),
        -1,
        Quantity(4e5, 2e5, 6e5, "A/m"),
        Quantity(70e-9, 68e-9, 72e-9, "m"),
        True,
        ("A", "D", "period"),
    )


def test_it_starts_with_a_shipped_experiment_and_says_that_nothing_is_known(form) -> None:
    assert form.name.startswith("fege-")
    assert form.material().guessed == ("A", "D", "Ms")
    assert form.boxes["A"].value() == pytest.approx(8)
    assert "(0, 0, 180) mT" in form.conditions.text()
    assert "A was not determined: the middle of its range is used." in form.conditions.text()
    assert not form.rows.isRowVisible(form.rows.rowCount() - 1)  # Ku stands in no shipped experiment


def test_an_estimate_fills_it_with_signs_intervals_and_its_experiment(form) -> None:
    experiment = Experiment.from_toml("fege-lorentz")
    form.fill(an_estimate(), experiment)
    assert (form.name, form.experiment) == ("mine", experiment)
    assert [form.boxes[name].value() for name in ("A", "D", "Ms")] == pytest.approx([8.78, -1.58, 400])
    assert form.said["A"].text() == "[8.5 … 9.1]"
    assert form.said["D"].text() == "[-1.7 … -1.5]"
    assert form.said["Ms"].text() == "(200 … 600)"
    assert "Ms was not determined" in form.conditions.text()
    assert constants_text(form.material()) == "A 8.78 pJ/m, D -1.58 mJ/m², Ms 400 kA/m"


def test_what_is_typed_is_known_without_an_interval_and_the_others_stay(form) -> None:
    form.fill(an_estimate(), Experiment.from_toml("fege-spin"))
    form.boxes["Ms"].setValue(384)
    material = form.material()
    assert material.constants["Ms"] == Quantity(384e3, 384e3, 384e3, "A/m")
    assert material.constants["A"] == an_estimate().A
    assert material.assumed == ()
    assert form.said["Ms"].text() == ""
    assert "not determined" not in form.conditions.text()


def test_an_estimates_value_is_kept_to_the_last_digit(form) -> None:
    form.fill(an_estimate(), Experiment.from_toml("fege-spin"))
    assert form.material().constants["A"].value == 8.78e-12


def test_another_experiment_keeps_what_is_known_and_brings_its_own_for_the_rest(form, tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[parameters]\nA_pJ_per_m = 10\nD_mJ_per_m2 = 1.2\nMs_MA_per_m = 0.5\nKu_kJ_per_m3 = 20\n")
    form.boxes["A"].setValue(7)
    form.open(path)
    assert (form.name, form.material().guessed) == ("mine", ())
    assert form.material().values == pytest.approx({"A": 7e-12, "D": 1.2e-3, "Ms": 5e5, "Ku": 2e4})
    Ku, Di = form.rows.rowCount() - 2, form.rows.rowCount() - 1
    assert (form.rows.isRowVisible(Ku), form.rows.isRowVisible(Di)) == (True, False)
    form.experiments.setCurrentText("fege-spin")
    assert form.material().values["A"] == pytest.approx(7e-12)
    assert form.material().guessed == ("D", "Ms")


def test_an_estimators_card_gives_its_experiment_and_other_files_are_refused(
    form, tiny_spin_estimator, tiny_classifier, tmp_path
) -> None:
    form.open(tiny_spin_estimator)
    assert form.name == "tiny-spin"
    assert form.experiment.parameters["Ms"].high == pytest.approx(5e5)
    with pytest.raises(ModelUnavailable, match="an estimator is needed"):
        form.open(tiny_classifier)
    (tmp_path / "bad.toml").write_text("[film]\nshape = 3")
    with pytest.raises(BadExperiment):
        form.open(tmp_path / "bad.toml")
    assert form.name == "tiny-spin"


def test_an_experiment_of_the_pictures_contrast_is_chosen(form) -> None:
    for contrast in (Contrast.SPIN, Contrast.LORENTZ):
        form.suit(contrast)
        assert form.experiment.picture.contrast is contrast
    mine = Experiment.from_toml("fege-lorentz").at(100)
    form.fill(an_estimate(), mine)
    form.suit(Contrast.LORENTZ)
    assert form.experiment is mine  # it suits
    assert "100 K" in form.conditions.text()
    form.suit(Contrast.KERR)
    assert form.experiment is mine  # there is none
