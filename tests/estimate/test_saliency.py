from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, uniform_filter
from torch import nn
from torch.nn import functional

from napari_magtex.colours import spin_to_rgb
from napari_magtex.compute import Progress, drain
from napari_magtex.errors import BadRegion, Unsuitable
from napari_magtex.estimate import saliency as module
from napari_magtex.estimate.channels import channels
from napari_magtex.estimate.estimator import Estimator
from napari_magtex.estimate.network import NETWORKS, STRIDE, WINDOW, Together, Windows, build
from napari_magtex.estimate.saliency import saliency
from napari_magtex.picture import Contrast, Picture, Region

SHAPE = (72, 112)  # 6 x 11 windows


@pytest.fixture
def estimator_of(tiny):
    """Return an estimator of A and D with another network."""
    whole = Estimator.load(tiny / "tiny-spin.safetensors", device="cpu")
    return lambda network: replace(whole, network=network.eval())


def untrained(name="windows-cnn", seed=0):
    torch.manual_seed(seed)
    network = build(name, channels=3, parameters=2)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight *= 1.5  # else all windows say much the same
    return network


def labyrinth(shape=SHAPE, period=12.0):
    """Turning spins m (3, ny, nx) without a direction."""
    rng = np.random.default_rng(0)
    k = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1]))
    ring = np.exp(-((k * period - 1) ** 2) / 0.02)
    m = np.stack([np.fft.ifft2(np.fft.fft2(rng.normal(size=shape)) * ring).real for _ in range(3)])
    return (m / np.linalg.norm(m, axis=0)).astype(np.float32)


def picture_of(m, zoom=1, pixel=4e-9):
    rgb = spin_to_rgb(np.moveaxis(m, 0, -1)).repeat(zoom, axis=0).repeat(zoom, axis=1)
    return Picture(rgb, Contrast.SPIN, (pixel, pixel))


class MeanMz(nn.Module):
    """For A the mean m_z of the windows in the left half, for D that of those in the right."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, x):
        mean = self.weight * functional.avg_pool2d(x[:, 2:], WINDOW, STRIDE)
        left = torch.arange(mean.shape[3]) < mean.shape[3] // 2
        halves = torch.cat([mean * left, mean * ~left], dim=1)
        return Windows(halves, torch.zeros_like(halves), halves)

    def together(self, windows, inside):
        value = (windows.features * inside[:, None]).sum(dim=(2, 3))
        return Together(value, torch.diag_embed(torch.ones_like(value)))


def test_a_network_that_reads_mz_in_one_half_looks_there(estimator_of):
    picture = picture_of(labyrinth())
    estimator = estimator_of(MeanMz())
    found = drain(saliency(picture, estimator))
    assert found.names == ("A", "D")
    assert found.values.shape == (2, *SHAPE)
    # windows 0 to 4 of 11 speak for A: each cell counts as often as it lies in one of them
    windows = np.zeros(SHAPE)
    for row in range(6):
        for column in range(5):
            windows[row * 8 : row * 8 + 32, column * 8 : column * 8 + 32] += 1
    mz = channels(picture, estimator.experiment).values[2].astype(float)
    share = uniform_filter(np.ones(SHAPE), 32, mode="constant")
    change = np.abs(windows * (mz - uniform_filter(mz, 32, mode="constant") / share))
    expected = gaussian_filter(change, 2, mode="constant")
    assert np.allclose(found.values[0], expected / expected.max(), atol=1e-4)
    assert np.all(found.values[0][:, 75:] < 1e-4)  # the last of them ends at cell 64
    assert np.all(found.values[1][:, :32] < 1e-4)  # the first window that speaks for D begins at cell 40
    assert found.values[1].max() == 1


@pytest.mark.parametrize("name", list(NETWORKS))
def test_bands_give_the_plain_gradient_of_the_whole_picture(estimator_of, monkeypatch, name):
    picture, estimator = picture_of(labyrinth()), estimator_of(untrained(name))
    seen = channels(picture, estimator.experiment)
    x = torch.as_tensor(seen.values)[None].requires_grad_()
    windows = estimator.network(x)
    answer = estimator.network.together(windows, torch.ones_like(windows.mean[:, 0])).value
    gradient = torch.stack([torch.autograd.grad(one, x, retain_graph=True)[0][0] for one in answer[0]]).numpy()
    share = uniform_filter(np.ones(SHAPE), 32, mode="constant")
    mean = np.stack([uniform_filter(c.astype(float), 32, mode="constant") / share for c in seen.values])
    change = np.abs((gradient * (seen.values - mean)).sum(axis=1))
    plain = np.stack([gaussian_filter(one, 2, mode="constant") for one in change])
    plain /= plain.max(axis=(1, 2), keepdims=True)
    for band in (1, 4, 100):
        monkeypatch.setattr(module, "_BAND", band)
        assert np.abs(drain(saliency(picture, estimator)).values - plain).max() < 1e-5


def test_other_weights_look_elsewhere_and_the_same_ones_at_the_same_place(estimator_of):
    picture = picture_of(labyrinth((112, 160)))
    one, again, other = (drain(saliency(picture, estimator_of(untrained(seed=seed)))).values for seed in (0, 0, 1))
    assert np.array_equal(one, again)
    for a, b in zip(one, other, strict=True):
        inner = np.s_[30:-30, 30:-30]  # as many windows everywhere: what is left is what they look for
        assert np.corrcoef(a[inner].ravel(), b[inner].ravel())[0, 1] < 0.8
    assert np.corrcoef(one[0].ravel(), one[1].ravel())[0, 1] < 0.95  # one parameter is not the other


def test_where_half_a_film_is_uniform_the_other_half_is_looked_at(estimator_of):
    m = labyrinth((64, 128))
    m[:, :, 64:] = np.array([0, 0, 1])[:, None, None]
    for values in drain(saliency(picture_of(m), estimator_of(untrained()))).values:
        assert values[:, 8:48].mean() > 100 * values[:, 96:].mean()


def test_a_uniform_picture_has_nothing_to_look_at(estimator_of):
    up = np.zeros((3, 48, 48), dtype=np.float32)
    up[2] = 1
    assert not drain(saliency(picture_of(up), estimator_of(untrained()))).values.any()


def test_it_lies_over_the_cells_of_its_region(estimator_of):
    estimator, m = estimator_of(untrained()), labyrinth((96, 120))
    large = picture_of(m, zoom=2, pixel=2e-9)
    part = drain(saliency(large.crop(Region(20, 40, 180, 160)), estimator))
    assert part.values.shape == (2, 60, 80)
    assert part.scale == (2, 2)
    assert part.offset == (40.5, 20.5)  # (y, x): the first cell covers the pixels 40 and 41, 20 and 21
    alone = drain(saliency(picture_of(m[:, 20:80, 10:90]), estimator))
    assert np.abs(part.values - alone.values).max() < 1e-5
    assert alone.offset == (0, 0)


def test_outside_a_polygon_there_is_no_map(estimator_of):
    mask = np.zeros((64, 96), dtype=bool)
    mask[:, :70] = True
    whole = picture_of(labyrinth((64, 96)))
    found = drain(saliency(whole.crop(Region(0, 0, 96, 64, mask)), estimator_of(untrained())))
    assert np.isnan(found.values[:, :, 70:]).all()
    assert np.nanmax(found.values) == 1
    with pytest.raises(BadRegion):
        drain(
            saliency(whole.crop(Region(0, 0, 96, 64, mask & (np.arange(64) < 9)[:, None])), estimator_of(untrained()))
        )


def test_progress_comes_first_and_closing_it_stops(estimator_of, monkeypatch):
    monkeypatch.setattr(module, "_BAND", 2)
    estimator = estimator_of(untrained())
    *steps, last = saliency(picture_of(labyrinth()), estimator)
    assert [(step.done, step.total) for step in steps] == [(i, 6) for i in range(7)]
    assert not isinstance(last, Progress)
    work = saliency(picture_of(labyrinth()), estimator)
    for _ in range(5):
        next(work)
    work.close()
    assert torch.is_grad_enabled()
    assert all(p.grad is None for p in estimator.network.parameters())


def test_it_works_where_gradients_are_switched_off(estimator_of):
    picture, estimator = picture_of(labyrinth()), estimator_of(untrained())
    plain = drain(saliency(picture, estimator)).values
    with torch.inference_mode():
        assert np.array_equal(drain(saliency(picture, estimator)).values, plain)
    for parameter in estimator.network.parameters():
        parameter.requires_grad_(False)
    assert np.array_equal(drain(saliency(picture, estimator)).values, plain)


def test_pictures_of_another_contrast_are_refused(estimator_of):
    picture = replace(picture_of(labyrinth()), contrast=Contrast.KERR)
    with pytest.raises(Unsuitable, match="kerr"):
        drain(saliency(picture, estimator_of(untrained())))
