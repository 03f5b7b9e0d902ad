"""Results: one record, from it the table, the CSV and the JSON, as the command line fixes them."""

import json

import numpy as np
import pandas as pd
import pytest

from napari_magtex import __version__
from napari_magtex.files import write_text
from napari_magtex.picture import Contrast, Picture, Region
from napari_magtex.results import Estimate, Provenance, Quantity, Verdict, table, write_csv, write_json
from napari_magtex.states.definitions import State

VERDICT_KEYS = (
    "file frame contrast roi verdict state probability probabilities set hidden applicable applicability model version"
)
STATE_KEYS = (
    "afm afm_in_plane_skyrmions afm_skyrmions afm_stripes fm fm_in_plane_skyrmions fm_skyrmions fm_stripes neel_120"
)
ESTIMATE_KEYS = "file frame contrast roi method A D D_sign Ms period applicable determined estimator version"


def verdict(**changes):
    picture = Picture(np.eye(20), name="a/b.png", frame=3).crop(Region(1, 2, 18, 19))
    shares = dict.fromkeys(State, 0.05) | {State.FM_STRIPES: 0.6}
    content = {
        "provenance": Provenance.of(picture, contrast=Contrast.KERR, model="nine-states", device="cpu"),
        "verdict": "state",
        "state": State.FM_STRIPES,
        "probabilities": shares,
        "set": (State.FM_STRIPES, State.FM),
        "hidden": (),
        "applicable": True,
        "applicability": 0.8,
    }
    return Verdict(**(content | changes))


def estimate(**changes):
    content = {
        "provenance": Provenance.of(Picture(np.eye(20), name="c.ovf"), contrast=Contrast.SPIN, model="fege-spin"),
        "method": "network",
        "A": Quantity(8e-12, 7e-12, 9e-12, "J/m"),
        "D": Quantity(1.5e-3, 1e-3, 2e-3, "J/m^2"),
        "D_sign": 1,
        "Ms": Quantity(3.8e5, 3e5, 4e5, "A/m"),
        "period": Quantity(7e-8, 6e-8, 8e-8, "m"),
        "applicable": True,
        "determined": ("A", "period"),
    }
    return Estimate(**(content | changes))


def test_a_verdict_has_the_keys_that_the_command_line_promises():
    record = verdict().record()
    assert " ".join(record) == VERDICT_KEYS
    assert record["file"] == "a/b.png"
    assert record["frame"] == 3
    assert record["contrast"] == "kerr"
    assert record["roi"] == [1, 2, 18, 19]
    assert record["probability"] == 0.6
    assert " ".join(record["probabilities"]) == STATE_KEYS
    assert sum(record["probabilities"].values()) == pytest.approx(1)
    assert (record["model"], record["version"]) == ("nine-states", __version__)


def test_an_estimate_has_the_keys_that_the_command_line_promises():
    record = estimate().record()
    assert " ".join(record) == ESTIMATE_KEYS
    assert record["A"] == {"value": 8e-12, "low": 7e-12, "high": 9e-12, "unit": "J/m"}
    assert record["roi"] is None
    assert estimate(method="torque_balance", residual=1e-5).record()["residual"] == 1e-5


def test_heat_stays_out_of_the_record_and_anisotropy_enters_where_it_was_estimated():
    T, Ku = Quantity(265, 250, 280, "K"), Quantity(12e3, 10e3, 14e3, "J/m^3")
    assert "T" not in estimate(T=T).record()
    assert "Ku" not in estimate().record()
    both = estimate(T=T, Ku=Ku, determined=("A", "Ku"))
    assert both.record()["Ku"] == {"value": 12e3, "low": 10e3, "high": 14e3, "unit": "J/m^3"}
    assert both.asides == ("T 265 K (250 to 280)", "Ku 12 kJ/m³ (10 to 14)")
    assert estimate(Ku=Ku, determined=("A",)).asides == ()


def test_the_interfacial_share_of_the_dmi_is_told_where_both_parts_are_determined():
    Di = Quantity(-0.5e-3, -0.6e-3, -0.4e-3, "J/m^2")
    both = estimate(Di=Di, D=Quantity(1.5e-3, 1.4e-3, 1.6e-3, "J/m^2"), determined=("D", "Di"))
    share = both.interfacial_share
    assert share.value == pytest.approx(0.25)
    assert (share.low, share.high) == pytest.approx((0.2, 0.3))
    assert both.record()["Di"]["value"] == -0.5e-3
    assert "its share 0.25 of the DMI (0.2 to 0.3)" in both.asides
    assert estimate(Di=Di, determined=("D",)).interfacial_share is None


def test_the_interval_of_a_quantity_holds_its_ends():
    interval = Quantity(2.0, 1.0, 3.0, "m")
    assert 1.0 in interval
    assert 3.0 in interval
    assert 3.1 not in interval


def test_provenance_tells_the_hash_of_the_pixels_analysed():
    whole = Picture(np.eye(20))
    part = whole.crop(Region(0, 0, 18, 18))
    of = Provenance.of(part, contrast=Contrast.MFM, model="m", device="cpu")
    assert of.sha256 == part.sha256 != whole.sha256
    assert of.settings == {"device": "cpu"}


def test_csv_columns_are_the_json_keys_joined(tmp_path):
    rows = [verdict(), verdict(verdict="out_of_range", applicable=False)]
    write_csv(rows, tmp_path / "out" / "v.csv")
    read = pd.read_csv(tmp_path / "out" / "v.csv")
    assert {"file", "probability", "probabilities_fm_stripes", "set", "roi"} <= set(read.columns)
    assert read["set"][0] == "fm_stripes;fm"
    assert read["roi"][0] == "1;2;18;19"
    assert read["verdict"].tolist() == ["state", "out_of_range"]

    columns = table([estimate()]).columns
    assert {"A_value", "A_low", "A_high", "A_unit", "D_value", "D_sign", "Ms_unit", "period_value"} <= set(columns)


def test_json_is_what_was_answered(tmp_path):
    rows = [verdict(), estimate()]
    write_json(rows, tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text()) == [row.record() for row in rows]


def test_json_never_holds_a_nan_and_leaves_the_old_file_whole(tmp_path):
    target = tmp_path / "r.json"
    write_json([verdict()], target)
    before = target.read_text()
    with pytest.raises(ValueError, match="JSON"):
        write_json([verdict(applicability=float("nan"))], target)
    assert target.read_text() == before


def test_a_text_file_leaves_nothing_beside_it(tmp_path):
    write_text(tmp_path / "a.txt", "Néel")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "Néel"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
