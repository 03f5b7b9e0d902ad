"""A person's corrections are kept exactly, and nothing that goes wrong loses one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_magtex.classify.corrections import COLUMNS, Correction, Corrections
from napari_magtex.errors import MagtexError, UnreadableFile, Unsuitable
from napari_magtex.io.corrections import TABLE
from napari_magtex.picture import Contrast, Picture, Region
from napari_magtex.results import Provenance, Verdict
from napari_magtex.states.definitions import State


def _picture(seed: int = 0, contrast: Contrast = Contrast.LORENTZ, *, colour: bool = False) -> Picture:
    rng = np.random.default_rng(seed)
    pixels = (rng.random((24, 32, 3)) if colour else rng.normal(size=(24, 32))).astype(np.float32)
    return Picture(pixels, contrast, (2e-9, 2e-9), name=f'frames, "{seed}".dm4', frame=seed)


def _verdict(picture: Picture, state: State = State.FM_STRIPES) -> Verdict:
    assert picture.contrast is not None
    shares = dict.fromkeys(map(str, State), 0.0) | {str(state): 1.0}
    provenance = Provenance.of(picture, contrast=picture.contrast, model="tiny 7")
    return Verdict(provenance, "state", str(state), shares, (str(state),), (), True, 0.9)


def _keep(corrections: Corrections, picture: Picture, state: State | None = State.FM_SKYRMIONS) -> Correction:
    return corrections.keep(picture, _verdict(picture), state)


@pytest.fixture
def corrections(tmp_path: Path) -> Corrections:
    return Corrections(tmp_path / "not yet there")


@pytest.mark.parametrize("colour", [False, True])
def test_the_pixels_come_back_as_the_network_saw_them(corrections: Corrections, colour: bool) -> None:
    picture = _picture(3, Contrast.SPIN, colour=colour).crop(Region(2, 1, 30, 22))
    _keep(corrections, picture, State.AFM)
    (kept,) = corrections.read()
    assert (kept.file, kept.frame, kept.roi) == (picture.name, 3, (2, 1, 30, 22))
    assert (kept.state, kept.said, kept.model) == (State.AFM, State.FM_STRIPES, "tiny 7")
    again = corrections.picture(kept)
    np.testing.assert_array_equal(again.pixels, picture.pixels)
    assert again.contrast is Contrast.SPIN
    assert again.pixel_size == pytest.approx((2e-9, 2e-9))


def test_the_mask_comes_back_and_tells_corrections_apart(corrections: Corrections) -> None:
    top, left = np.zeros((2, 24, 32), bool)
    top[:5], left[:, :5] = True, True
    pixels = _picture().pixels
    pixels = np.where(top | left, np.median(pixels[~top & ~left]), pixels)  # as both are filled
    pictures = [Picture(pixels, Contrast.KERR, name="a.tif", mask=mask) for mask in (top, left, None)]
    assert all((picture.pixels == pixels).all() for picture in pictures)
    kept = [_keep(corrections, picture) for picture in pictures]
    assert corrections.read() == kept
    for correction, picture in zip(kept, pictures, strict=True):
        np.testing.assert_array_equal(corrections.picture(correction).inside, picture.inside)
    corrections.remove(kept[:1])
    assert len(list(corrections.folder.glob("*_mask.tif"))) == 1


def test_a_file_name_that_is_no_utf8_does_not_lock_the_folder(corrections: Corrections) -> None:
    kept = _keep(corrections, replace(_picture(), name="caf\udce9.tif"))
    assert corrections.read() == [kept]
    second = _keep(corrections, _picture(1))
    assert corrections.read() == [kept, second]


def test_a_uniform_colour_can_be_kept_too(corrections: Corrections) -> None:
    uniform = Picture(np.ones((20, 20, 3)), Contrast.SPIN, name="up.png")
    assert corrections.picture(_keep(corrections, uniform, State.FM)).is_constant


def test_the_last_word_on_a_picture_counts(corrections: Corrections) -> None:
    _keep(corrections, _picture(0), State.FM)
    _keep(corrections, _picture(1), State.FM)
    _keep(corrections, _picture(0), None)
    assert [(c.frame, c.state) for c in corrections.read()] == [(1, State.FM), (0, None)]
    assert len(list(corrections.folder.glob("*.tif"))) == 2


def test_what_is_removed_is_gone_with_its_picture(corrections: Corrections) -> None:
    first, second = _keep(corrections, _picture(0)), _keep(corrections, _picture(1))
    corrections.remove([first])
    assert corrections.read() == [second]
    assert [path.stem for path in corrections.folder.glob("*.tif")] == [second.sha256]


def test_a_state_that_the_contrast_hides_is_refused(corrections: Corrections) -> None:
    with pytest.raises(Unsuitable, match="AFM stripes cannot be seen in lorentz pictures"):
        _keep(corrections, _picture(), State.AFM_STRIPES)
    assert not corrections.folder.exists()


def test_a_verdict_of_other_pixels_is_refused(corrections: Corrections) -> None:
    with pytest.raises(Unsuitable, match="changed since it was classified"):
        corrections.keep(_picture(1), _verdict(_picture(0)), State.FM)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("fm_skyrmions", "skyrmion lattice", "line 3 is damaged.*'skyrmion lattice'"),
        (",lorentz,", ",", "line 3 is damaged.*too few"),
        (".tif", "", "is no name of a picture"),
        ("picture,state", "picture,label", "lacks the columns state"),
    ],
)
def test_a_damaged_table_is_told_and_stays_as_it_is(corrections: Corrections, old: str, new: str, says: str) -> None:
    _keep(corrections, _picture(0), State.FM)
    _keep(corrections, _picture(1))
    table = corrections.folder / TABLE
    head, first, second = table.read_text().splitlines()
    lines = [head.replace(old, new), first, second.replace(old, new)]
    table.write_text("\n".join(lines))
    for action in (corrections.read, lambda: _keep(corrections, _picture(2)), lambda: corrections.remove([])):
        with pytest.raises(UnreadableFile, match=says):
            action()
    assert table.read_text() == "\n".join(lines)
    assert len(list(corrections.folder.glob("*.tif"))) == 2


def test_a_row_cannot_name_a_file_elsewhere(corrections: Corrections) -> None:
    kept = _keep(corrections, _picture())
    table = corrections.folder / TABLE
    table.write_text(table.read_text().replace(kept.sha256, "../../precious"))
    with pytest.raises(UnreadableFile, match="no name of a picture"):
        corrections.remove(corrections.read())


def test_a_missing_or_exchanged_picture_is_told_with_its_name(corrections: Corrections) -> None:
    first, second = _keep(corrections, _picture(0)), _keep(corrections, _picture(1))
    path = corrections.folder / f"{first.sha256}.tif"
    (corrections.folder / f"{second.sha256}.tif").replace(path)
    with pytest.raises(UnreadableFile, match=r"frame 0 .* not those that were corrected.*remove"):
        corrections.picture(first)
    with pytest.raises(UnreadableFile, match=r"frame 1 .* no such file.*remove"):
        corrections.picture(second)
    corrections.remove([second])  # the way out that the message names
    assert corrections.read() == [first]


def test_a_table_that_a_spreadsheet_saved_is_read(corrections: Corrections) -> None:
    kept = _keep(corrections, _picture())
    table = corrections.folder / TABLE
    table.write_text("\ufeff" + table.read_text(), encoding="utf-8", newline="\r\n")
    assert corrections.read() == [kept]
    assert table.read_text(encoding="utf-8-sig").splitlines()[0] == ",".join(COLUMNS)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MagtexError, match=r"cannot be written.*another folder"):
        _keep(Corrections(tmp_path / "file" / "below"), _picture())
