"""OVF files as their format allows them, made here because nobody's program could be found to write them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_magtex.errors import MagtexError, UnreadableFile, Unsuitable
from napari_magtex.io.ovf import open_ovf, read_ovf, write_ovf
from napari_magtex.texture import BadTexture, Lattice, SpinTexture

ROWS = np.arange(1, 13, dtype=float).reshape(4, 3)  # a 2 x 2 mesh, three components


def header(*lines: str, magic: str = "OOMMF OVF 2.0", count: int = 1) -> str:
    """A header of a 2 x 2 mesh of 5 nm cells; ``lines`` come last and win."""
    mesh = ["meshtype: rectangular", "meshunit: nm", "xnodes: 2", "ynodes: 2", "znodes: 1"]
    steps = ["xstepsize: 5", "ystepsize: 5", "zstepsize: 2", "valuedim: 3", "valueunits: A/m A/m A/m"]
    body = "\n".join(f"# {line}" for line in [*mesh, *steps, *lines])
    return f"# {magic}\n# Segment count: {count}\n" + f"# Begin: Segment\n# Begin: Header\n{body}\n# End: Header\n"


def text_block(rows: np.ndarray = ROWS) -> str:
    numbers = "\n".join(" ".join(map(repr, map(float, row))) for row in rows)
    return f"# Begin: Data Text\n{numbers}\n# End: Data Text\n# End: Segment\n"


def binary_block(order: str, size: int, rows: np.ndarray = ROWS) -> bytes:
    check = {4: 1234567.0, 8: 123456789012345.0}[size]
    data = np.concatenate([[check], rows.ravel()]).astype(f"{order}f{size}").tobytes()
    return f"# Begin: Data Binary {size}\n".encode() + data + f"\n# End: Data Binary {size}\n# End: Segment\n".encode()


@pytest.fixture
def file(tmp_path: Path):
    def write(content: str | bytes, name: str = "a.ovf") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_rows_are_turned_so_that_row_0_is_the_top(file) -> None:
    (segment,) = read_ovf(file(header() + text_block()))
    np.testing.assert_array_equal(segment.values[0, 1], ROWS[:2])
    np.testing.assert_array_equal(segment.values[0, 0], ROWS[2:])
    assert segment.cell == pytest.approx((2e-9, 5e-9, 5e-9))


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", ["OOMMF OVF 2.0", "OOMMF: rectangular mesh v1.0", "OOMMF: rectangular mesh v0.99"])
def test_the_check_value_tells_the_byte_order_in_every_version(file, magic: str, order: str, size: int) -> None:
    (segment,) = read_ovf(file(header(magic=magic).encode() + binary_block(order, size)))
    np.testing.assert_array_equal(segment.values[0, ::-1].reshape(-1, 3), ROWS)


def test_several_segments_come_in_order(file) -> None:
    segment = header(count=2).split("\n", 2)
    text = "\n".join(segment[:2]) + "\n" + (segment[2] + text_block()) + (segment[2] + text_block(ROWS + 100))
    first, second = read_ovf(file(text))
    np.testing.assert_array_equal(second.values, first.values + 100)
    assert [first.meta["segment"], second.meta["segment"]] == [1, 2]


def many(block: bytes, count: int, *lines: str) -> bytes:
    """A file of ``count`` segments, all with the same data."""
    magic, said, segment = header(*lines, count=count).encode().split(b"\n", 2)
    return b"\n".join((magic, said, b"")) + count * (segment + block)


@pytest.mark.parametrize("block", [text_block(ROWS).encode(), binary_block("<", 4), binary_block(">", 8)])
def test_segments_can_be_asked_for_in_any_order_whatever_their_numbers_look_like(file, block: bytes) -> None:
    segments = open_ovf(file(many(block, 5)))
    assert len(segments) == 5
    assert [segments[i].meta["segment"] for i in (3, 0, -1)] == [4, 1, 5]
    assert [segment.meta["segment"] for segment in segments[1:3]] == [2, 3]
    np.testing.assert_array_equal(segments[3].values, segments[0].values)
    with pytest.raises(IndexError):
        segments[5]


def test_numbers_that_look_like_a_segment_are_no_segment(file) -> None:
    disguised = np.frombuffer(b"\n# Begin: Segment\n".ljust(48), dtype="<f4").reshape(4, 3)
    (segment,) = open_ovf(file(header().encode() + binary_block("<", 4, disguised)))
    np.testing.assert_array_equal(segment.values[0, ::-1].reshape(-1, 3), disguised)


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_a_file_of_many_segments_takes_the_memory_of_one(file, kind: str) -> None:
    rows = np.ones((64 * 64, 3))
    block = text_block(rows).encode() if kind == "text" else binary_block("<", 4, rows)
    few, lots = (file(many(block, n, "xnodes: 64", "ynodes: 64"), f"{n}.ovf") for n in (2, 40))

    def peak(path: Path) -> int:
        tracemalloc.start()
        try:
            assert sum(segment.values.shape == (1, 64, 64, 3) for segment in open_ovf(path)) in (2, 40)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(few)  # what is imported or cached at first is not counted
    assert peak(lots) < 1.1 * peak(few)
    assert peak(lots) < 40 * rows.nbytes / 2  # what the numbers of all of them take as float32


def test_what_is_wrong_with_one_segment_is_told_when_it_is_asked_for(file) -> None:
    good = header(count=2).split("\n", 2)
    text = "\n".join(good[:2]) + "\n" + (good[2] + text_block()) + (good[2] + text_block().replace("5.0", "five"))
    segments = open_ovf(file(text))
    assert segments[0].values.shape == (1, 2, 2, 3)
    with pytest.raises(UnreadableFile, match="'five' stands among the numbers of segment 2"):
        segments[1]


@pytest.mark.parametrize("lost", [37, 60])
def test_a_file_cut_in_its_last_segment_is_refused_when_it_is_opened(file, lost: int) -> None:
    whole = many(binary_block("<", 4), 3)
    with pytest.raises(UnreadableFile, match="cut short"):
        open_ovf(file(whole[: len(whole) - lost]))


def test_a_missing_segment_is_an_error(file) -> None:
    with pytest.raises(UnreadableFile, match="promises 3 segments and holds 1"):
        read_ovf(file(header(count=3) + text_block()))


def test_comments_case_order_and_line_ends_do_not_matter(file) -> None:
    text = (header("XNodes : 2 ## columns", "## remark: here", "Value Multiplier: 10") + text_block()).replace(
        "\n", "\r\n"
    )
    text = (
        text.replace("4.0", "## 999 999\r\n4.0")
        .replace("7.0", "7.0 ## seven\r\n")
        .replace("Begin: Header", "BEGIN:HEADER")
    )
    (segment,) = read_ovf(file(text))
    np.testing.assert_array_equal(segment.values[0, ::-1].reshape(-1, 3), 10 * ROWS)


def test_binary_data_may_follow_a_windows_line_end(file) -> None:
    block = binary_block("<", 4).replace(b"Data Binary 4\n", b"Data Binary 4\r\n", 1)
    (segment,) = read_ovf(file(header().replace("\n", "\r\n").encode() + block))
    np.testing.assert_array_equal(segment.values[0, 1], ROWS[:2])


def test_an_irregular_mesh_of_version_2_goes_onto_its_grid_and_holes_have_no_material(file) -> None:
    places = np.array([[0, 0, 0], [5, 0, 0], [5, 5, 0]], dtype=float)
    text = header("meshtype: irregular", "pointcount: 3") + text_block(np.hstack([places, ROWS[:3]]))
    (segment,) = read_ovf(file(text))
    np.testing.assert_array_equal(segment.values[0], [[[0, 0, 0], ROWS[2]], [ROWS[0], ROWS[1]]])
    assert segment.texture().material.sum() == 3


def test_points_on_no_grid_are_no_texture(file) -> None:
    places = np.random.default_rng(0).uniform(0, 50, (4, 3))
    (segment,) = read_ovf(file(header("meshtype: irregular", "pointcount: 4") + text_block(np.hstack([places, ROWS]))))
    np.testing.assert_allclose(segment.points, places)
    with pytest.raises(Unsuitable, match="4 points of this OVF lie on no regular grid"):
        segment.texture()


def test_far_points_do_not_make_a_grid_that_fills_the_memory(file) -> None:
    places = np.array([[0, 0, 0], [5, 0, 0], [0, 5e6, 0], [0, 0, 2e6]], dtype=float)
    (segment,) = read_ovf(file(header("meshtype: irregular", "pointcount: 4") + text_block(np.hstack([places, ROWS]))))
    assert segment.points is not None


@pytest.mark.parametrize("kind", ["Binary 4", "Binary 8", "Text"])
def test_a_lying_header_is_refused_before_memory_is_taken(file, kind: str) -> None:
    block = {"Text": text_block().encode(), "Binary 4": binary_block("<", 4), "Binary 8": binary_block("<", 8)}[kind]
    lie = header("xnodes: 1000000", "ynodes: 1000000", "znodes: 1000000").encode()
    with pytest.raises(UnreadableFile, match=r"OVF ends after|only \d+ bytes follow"):
        read_ovf(file(lie + block))


def test_a_truncated_file_says_how_much_is_there(file) -> None:
    whole = header().encode() + binary_block("<", 4)
    cut = whole[: whole.index(b"# End: Data") - 1 - 20]
    with pytest.raises(UnreadableFile, match=r"ends after 28 of 48 bytes of data \(segment 1, binary 4\)"):
        read_ovf(file(cut))


def test_a_longer_block_than_the_header_says_is_an_error(file) -> None:
    with pytest.raises(UnreadableFile, match="data go on after the 24 bytes"):
        read_ovf(file(header("ynodes: 1").encode() + binary_block("<", 4)))


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("PK\x03\x04zip", "no OVF file: it begins with 'PK"),
        ("# OOMMF OVF 3.0\n", "version 3.0"),
        ("# OOMMF OVF 2.0\n", "promises 1 segments and holds 0"),
        (header("xnodes: 0") + text_block(), "'0' for xnodes: it must be a whole number above 0"),
        (header("xnodes: many") + text_block(), "'many' for xnodes"),
        (header("meshtype: curved") + text_block(), "mesh of type 'curved'"),
        (header().replace("# End: Header\n", "") + text_block(), "no line '# End: Header'"),
        (header() + text_block().replace("5.0", "five"), "'five' stands among the numbers"),
        ("", "empty"),
    ],
)
def test_what_is_wrong_is_said(file, content: str, match: str) -> None:
    with pytest.raises(UnreadableFile, match=match):
        read_ovf(file(content))


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no such file"):
        read_ovf(tmp_path / "none.ovf")
    with pytest.raises(UnreadableFile, match="folder"):
        read_ovf(tmp_path)


def test_nan_is_read_and_refused_as_a_texture(file) -> None:
    rows = ROWS.copy()
    rows[1, 2] = np.nan
    (segment,) = read_ovf(file(header() + text_block(rows)))
    assert np.isnan(segment.values).sum() == 1
    with pytest.raises(BadTexture, match="1 of 4 spins are not finite"):
        segment.texture()


def test_scalars_and_tensors_are_read_but_are_no_texture(file) -> None:
    (scalar,) = read_ovf(file(header("valuedim: 1") + text_block(ROWS[:, :1])))
    assert scalar.values.shape == (1, 2, 2, 1)
    with pytest.raises(Unsuitable, match="1 numbers a cell"):
        scalar.texture()


@pytest.mark.parametrize(
    ("lines", "scale", "saturation"),
    [
        ((), 4e5, 4e5),
        (("valuemultiplier: 4e5",), 1, 4e5),
        ((), 1, None),  # directions, whatever the unit says
        (("valueunits: T T T",), 4e5, None),
        (("Title: Oxs_Demag::Field",), 4e5, None),  # A/m, but no magnetisation
        (("Title: run.field0001.omf",), 4e5, 4e5),
    ],
)
def test_the_saturation_is_the_length_of_a_magnetisation(file, lines: tuple, scale: float, saturation: float) -> None:
    rows = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, -1.0]]) * scale
    (segment,) = read_ovf(file(header(*lines) + text_block(rows)))
    assert segment.texture().saturation == (None if saturation is None else pytest.approx(saturation))


def test_only_a_lattice_of_sites_makes_it_triangular(file) -> None:
    def lattice(*lines: str, **options: Lattice) -> Lattice:
        return read_ovf(file(header(*lines) + text_block()), **options)[0].lattice

    assert lattice() is Lattice.SQUARE
    assert lattice("Desc: a triangular lattice, 2 x 2") is Lattice.TRIANGULAR
    assert lattice("Desc: triangular lattice of skyrmions") is Lattice.SQUARE
    assert lattice(lattice=Lattice.TRIANGULAR) is Lattice.TRIANGULAR


def test_one_layer_without_thickness_keeps_its_pixel_size(file) -> None:
    (segment,) = read_ovf(file(header("zstepsize: 0") + text_block()))
    assert segment.cell == pytest.approx((5e-9,) * 3)
    assert segment.meta["thickness_known"] is False


def test_steps_of_zero_and_an_unknown_unit_are_an_unknown_cell(file) -> None:
    for lines in (("xstepsize: 0",), ("meshunit: unknown",)):
        (segment,) = read_ovf(file(header(*lines) + text_block()))
        assert segment.cell is None


directions = arrays(np.float32, st.tuples(*[st.integers(1, 4)] * 3, st.just(3)), elements=st.floats(-1, 1, width=32))
sizes = st.floats(1e-11, 1e-6)


@settings(max_examples=60, deadline=None)
@given(
    m=directions.filter(lambda m: np.linalg.norm(m.astype(float), axis=-1).max() > 1e-3),
    cell=st.none() | st.tuples(sizes, sizes, sizes),
    saturation=st.none() | st.floats(1e3, 1e7),
    representation=st.sampled_from(["binary4", "binary8", "text"]),
    version=st.sampled_from(["2.0", "1.0"]),
    lattice=st.sampled_from(Lattice),
)
def test_what_is_written_is_read_again(tmp_path_factory, m, cell, saturation, representation, version, lattice) -> None:
    path = tmp_path_factory.mktemp("ovf") / "a.ovf"
    texture = SpinTexture(m, cell, saturation, lattice)
    write_ovf(path, texture, representation=representation, version=version)
    (segment,) = read_ovf(path)
    read = segment.texture()
    np.testing.assert_allclose(read.m, texture.m, atol=3e-7)
    assert read.cell == (None if cell is None else pytest.approx(cell, rel=1e-12))
    assert read.saturation == (None if saturation is None else pytest.approx(saturation, rel=1e-6))
    assert read.lattice is lattice


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.ovf"
    texture = SpinTexture.from_layer(np.full((2, 2, 3), 1.0))
    write_ovf(path, texture)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(MagtexError, match="No space left"):
        write_ovf(path, SpinTexture.from_layer(np.full((5, 5, 3), 1.0)))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_made_and_one_that_cannot_be_is_named(tmp_path: Path) -> None:
    texture = SpinTexture.from_layer(np.full((2, 2, 3), 1.0))
    write_ovf(tmp_path / "new" / "a.ovf", texture)
    assert (tmp_path / "new" / "a.ovf").is_file()
    (tmp_path / "taken").write_text("")
    with pytest.raises(MagtexError, match=r"taken/a\.ovf cannot be written"):
        write_ovf(tmp_path / "taken" / "a.ovf", texture)


def test_a_block_without_numbers_holds_none(file) -> None:
    block = "# Begin: Data Text\n\n   \n# End: Data Text\n# End: Segment\n" + "#\n" * 30
    with pytest.raises(UnreadableFile, match="holds 0 of 12 numbers"):
        read_ovf(file(header() + block))


def test_numbers_are_read_as_c_and_fortran_write_them(file) -> None:
    block = text_block().replace("1.0 ", "1e-008 ", 1).replace("12.0", "-INF")
    (segment,) = read_ovf(file(header() + block))
    assert segment.values[0, 1, 0, 0] == np.float32(1e-8)
    assert segment.values[0, 0, 1, 2] == -np.inf
