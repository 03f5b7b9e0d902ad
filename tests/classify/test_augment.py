import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_magtex.classify.augment import activity, mirrored, piece, spun, turned, varied
from napari_magtex.physics.lattice import SpinLattice
from napari_magtex.states.definitions import State
from napari_magtex.states.library import Simulation


def _energy(m: NDArray[np.float32], D: float = 0.5) -> float:
    spins = torch.from_numpy(np.ascontiguousarray(m.transpose(2, 0, 1)))[None]
    return float(SpinLattice(1.0, D, 0.1, dmi="interfacial").energy(spins)[0])


@pytest.fixture
def spins() -> NDArray[np.float32]:
    m = np.random.default_rng(0).standard_normal((24, 24, 3))
    return (m / np.linalg.norm(m, axis=-1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turning_space_and_spins_together_keeps_the_energy(spins: NDArray[np.float32], quarters: int) -> None:
    assert _energy(turned(spins, quarters)) == pytest.approx(_energy(spins), rel=1e-4)


def test_turning_space_alone_would_not(spins: NDArray[np.float32]) -> None:
    assert _energy(np.rot90(spins)) != pytest.approx(_energy(spins), rel=1e-3)


def test_a_mirror_keeps_the_energy(spins: NDArray[np.float32]) -> None:
    assert _energy(mirrored(spins)) == pytest.approx(_energy(spins), rel=1e-4)


def test_turning_the_spins_alone_by_half_a_circle_turns_the_dmi_over(spins: NDArray[np.float32]) -> None:
    assert _energy(spun(spins, np.pi), D=-0.5) == pytest.approx(_energy(spins), rel=1e-4)
    assert _energy(spun(spins, np.pi)) != pytest.approx(_energy(spins), rel=1e-3)


def test_variations_are_unit_vectors_of_another_look(simulations: list[Simulation]) -> None:
    simulation = next(s for s in simulations if s.state is State.FM_STRIPES)
    first, second = (varied(simulation, np.random.default_rng(seed)) for seed in (0, 1))
    assert np.allclose(np.linalg.norm(first, axis=-1), 1, atol=1e-5)
    assert not np.allclose(first, second, atol=0.1)


def test_a_checkerboard_is_not_active_and_a_skyrmion_in_it_is(simulations: list[Simulation]) -> None:
    of = {s.state: s.texture.m[0] for s in simulations}
    assert activity(of[State.AFM]).max() < 1e-6
    assert activity(of[State.AFM_SKYRMIONS]).max() > 0.2


def test_a_piece_keeps_the_only_skyrmion_in_sight(simulations: list[Simulation]) -> None:
    m = next(s for s in simulations if s.state is State.FM_SKYRMIONS).texture.m[0]
    change = activity(m)
    for seed in range(30):
        inside = piece(m, np.random.default_rng(seed))
        assert change[inside].sum() >= 0.3 * change.sum()
        assert min(m[inside].shape[:2]) >= 24
