import numpy as np
import pytest

from napari_magtex.imaging.devices import LEAST_FILM, devices


@pytest.mark.parametrize("seed", range(12))
def test_devices_take_a_part_of_the_frame_in_few_pieces(seed: int) -> None:
    film = devices((200, 260), np.random.default_rng(seed))
    assert film.shape == (200, 260)
    assert film.dtype == bool
    assert LEAST_FILM < film.mean() < 1
    edges = (film[1:] != film[:-1]).sum() + (film[:, 1:] != film[:, :-1]).sum()
    assert edges < 0.2 * film.size
