"""Draw docs/lorentz.png: the sample of skyrmions as three frames, the phase found from them, and the induction.

    python tools/draw_lorentz.py

Prints by how much the induction is off: least squares on frames of 2,000 electrons a pixel, 0.4 mm out of focus.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from napari_magtex.compute import drain
from napari_magtex.imaging.lorentz import lorentz_frame
from napari_magtex.imaging.optics import Optics
from napari_magtex.imaging.phase import electron_phase, induction_of
from napari_magtex.imaging.reconstruction import Method, Reconstruction, reconstruct, wheel_legend
from napari_magtex.imaging.through_focus import ThroughFocus
from napari_magtex.io.ovf import open_ovf

FILE = Path(__file__).parents[1] / "docs" / "lorentz.png"
DEFOCI, DOSE = (-400e-6, 0.0, 400e-6), 2000
BORDER = 32  # pixels: two periods


def main() -> None:
    """Simulate, reconstruct, compare, draw."""
    with resources.as_file(resources.files("napari_magtex") / "sample_data" / "chiral_skyrmions.ovf") as path:
        texture = open_ovf(path)[0].texture()
    assert texture.cell is not None
    pixel = texture.cell[1:]
    frames = [lorentz_frame(texture, Optics(df), dose=DOSE, seed=n).pixels for n, df in enumerate(DEFOCI)]
    found = drain(reconstruct(ThroughFocus(frames, DEFOCI, pixel, 200e3), Method.LEAST_SQUARES))
    true = Reconstruction(electron_phase(texture), pixel)
    inside = (slice(None), slice(BORDER, -BORDER), slice(BORDER, -BORDER))
    ours, theirs = induction_of(found.phase, pixel)[inside], true.induction[inside]
    print(f"the induction is off by {np.linalg.norm(ours - theirs) / np.linalg.norm(theirs):.1%}")

    figure, axes = plt.subplots(1, 6, figsize=(13.2, 2.5), layout="constrained")
    for place, frame, df in zip(axes, frames, DEFOCI, strict=False):
        place.imshow(frame, cmap="gray", vmin=0.75, vmax=1.25)
        place.set_title("in focus" if df == 0 else f"{abs(df) * 1e3:g} mm {'under' if df > 0 else 'over'}focus")
    axes[3].imshow(found.phase, cmap="gray")
    axes[3].set_title("phase")
    axes[4].imshow(found.wheel().pixels)
    axes[4].set_title("induction")
    axes[5].imshow(true.wheel().pixels)
    axes[5].set_title("of the texture itself")
    wheel = axes[4].inset_axes((0.74, 0.0, 0.26, 0.26))
    wheel.imshow(wheel_legend())
    for place in (*axes, wheel):
        place.axis("off")
    figure.savefig(FILE, dpi=75)


if __name__ == "__main__":
    main()
