"""Our energies, fields and relaxed states against numbers of Spirit and magnum.np, stored by benchmarks/oracles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.constants import mu_0
from scipy.stats import ks_2samp
from torch import Tensor

from napari_magtex.physics.film import Film
from napari_magtex.physics.lattice import SpinLattice
from napari_magtex.physics.model import SpinModel
from napari_magtex.physics.relax import relax
from napari_magtex.physics.starts import helix_start, paint_skyrmion, random_start, uniform_start
from napari_magtex.physics.structure import frequencies, structure_factor
from napari_magtex.physics.topology import topological_charge
from napari_magtex.texture import Lattice

FOLDER = Path(__file__).parent / "oracles"
SPIRIT = json.loads((FOLDER / "spirit.json").read_text())
MAGNUMNP = json.loads((FOLDER / "magnumnp.json").read_text())
LOCAL, DEMAG, SPIRITS_TOTAL, RELAXED = 1e-10, 1e-9, 1e-7, 1e-5
MU_0 = mu_0 / MAGNUMNP["mu_0"]  # magnum.np's is 1e-10 off


def cases(oracle: dict[str, Any], part: str = "cases") -> Any:
    return pytest.mark.parametrize("case", oracle[part], ids=lambda case: case["name"])


def lattice_of(model: dict[str, Any], dtype: torch.dtype = torch.float64) -> SpinLattice:
    return SpinLattice(**{"D": 0.0} | model | {"J": torch.tensor([model["J"]], dtype=torch.float64)}, dtype=dtype)


def film_of(shape: list[int], case: dict[str, Any], dtype: torch.dtype = torch.float64) -> Film:
    return Film(tuple(shape), tuple(case["cell"]), **case["constants"], dtype=dtype)


def spins(values: Any, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).to(dtype)[None]


def compare(model: SpinModel, m: Tensor, expected: dict[str, float], tolerance: float, of_demag: float) -> None:
    """Compare energies by term, relative to the sum of the terms' absolute values."""
    found = {name: energy.item() for name, energy in model.energies(m).items()}
    scale = sum(abs(energy) for energy in expected.values())
    assert set(found) >= set(expected)
    for name, energy in found.items():
        allowed = of_demag if name == "demag" else tolerance
        assert energy == pytest.approx(expected.get(name, 0.0), rel=0, abs=allowed * scale), name


@cases(SPIRIT)
def test_lattice_energies_are_spirits(case: dict[str, Any]) -> None:
    model, m = lattice_of(case["model"]), spins(SPIRIT["spins"])
    compare(model, m, case["energies"], LOCAL, LOCAL)
    scale = sum(abs(energy) for energy in case["energies"].values())
    assert model.energy(m).item() == pytest.approx(case["total"], rel=0, abs=SPIRITS_TOTAL * scale)


@cases(SPIRIT)
def test_lattice_torques_are_spirits(case: dict[str, Any]) -> None:
    m, expected = spins(SPIRIT["spins"]), spins(case["torque_field"])
    field = lattice_of(case["model"]).field(m)
    across = field - (field * m).sum(dim=1, keepdim=True) * m
    torch.testing.assert_close(across, expected, rtol=0, atol=LOCAL * expected.abs().max().item())


@cases(MAGNUMNP)
def test_film_energies_are_magnumnps(case: dict[str, Any]) -> None:
    m = spins(MAGNUMNP["textures"][case["texture"]])
    compare(film_of(m.shape[2:], case), m, with_our_mu_0(case["energies"]), LOCAL, DEMAG)


@pytest.mark.parametrize("case", [c for c in MAGNUMNP["cases"] if "fields" in c], ids=lambda case: case["name"])
def test_film_fields_are_magnumnps(case: dict[str, Any]) -> None:
    m = spins(MAGNUMNP["textures"][case["texture"]])
    fields = film_of(m.shape[2:], case).fields(m)
    for name, expected in case["fields"].items():
        scale = max(abs(value) for value in np.ravel(expected))
        found, wanted = fields[name], spins(expected)
        if name == "exchange":  # ours is the neighbours' alone; the rest is along m
            found, wanted = torch.linalg.cross(m, found, dim=1), torch.linalg.cross(m, wanted, dim=1)
        if name == "demag":
            wanted = wanted * MU_0
        allowed = (DEMAG if name == "demag" else LOCAL) * scale
        torch.testing.assert_close(found, wanted, rtol=0, atol=allowed, msg=lambda text, name=name: f"{name}: {text}")


def test_a_uniform_film_has_magnumnps_demagnetising_energy() -> None:
    case = MAGNUMNP["uniform"]
    film = Film(tuple(case["shape"]), tuple(case["cell"]), 0.0, 0.0, case["Ms"], periodic=False, dtype=torch.float64)
    m = spins(case["direction"])[:, :, None, None].expand(1, 3, *case["shape"])
    energy = film.energies(m / m.norm(dim=1, keepdim=True))["demag"].item()
    assert energy == pytest.approx(case["demag"] * MU_0, rel=DEMAG, abs=0)


def test_a_periodic_film_has_the_demagnetising_energy_that_magnumnps_images_go_to() -> None:
    case, m = MAGNUMNP["periodic"], spins(MAGNUMNP["periodic"]["m"])
    film = Film(tuple(m.shape[2:]), tuple(case["cell"]), 0.0, 0.0, case["Ms"], periodic=True, dtype=torch.float64)
    few, more = case["demag"]  # twice the images: an eighth of the error
    expected = (more + (more - few) / 7) * MU_0
    assert film.energies(m)["demag"].item() == pytest.approx(expected, rel=1e-6, abs=0)


@cases(SPIRIT)
def test_single_precision_keeps_six_digits_of_a_lattice(case: dict[str, Any]) -> None:
    compare(
        lattice_of(case["model"], torch.float32), spins(SPIRIT["spins"], torch.float32), case["energies"], 1e-6, 1e-6
    )


@cases(MAGNUMNP)
def test_single_precision_keeps_six_digits_of_a_film(case: dict[str, Any]) -> None:
    m = spins(MAGNUMNP["textures"][case["texture"]], torch.float32)
    compare(film_of(m.shape[2:], case, torch.float32), m, case["energies"], 1e-6, 1e-6)


@cases(SPIRIT, "relaxed")
def test_a_lattice_relaxes_to_spirits_energy(case: dict[str, Any]) -> None:
    assert_relaxes_to(lattice_of(case["model"]), started(**case["start"]), case["energies"])


@cases(MAGNUMNP, "relaxed")
def test_a_film_relaxes_to_magnumnps_energy(case: dict[str, Any]) -> None:
    assert_relaxes_to(film_of(case["start"]["shape"], case), started(**case["start"]), with_our_mu_0(case["energies"]))


def test_random_starts_relax_into_the_textures_that_spirit_finds() -> None:
    """The odds of each basin depend a little on the minimiser, so the distributions are compared, and loosely."""
    expected = SPIRIT["ensemble"]
    count, sites = 24, expected["shape"][0] * expected["shape"][1]
    constants = {name: torch.tensor(expected["model"][name], dtype=torch.float64) for name in ("J", "D", "K", "B")}
    model = SpinLattice(**constants, batch=count)
    start = random_start(count, tuple(expected["shape"]), torch.Generator().manual_seed(1))
    relaxed = relax(model, start)
    assert relaxed.converged.all()
    found = {
        "energy": model.energy(relaxed.m) / sites,
        "charge_density": topological_charge(relaxed.m) / sites,
        "period": mean_period(relaxed.m),
    }
    for name, values in found.items():
        assert ks_2samp(values.numpy(), expected[name]).pvalue > 1e-4, name


def with_our_mu_0(energies: dict[str, float]) -> dict[str, float]:
    return energies | {"demag": energies["demag"] * MU_0} if "demag" in energies else energies


def started(shape: list[int], helix: dict[str, Any] | None = None, skyrmion: dict[str, Any] | None = None) -> Tensor:
    if helix is not None:
        return helix_start(tuple(shape), **helix).double()
    m = uniform_start(1, tuple(shape), (0.0, 0.0, 1.0))
    paint_skyrmion(m[0], **skyrmion, lattice=Lattice.SQUARE)
    return m.double()


def assert_relaxes_to(model: SpinModel, start: Tensor, energies: dict[str, float]) -> None:
    relaxed = relax(model, start, tolerance=1e-7, max_steps=20_000)
    assert relaxed.converged.all()
    scale = sum(abs(energy) for energy in energies.values())
    assert model.energy(relaxed.m).item() == pytest.approx(sum(energies.values()), rel=0, abs=RELAXED * scale)
    # the energies of the terms are far more sensitive: they tell that it is the same basin
    compare(model, relaxed.m, energies, RELAXED, RELAXED)


def mean_period(m: Tensor) -> Tensor:
    """Reciprocal of the mean |k| of m_z, weighted with its power, as the oracle's script has it."""
    power = structure_factor(m[:, 2:] - m[:, 2:].mean(dim=(2, 3), keepdim=True))[:, 0]
    return power.sum(dim=(1, 2)) / (power * frequencies(m.shape[2:])).sum(dim=(1, 2))
