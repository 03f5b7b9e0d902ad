import os
import sys
import threading
from pathlib import Path

import pytest

from napari_magtex.files import replacing, with_ending, write_text


def test_what_fails_half_way_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail_half_way() -> None:
        with replacing(path) as beside:
            beside.write_text("half")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("typed", "saved"), [
    ("film", "film.csv"), ("film.csv", "film.csv"), ("film.JSON", "film.JSON"), ("film_0.2T", "film_0.2T.csv"),
    ("net_0.5", "net_0.5.csv"), ("at 0.5 T/film", "at 0.5 T/film.csv"),
])  # fmt: skip
def test_what_stands_after_a_dot_is_no_ending_unless_it_is_known(typed: str, saved: str) -> None:
    assert with_ending(typed, "csv", "json") == Path(saved)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_of_a_link_the_file_that_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes there")
def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    pipe, heard = tmp_path / "pipe", []
    os.mkfifo(pipe)
    listener = threading.Thread(target=lambda: heard.append(pipe.read_text()))
    listener.start()
    write_text(pipe, "told\n")
    listener.join(timeout=10)
    assert heard == ["told\n"]
    assert pipe.is_fifo()


def test_lines_end_as_they_were_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "linesep", "\r\n")
    write_text(tmp_path / "a.csv", "x,y\n1,2\n")
    assert (tmp_path / "a.csv").read_bytes() == b"x,y\n1,2\n"


def test_a_name_that_is_no_utf_8_is_kept_byte_for_byte(tmp_path: Path) -> None:
    write_text(tmp_path / "a.csv", b"caf\xe9.png".decode("utf-8", "surrogateescape"))
    assert (tmp_path / "a.csv").read_bytes() == b"caf\xe9.png"
