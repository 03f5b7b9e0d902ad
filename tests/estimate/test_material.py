import json

import pytest

from napari_magtex.errors import BadExperiment, UnreadableFile
from napari_magtex.estimate.material import Material, read_estimate
from napari_magtex.results import Quantity


def row(**more):
    """One answer of magtex estimate, as its JSON holds it."""
    quantities = {
        "A": Quantity(8e-12, 7.5e-12, 8.5e-12, "J/m"),
        "D": Quantity(1.6e-3, 1.5e-3, 1.7e-3, "J/m^2"),
        "Ms": Quantity(4e5, 2e5, 6e5, "A/m"),
    }
    record = {name: q.__dict__ for name, q in quantities.items()}
    told = {"file": "a.png", "frame": 0, "roi": None, "method": "network", "applicable": True}
    return {**told, **record, "determined": ["A", "D", "period"], "D_sign": 1, **more}


@pytest.fixture
def saved(tmp_path):
    """Return the path of a JSON file of rows."""

    def write(*rows):
        path = tmp_path / "estimate.json"
        path.write_text(json.dumps(rows))
        return path

    return write


def test_what_was_not_determined_is_guessed_and_said():
    material = Material.of_record(row())
    assert material.values == {"A": 8e-12, "D": 1.6e-3, "Ms": 4e5}
    assert material.guessed == ("Ms",)
    assert material.assumed == ("Ms was not determined: the middle of its range is used",)


def test_a_constant_that_the_experiment_fixed_is_no_guess():
    fixed = Quantity(4e5, 4e5, 4e5, "A/m").__dict__
    assert Material.of_record(row(Ms=fixed)).assumed == ()


@pytest.mark.parametrize(("sign", "D", "assumed"), [(1, 1.6e-3, 0), (-1, -1.6e-3, 0), (0, 1.6e-3, 1)])
def test_the_sign_of_d_comes_from_the_estimate_or_is_said_to_be_taken(sign, D, assumed):
    material = Material.of_record(row(D_sign=sign))
    assert material.constants["D"].value == D
    assert material.constants["D"].low < D < material.constants["D"].high
    assert len([s for s in material.assumed if "sign of D" in s]) == assumed
    assert material.unsigned().constants["D"] == Quantity(1.6e-3, 1.5e-3, 1.7e-3, "J/m^2")


def test_an_interval_of_d_over_0_keeps_its_larger_end_without_the_sign():
    material = Material({"D": Quantity(0.1e-3, -0.3e-3, 0.5e-3, "J/m^2")}).unsigned()
    assert material.constants["D"] == Quantity(0.1e-3, 0.0, 0.5e-3, "J/m^2")


def test_corners_are_the_centre_and_all_ends_of_the_intervals():
    corners = Material.of_record(row()).corners()
    sets = list(zip(*corners.values(), strict=True))
    assert sets[0] == (8e-12, 1.6e-3, 4e5)
    assert len(sets) == len(set(sets)) == 9
    assert {A for A, _, _ in sets[1:]} == {7.5e-12, 8.5e-12}
    exact = Material({"A": Quantity(8e-12, 8e-12, 8e-12, "J/m"), "Ms": Quantity(4e5, 3e5, 5e5, "A/m")})
    assert exact.corners() == {"A": [8e-12] * 3, "Ms": [4e5, 3e5, 5e5]}


def test_what_is_told_later_takes_the_place_of_a_guess(experiment_with):
    own = Material.of_experiment(experiment_with())
    assert own.guessed == ("A", "D")
    assert own.values["A"] == pytest.approx(8e-12)
    typed = Material({"D": Quantity(1e-3, 1e-3, 1e-3, "J/m^2")})
    assert own.told(typed).guessed == ("A",)
    assert Material.of_record(row(D_sign=0)).told(typed).guessed == ("Ms",)


def test_an_experiment_takes_the_numbers_or_the_ends(experiment_with):
    material = Material.of_record(row())
    exact = material.put_into(experiment_with())
    assert not exact.estimated
    assert exact.parameters["Ms"].values == (4e5,)
    assert material.span_over(experiment_with()).parameters["Ms"].values == (2e5, 4e5, 6e5)


def test_constants_that_the_cells_are_too_coarse_for_are_refused(experiment_with):
    stiff = Material.of_record(row(D=Quantity(9e-3, 8e-3, 1e-2, "J/m^2").__dict__))
    with pytest.raises(BadExperiment, match=r"cells of 4 nm are coarse for the ranges.* 4 pi A/D to 11\.2 nm"):
        stiff.put_into(experiment_with())


def test_of_a_textures_two_answers_the_exact_one_is_read(saved):
    exact = row(method="torque_balance", A=Quantity(9e-12, 9e-12, 9e-12, "J/m").__dict__)
    assert read_estimate(saved(row(), exact)).values["A"] == 9e-12
    assert read_estimate(saved(row(), exact | {"applicable": False})).values["A"] == 8e-12


def test_files_that_hold_no_single_estimate_are_refused(saved, tmp_path):
    with pytest.raises(BadExperiment, match="estimates of 2 pictures or regions"):
        read_estimate(saved(row(), row(roi=[0, 0, 50, 50])))
    with pytest.raises(BadExperiment, match="lacks 'D_sign'"):
        read_estimate(saved({name: value for name, value in row().items() if name != "D_sign"}))
    with pytest.raises(UnreadableFile, match="no estimates are in it"):
        read_estimate(saved())
    with pytest.raises(UnreadableFile, match="no estimate can be read there"):
        read_estimate(tmp_path / "nowhere.json")
    (tmp_path / "text.json").write_text("A = 8")
    with pytest.raises(UnreadableFile, match="this is no JSON"):
        read_estimate(tmp_path / "text.json")
