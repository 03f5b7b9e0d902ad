"""How a frame was taken, in one set of names and in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_magtex.io.acquisition import acquisition_of, in_words
from napari_magtex.io.frames import read_frames


def signal(original: dict, mapping: dict | None = None, metadata: dict | None = None) -> dict:
    return {"original_metadata": original, "mapping": mapping or {}, "metadata": metadata or {}}


@pytest.mark.parametrize("angle", [0.0, -12.5])
def test_the_tilt_of_the_stage_is_read_also_where_it_lies_flat(angle) -> None:
    mapping = {"Stage.Alpha": ("Acquisition_instrument.TEM.Stage.tilt_alpha", None)}
    assert acquisition_of(signal({"Stage": {"Alpha": angle}}, mapping))["tilt_alpha_deg"] == angle
    assert acquisition_of(signal({"ObjectInfo": {"Stage B_deg": angle}}))["tilt_beta_deg"] == angle
    inside = {"Acquisition_instrument": {"TEM": {"Stage": {"tilt_beta": angle}}}}
    assert acquisition_of(signal({}, metadata=inside))["tilt_beta_deg"] == angle


@pytest.mark.parametrize("angle", ["", "flat", float("nan"), None])
def test_a_tilt_that_is_no_number_is_not_told(angle) -> None:
    mapping = {"Stage.Alpha": ("Acquisition_instrument.TEM.Stage.tilt_alpha", None)}
    assert "tilt_alpha_deg" not in acquisition_of(signal({"Stage": {"Alpha": angle}}, mapping))


@pytest.mark.parametrize(
    ("name", "alpha", "beta"),
    [
        ("reader_tests_ncempy/velox_1449_37kx.emd", 3.0, 5.917),
        ("reader_tests_rosettasciio/emd__fei_example_tem_stack.emd", -12.586, -2.007),
        ("reader_tests_rosettasciio/digitalmicrograph__2D__test_STEM_image.dm3", 24.9505, None),
        ("reader_tests_rosettasciio/tia__new__128x128-TEM_search.emi", 0.0, 0.0),
    ],
)
def test_a_real_file_tells_the_tilt_that_its_stage_had(real_data: Path, name, alpha, beta) -> None:
    (frames,) = read_frames(real_data / "other" / name)
    assert frames.meta["tilt_alpha_deg"] == pytest.approx(alpha, abs=1e-3)
    assert frames.meta.get("tilt_beta_deg") == pytest.approx(beta, abs=1e-3)


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        (
            {
                "voltage_kV": 300.0,
                "magnification": 12000.0,
                "exposure_s": 0.5,
                "tilt_alpha_deg": 20.0,
                "tilt_beta_deg": 0.0,
                "defocus_vendor_um": -8000.0,
            },
            "300 kV, 12,000x, 0.5 s, tilt 20°, defocus -8 mm (vendor's sign)",
        ),
        ({"voltage_kV": 200, "defocus_um": 500.0, "defocus_vendor_um": -500.0}, "200 kV, defocus 500 um"),
        ({"defocus_um": [-400.0, 0.0, 1200.0]}, "defocus -400 um to 1.2 mm in 3 frames"),
        ({"defocus_um": 0}, "defocus 0"),
        ({"defocus_um": 0.05, "tilt_deg": 15.0}, "tilt 15°, defocus 50 nm"),
        ({"voltage_kV": None, "exposure_s": -1, "defocus_um": [None]}, ""),
    ],
)
def test_an_acquisition_is_said_in_a_line(meta, said) -> None:
    assert in_words(meta) == said
