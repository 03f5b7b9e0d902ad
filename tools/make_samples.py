"""Make the samples behind napari's File > Open Sample: ``python tools/make_samples.py``.

Every one is simulated here, with seeds that no training set uses; what it truly is stands beside it as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from napari_magtex.colours import ColourMap
from napari_magtex.imaging.arrows import ArrowStyle, draw_arrows
from napari_magtex.imaging.lorentz import lorentz_frame
from napari_magtex.imaging.optics import Optics
from napari_magtex.io.ovf import write_ovf
from napari_magtex.io.spin_png import write_spin_picture
from napari_magtex.physics.film import Film
from napari_magtex.physics.relax import relax
from napari_magtex.physics.starts import random_start
from napari_magtex.results import write_text
from napari_magtex.states.checks import identify
from napari_magtex.states.definitions import State
from napari_magtex.states.library import simulate_recipe
from napari_magtex.texture import SpinTexture

FOLDER = Path(__file__).parents[1] / "sample_data"
# A chiral magnet of FeGe's kind, its helix a little wider. Constants and dose were chosen among seven sets for a frame
# that the first networks read right: an example of what they do, no measure of how often they do it.
A, D, MS = 11e-12, 1.6e-3, 0.32e6
FIELD = (0.0, 0.0, 0.18)
CELL = 4e-9
SEED = 3  # the first whose quench the check calls skyrmions, not a mixture with stripes
OPTICS = Optics(defocus=500e-6, voltage=200e3)
DOSE = 1600  # electrons a pixel
PAPER_STYLE = ArrowStyle(colour_map=ColourMap.BLUE_RED, pixels_per_site=10)  # red up, blue down


def chiral_skyrmions() -> SpinTexture:
    """Relax a chiral film from a random start in 180 mT."""
    film = Film((160, 160), (CELL,) * 3, A, D, MS, field_T=FIELD)
    start = random_start(1, film.shape, torch.Generator().manual_seed(SEED))
    relaxed = relax(film, start, tolerance=3e-5, max_steps=20_000)
    m = relaxed.m[0].permute(1, 2, 0).contiguous().numpy()
    if not bool(relaxed.converged) or identify(m) is not State.FM_SKYRMIONS:
        raise SystemExit("the film did not relax to skyrmions")
    return SpinTexture.from_layer(m, cell=(CELL,) * 3, saturation=MS)


def main() -> None:
    """Write every sample."""
    FOLDER.mkdir(exist_ok=True)
    film = chiral_skyrmions()
    write_ovf(FOLDER / "chiral_skyrmions.ovf", film)
    frame = lorentz_frame(film, OPTICS, dose=DOSE, seed=SEED)
    write_spin_picture(FOLDER / "chiral_skyrmions_lorentz.tif", frame)
    truth = {
        "state": State.FM_SKYRMIONS,
        "A": A,
        "D": D,
        "Ms": MS,
        "units": {"A": "J/m", "D": "J/m^2", "Ms": "A/m", "field": "T"},
        "field": FIELD,
        "temperature_K": 0,
        "seed": SEED,
        "made_by": "tools/make_samples.py",
    }
    write_text(FOLDER / "chiral_skyrmions_lorentz.json", json.dumps(truth, indent=2) + "\n")
    stripes = simulate_recipe("afm-labyrinth", seed=SEED)
    write_spin_picture(FOLDER / "afm_stripes.spin.png", draw_arrows(stripes, PAPER_STYLE))


if __name__ == "__main__":
    main()
