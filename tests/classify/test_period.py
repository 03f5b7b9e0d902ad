import numpy as np
import pytest

from napari_magtex.classify.period import texture_period


@pytest.mark.parametrize("shape", [(150, 200), (512, 512), (900, 1400)])
@pytest.mark.parametrize("period", [9.0, 23.0])
def test_the_period_of_a_texture_is_found_under_noise_and_shading(shape: tuple[int, int], period: float) -> None:
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = np.sin(2 * np.pi * (0.8 * x + 0.6 * y) / period)
    pixels = waves + np.random.default_rng(0).normal(size=shape) + 5 * y / shape[0]
    found = texture_period(pixels.astype(np.float32))
    assert found == pytest.approx(period, rel=0.05)
    assert texture_period(np.repeat(pixels[..., None], 3, axis=2)) == pytest.approx(found)


def test_noise_alone_has_no_period() -> None:
    assert texture_period(np.random.default_rng(0).normal(size=(300, 300))) is None
