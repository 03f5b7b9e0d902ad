"""The checks that a texture is the state that it is taken for."""

import numpy as np
import pytest

from napari_magtex.physics.starts import paint_skyrmion, uniform_start
from napari_magtex.picture import Contrast
from napari_magtex.states import State, hidden_states
from napari_magtex.states.checks import compact_cores, identify
from napari_magtex.texture import Lattice

UP = np.array([0, 0, 1], np.float32)


def skyrmion(radius: float = 6, lattice: Lattice = Lattice.SQUARE) -> np.ndarray:
    m = uniform_start(1, (48, 48), (0.0, 0.0, 1.0))
    centre = (20, 30) if lattice is Lattice.SQUARE else (34, 20)
    paint_skyrmion(m[0], centre, radius, 3, helicity=0.0, lattice=lattice)
    return m[0].permute(1, 2, 0).numpy().copy()


def cycloid(period: int = 12) -> np.ndarray:
    phase = 2 * np.pi * np.arange(48) / period
    row = np.stack([np.sin(phase), 0 * phase, np.cos(phase)], axis=-1)
    return np.tile(row, (48, 1, 1)).astype(np.float32)


def up() -> np.ndarray:
    return np.tile(UP, (48, 48, 1))


NINE = (
    (up, State.FM, State.AFM),
    (skyrmion, State.FM_SKYRMIONS, State.AFM_SKYRMIONS),
    (lambda: skyrmion()[..., [2, 0, 1]], State.FM_IN_PLANE_SKYRMIONS, State.AFM_IN_PLANE_SKYRMIONS),
    (cycloid, State.FM_STRIPES, State.AFM_STRIPES),
)


@pytest.mark.parametrize(("texture", "ferromagnet", "antiferromagnet"), NINE)
def test_textures_made_by_hand_are_named(texture, ferromagnet, antiferromagnet):
    n = texture()
    rows, columns = np.indices(n.shape[:2])
    staggered = n * (1 - 2 * ((rows + columns) % 2))[..., None]
    assert (identify(n), identify(staggered.astype(np.float32))) == (ferromagnet, antiferromagnet)


@pytest.mark.parametrize("direction", [0, 60, 120])
@pytest.mark.parametrize(
    ("texture", "state"),
    [
        (up, State.AFM),
        (lambda: skyrmion(8, Lattice.TRIANGULAR), State.AFM_SKYRMIONS),
        (lambda: cycloid(24), State.AFM_STRIPES),
    ],
)
def test_row_wise_antiferromagnets_are_named_along_every_direction_of_their_rows(texture, state, direction):
    rows, columns = np.indices((48, 48))
    parity = {0: rows, 60: columns, 120: rows + columns}[direction] % 2
    assert identify((texture() * (1 - 2 * parity)[..., None]).astype(np.float32), Lattice.TRIANGULAR) is state


def test_rows_of_two_directions_side_by_side_are_no_state():
    rows, columns = np.indices((48, 48))
    parity = np.where(columns < 24, rows, rows + columns) % 2
    assert identify((up() * (1 - 2 * parity)[..., None]).astype(np.float32), Lattice.TRIANGULAR) is None


def test_three_sublattices_are_the_120_degree_state():
    rows, columns = np.indices((24, 24))
    angle = 2 * np.pi / 3 * ((rows + columns) % 3)
    m = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1).astype(np.float32)
    assert identify(m, Lattice.TRIANGULAR) is State.NEEL_120


@pytest.mark.parametrize("sign", [1, -1])
def test_bubbles_among_stripes_are_a_mixture_whichever_of_the_two_is_the_background(sign):
    bubbles = np.concatenate([skyrmion(9), skyrmion(9)], axis=1)
    stripes = np.concatenate([cycloid(), cycloid()], axis=1)
    assert identify(sign * np.concatenate([bubbles, stripes])) is None


@pytest.mark.parametrize("kind", ["noise", "bubble without charge"])
def test_what_is_none_of_the_nine_is_not_named(kind):
    rng = np.random.default_rng(0)
    if kind == "noise":
        m = rng.normal(size=(48, 48, 3))
        m /= np.linalg.norm(m, axis=-1, keepdims=True)
    else:
        m = up()
        m[20:30, 20:30] = -UP
    assert identify(m.astype(np.float32)) is None


@pytest.mark.parametrize("lattice", list(Lattice))
def test_a_round_core_is_round_on_every_lattice(lattice):
    fraction, cores, rounds = compact_cores(skyrmion(6, lattice), UP, lattice)
    density = 1 if lattice is Lattice.SQUARE else 2 / np.sqrt(3)  # sites in a square of lattice constants
    assert (cores, rounds) == (1, 1)
    assert fraction * 48**2 == pytest.approx(np.pi * 6**2 * density, rel=0.05)


def test_only_spin_pictures_show_an_antiferromagnet():
    assert not hidden_states(Contrast.SPIN)
    assert State.AFM_STRIPES in hidden_states(Contrast.LORENTZ)
    assert State.FM_STRIPES not in hidden_states(Contrast.KERR)
