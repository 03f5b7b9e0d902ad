"""Draw the picture of docs/clean.md: ``python tools/draw_clean.py``.

The sample Lorentz frame as a camera might have written it (shaded, hit by X-rays, with a beam stop's shadow and a
footer), what is proposed to be left out, and what cleaning makes of it. It prints how far the texture is off inside.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from napari_magtex.imaging.cleaning import Cleaning, clean
from napari_magtex.inputs import open_inputs
from napari_magtex.picture import Contrast

ROOT = Path(__file__).parents[1]
FOOTER, HITS = 24, 60


def spoilt(sample: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a frame as a camera might have written it."""
    rng = np.random.default_rng(1)
    ny, nx = sample.shape
    y, x = np.mgrid[:ny, :nx]
    raw = sample * (1.3 - 0.6 * x / nx - 0.3 * (y / ny) ** 2)
    raw[np.hypot(y - 0.32 * ny, x - nx) < 0.2 * nx] *= 0.03
    raw[rng.integers(0, ny, HITS), rng.integers(0, nx, HITS)] += 3 * sample.mean()
    full = float(raw.max())
    raw[-FOOTER:] = 0
    raw[-16:-10, 12 : nx // 4] = full
    raw[-14:-6, nx // 2 : nx - 12 : 9] = full
    return raw.astype(np.float32)


def main() -> None:
    """Spoil the sample, clean it, and draw both."""
    sample = open_inputs(ROOT / "sample_data" / "chiral_skyrmions_lorentz.tif")[0].picture.pixels
    raw = spoilt(sample)
    settings = replace(Cleaning.suited_to(Contrast.LORENTZ), gradient_order=2)
    cleaned = clean(raw, settings)
    inside = ~cleaned.mask
    truth, found = (plane[inside] / plane[inside].mean() for plane in (sample, cleaned.frame))
    share = 100 * cleaned.mask.mean()
    print(f"{share:.1f} % masked; {'; '.join(cleaned.remarks)}; the contrast is off by ", end="")
    print(f"{100 * np.std(found - truth) / np.std(truth):.1f} % of its standard deviation")

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    low, high = np.quantile(truth, (0.002, 0.998))
    shown = {
        "as recorded": (raw / sample.mean(), 0, 1.4 * high),
        "cleaned; red is masked": (cleaned.frame / cleaned.frame[inside].mean(), low, high),
        "the sample": (sample / sample[inside].mean(), low, high),
    }
    for axes, (caption, (plane, darkest, brightest)) in zip(figure.subplots(1, 3), shown.items(), strict=True):
        axes.imshow(plane, cmap="gray", vmin=darkest, vmax=brightest)
        axes.set_title(caption, fontsize=10)
        axes.set_axis_off()
    red = np.zeros((*sample.shape, 4))
    red[cleaned.mask] = 0.9, 0.2, 0.2, 0.5
    figure.axes[1].imshow(red)
    figure.savefig(ROOT / "docs" / "clean.png", dpi=64)


if __name__ == "__main__":
    main()
