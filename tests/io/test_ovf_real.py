"""Every OVF file that other people's programs wrote: what it must give, or why it must be refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_magtex.errors import UnreadableFile
from napari_magtex.io.ovf import read_ovf

NM = 1e-9
FM = 3.90625 * NM
# file: ((nz, ny, nx, valuedim), cell (dz, dy, dx), first value in the file, saturation)
READABLE = {
    "discretisedfield/demag_field_plane.omf": ((1, 200, 200, 3), (1, 1, 1), (0, 0, -0.5827682), None),
    "discretisedfield/demag_tensor_oommf.omf": ((3, 10, 20, 6), (1, 1, 1), (1 / 3, 1 / 3, 1 / 3, 0, 0, 0), None),
    "discretisedfield/mumax-bin4-linux.ovf": ((1, 32, 128, 3), (3 * NM, FM, FM), (0.99503714, 0.09950372, 0), None),
    "discretisedfield/mumax-bin4-windows.ovf": ((1, 32, 128, 3), (3 * NM, FM, FM), (0.99503714, 0.09950372, 0), None),
    "discretisedfield/mumax-txt-linux.ovf": ((4, 12, 24, 3), (2.5 * NM,) * 3, (0.9950372, 0.09950372, 0), None),
    "discretisedfield/oommf-ovf1-bin4.omf": (
        (32, 32, 32, 3),
        (3.125 * NM,) * 3,
        (-212694.86, -966110.06, 782905.94),
        1261566.26,
    ),
    "discretisedfield/oommf-ovf2-bin4.omf": ((5, 5, 5, 3), (NM,) * 3, (7826205, 1172713.1, 1172713.1), 8e6),
    "discretisedfield/oommf-ovf2-bin8.oef": ((1, 1, 1, 1), (NM,) * 3, (-888576.56,), None),
    "discretisedfield/oommf-ovf2-bin8.ohf": ((1, 1, 1, 3), (NM,) * 3, (0, 0, 1e6), None),
    "discretisedfield/oommf-ovf2-bin8.omf": ((5, 5, 5, 3), (NM,) * 3, (7826205, 1172713.1, 1172713.1), 8e6),
    "discretisedfield/oommf-ovf2-txt.omf": ((5, 5, 5, 3), (NM,) * 3, (7826205, 1172713.1, 1172713.1), 8e6),
    "discretisedfield/ovf2-bin8_different-case.ovf": (
        (6, 25, 25, 3),
        (0.5 * NM, 4 * NM, 4 * NM),
        (4150.3003, -608246.6, -442289.34),
        None,
    ),
    "discretisedfield/skyrmion.omf": ((1, 20, 20, 3), (5 * NM,) * 3, (-298.25354, -298.25354, -1.0999999e6), 1.1e6),
    "fidimag_tests/test_with_oommf_spatial_Ms_Demag.ohf": (
        (2, 10, 12, 3),
        (NM, NM, 0.5 * NM),
        (-2189.4285, -749.7528, 2955.8906),
        None,
    ),
    "ianchung_bad/not_ovf2.ovf": ((2, 2, 2, 3), (NM,) * 3, (1, 1, 1), None),
    "ianchung_tiny/binary4.ovf": ((2, 2, 2, 3), (NM,) * 3, (1, 1, 1), None),
    "ianchung_tiny/binary8.ovf": ((2, 2, 2, 3), (NM,) * 3, (1, 1, 1), None),
    "ianchung_tiny/text.ovf": ((2, 2, 2, 3), (NM,) * 3, (1, 1, 1), None),
    "mumax1/mask2.omf": ((1, 16, 16, 3), (3 * NM, FM, FM), (0, 0, 0), 8e5 * np.sqrt(3)),
    "mumax1/s-state.omf": ((1, 32, 128, 3), (3 * NM, FM, FM), (614728.88, 511965.22, 46.831718), 8e5),
    "mumax3/binary4.ovf": ((1, 25, 100, 3), (20 * NM,) * 3, (-564936.19, -566433.69, -1.0688906e-4), 8e5),
    "mumax3/binary8.ovf": ((1, 25, 100, 3), (20 * NM,) * 3, (-568188.1, -562955.44, 15601.734), 8e5),
    "mumax3/initgeomfromovf_teapot.ovf": ((20, 25, 40, 1), (5 * NM,) * 3, (0,), None),
    "mumax3/movf2.ovf": ((1, 68, 64, 3), None, (0, 0, 0), None),
    "mumax3/oommf_ovf1_binary4.omf": ((1, 10, 25, 3), (20 * NM,) * 3, (-790126.7, -86785.36, 90378.04), 8e5),
    "mumax3/oommf_ovf1_binary8.omf": ((1, 25, 100, 3), (20 * NM,) * 3, (-568188.1, -562955.44, 15601.734), 8e5),
    "mumax3/oommf_ovf1_text.omf": ((1, 10, 25, 3), (20 * NM,) * 3, (-790126.7, -86785.36, 90378.04), 8e5),
    "mumax3/randommag4x4x1.ovf": ((1, 4, 4, 3), (1, 1, 1), (0.80964106, -0.29036206, -0.51006985), None),
    "mumax3/regions.ovf": ((2, 128, 256, 1), (5 * NM,) * 3, (2,), None),
    "mumax3/scalarovf2.ovf": ((1, 64, 64, 1), None, (0,), None),
    "mumax3c/hysteresis-Oxs_MinDriver-Magnetization-13-0000818.omf": ((20, 20, 20, 3), (5 * NM,) * 3, (0, 0, 0), 1e6),
    "oommf/Stable_AP.omf": ((8, 40, 60, 3), (NM,) * 3, (0, 0, 0), 1.3e6),
    "oommf/book.omf": ((3, 2, 1, 3), None, (0, 1000, 2000), 14792.3514),
    "oommf/colorbar.ovf": ((1, 101, 1, 3), None, (-1, 0, 0), None),
    "oommf/ellipsoid-wrap.omf": ((4, 8, 24, 3), (10 * NM,) * 3, (0, 0, 0), 8e5),
    "oommf/fileseq0.obf": ((1, 125, 125, 3), None, (-0.074866347, -0.073982470, -2.6231234e-17), None),
    "oommf/luigi-start.omf": ((3, 67, 55, 3), (10 * NM,) * 3, (0, 436078.44, 0), 563660.125),
    "oommf/pillar-start.omf": ((48, 8, 8, 3), (2.5 * NM,) * 3, (0.9997501, 0.019995, 0.0099975), None),
    "oommf/plate-uniform.obf": ((1, 7, 70, 3), (10 * NM,) * 3, (0.3273669, -0.4903196, 0), None),
    "oommf/plate.omf": ((1, 2, 3, 3), None, (0, 1000, 2000), 14792.3514),
    "oommf/sliding_field0.ovf": ((1, 1, 4, 3), None, (0, 1, 0), None),
    "oommf/small.omf": ((1, 3, 5, 3), None, (-890759.11, -454187.81, 16176.81), 1e6),
    "oommf/spinxfer-50nm_circlefield.ohf": (
        (1, 20, 36, 3),
        (3 * NM, 3.6 * NM, 3.6 * NM),
        (1059662.1, -1950700.9, 0),
        None,
    ),
    "oommf/spiral-y.omf": ((1, 13, 1, 3), None, (1, 0, 0), None),
    "oommf/spiral.omf": ((13, 1, 1, 3), None, (1, 0, 0), None),
    "oommf/stdprob3v-irreg.omf": ((15, 15, 15, 3), (3 * NM,) * 3, (0.7618384, -0.6277906, 0.15962863), None),
    "oommf/stdprob3v-reg.omf": ((15, 15, 15, 3), (3 * NM,) * 3, (0.7618384, -0.6277906, 0.15962863), None),
    "oommf/stdprob4-cs2.50x2.50x3.00-start.omf": (
        (1, 50, 200, 3),
        (3 * NM, 2.5 * NM, 2.5 * NM),
        (0.76380247, 0.64545006, -2.9139766e-13),
        None,
    ),
    "oommf/stdproba.omf": ((1, 100, 50, 3), None, (0, 0, 0), None),
    "oommf/test_initial_m.omf": ((5, 10, 25, 3), (4 * NM,) * 3, (836167.56, 168619.44, 109504.87), 8.6e5),
    "oommf/tiny.omf": ((1, 1, 1, 3), None, (-890.75911, -454.18781, 16.17681), 1000),
    "oommf/ts96bry1.svf": ((1, 1, 2878, 3), None, (0.304521, 0.951996, -0.031161), None),
    "oommfpy/test_irreg_b4.omf": ((1, 3, 3, 3), (NM,) * 3, (0, 0, 8), None),
    "oommfpy/test_irreg_b8.omf": ((1, 3, 3, 3), (NM,) * 3, (0, 0, 8), None),
    "oommfpy/test_irreg_txt.omf": ((1, 3, 3, 3), (NM,) * 3, (0, 0, 8), None),
    "oommfpy/test_rect_b4.omf": ((1, 3, 3, 3), (NM,) * 3, (0, 0, 8), None),
    "oommfpy/test_rect_b8.omf": ((1, 3, 3, 3), (NM,) * 3, (0, 0, 8), None),
    "oommfpy/test_rect_txt.omf": ((1, 3, 3, 3), (NM,) * 3, (0, 0, 8), None),
    "oommfpy/test_top_charge.omf": ((1, 2, 3, 3), (NM,) * 3, (0, 0, -1), None),
    "pylorentz/example_mumax.ovf": ((1, 500, 500, 3), (5 * NM,) * 3, (0, 0, 0), None),
    "rossknapman_mumax3/FrozenSpins.ovf": ((1, 256, 1024, 1), (NM, 0.9638285547938826 * NM, NM), (1,), None),
    "spirit/AFM_skyrmion.ovf": ((1, 100, 100, 3), (0.1 * NM,) * 3, (-0.00679742, 8.028457e-05, 0.9999769), None),
    "spirit/FM_skyrmion.ovf": ((1, 100, 100, 3), (0.1 * NM,) * 3, (3.0915224e-05, -7.3372452e-05, 1), None),
    "spirit/spirit220_helix.ovf": ((1, 100, 100, 3), (0.1 * NM,) * 3, (-0.7740846, 0, 0.63308215), None),
}
REFUSED = {
    "bad_binary4_flag.ovf": "check value before the data is 37efbfbd where 1234567 should stand",
    "bad_binary8_flag.ovf": "where 123456789012345 should stand",
    "invalid_output_format.ovf": "of the kind 'decimal'",
    "no_data_marker.ovf": "no line '# Begin: Data ...'",
    "no_header_marker.ovf": "no line '# Begin: Header'",
    "not_rectangular.ovf": "no pointcount",  # it says irregular, and lists no points
    "unclosed_datablock.ovf": "without '# End: Data Text'",
    "valuedim_not_3.ovf": r"24 of 8 numbers .* nodes or valuedim in the header are wrong",
    "wrong_data_number.ovf": "25 of 24 numbers",
}


@pytest.mark.parametrize("name", READABLE)
def test_a_real_file_gives_what_its_program_wrote(real_data: Path, name: str) -> None:
    shape, cell, first, saturation = READABLE[name]
    (segment,) = read_ovf(real_data / "ovf" / name)
    assert segment.values.shape == shape
    assert segment.cell == (None if cell is None else pytest.approx(cell))
    # the first value in the file is of the bottom row, which is our last
    np.testing.assert_allclose(segment.values[0, -1, 0], first, rtol=1e-6, atol=1e-7 * max(map(abs, first)))
    assert segment.saturation == (None if saturation is None else pytest.approx(saturation, rel=1e-6))


@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_file_is_refused_for_what_is_wrong_in_it(real_data: Path, name: str) -> None:
    with pytest.raises(UnreadableFile, match=REFUSED[name]):
        read_ovf(real_data / "ovf" / "ianchung_bad" / name)


def test_no_real_file_is_forgotten(real_data: Path) -> None:
    folder = real_data / "ovf"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == set(READABLE) | {f"ianchung_bad/{name}" for name in REFUSED}


def test_points_on_a_grid_give_the_same_field_as_the_grid(real_data: Path) -> None:
    (grid,) = read_ovf(real_data / "ovf" / "oommf" / "stdprob3v-reg.omf")
    (points,) = read_ovf(real_data / "ovf" / "oommf" / "stdprob3v-irreg.omf")
    np.testing.assert_array_equal(points.values, grid.values)
    assert points.points is None


def test_scattered_points_stay_a_list(real_data: Path) -> None:
    (segment,) = read_ovf(real_data / "ovf" / "oommf" / "ts96bry1.svf")
    assert segment.points is not None
    np.testing.assert_allclose(segment.points[0], (0.015293, 1.983765, -0.005))
