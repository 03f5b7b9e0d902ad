from dataclasses import fields

import numpy as np
import pytest
import torch

from napari_magtex.errors import BadRegion, ModelUnavailable
from napari_magtex.estimate.network import NETWORKS, STRIDE, WINDOW, Windows, build
from napari_magtex.estimate.windows import grid, windows_inside


@pytest.fixture(params=list(NETWORKS))
def network(request):
    torch.manual_seed(0)
    network = build(request.param, channels=2, parameters=4)
    with torch.no_grad():
        network(torch.randn(4, 2, 64, 64))  # statistics of normalisation that are not the initial ones
    return network.eval()


@torch.no_grad()
def test_a_whole_picture_and_its_windows_cut_one_by_one_agree(network):
    x = torch.randn(2, 2, 56, 72)
    whole = network(x)
    assert whole.mean.shape == (2, 4, 4, 6)
    for row in range(4):
        for column in range(6):
            y0, x0 = row * STRIDE, column * STRIDE
            cut = network(x[:, :, y0 : y0 + WINDOW, x0 : x0 + WINDOW])
            assert cut.mean.shape == (2, 4, 1, 1)
            assert torch.allclose(cut.mean[..., 0, 0], whole.mean[..., row, column], atol=1e-5)
            assert torch.allclose(cut.log_sigma[..., 0, 0], whole.log_sigma[..., row, column], atol=1e-5)


def test_a_few_steps_learn_what_there_is_to_learn(network):
    torch.manual_seed(0)
    network.train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    truth = torch.rand(8, 4)
    pictures = truth[:, :1, None, None] + 0.1 * torch.randn(8, 2, 40, 40)
    truth = truth[:, :1].repeat(1, 4)
    losses = []
    for _ in range(25):
        loss = network.loss(network(pictures), truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-3:]) < np.mean(losses[:3]) - 0.01


@torch.no_grad()
def test_a_region_is_told_by_its_own_windows_alone(network):
    windows = network(torch.randn(2, 2, 56, 72))
    inside = torch.zeros(2, 4, 6)
    inside[:, 1:3, 2:5] = 1
    part = Windows(*(getattr(windows, f.name)[:, :, 1:3, 2:5] for f in fields(Windows)))
    masked, cut = network.together(windows, inside), network.together(part, torch.ones(2, 2, 3))
    assert torch.allclose(masked.value, cut.value, atol=1e-6)
    assert torch.allclose(masked.factor, cut.factor, atol=1e-6)
    assert not torch.allclose(masked.value, network.together(windows, torch.ones(2, 4, 6)).value, atol=1e-4)


@torch.no_grad()
def test_the_errors_of_a_region_have_a_covariance(network):
    said = network.together(network(torch.randn(3, 2, 40, 40)), torch.ones(3, 2, 2))
    assert said.factor.shape == (3, 4, 4)
    assert torch.equal(said.factor, said.factor.tril())
    assert (said.factor.diagonal(dim1=1, dim2=2) > 0).all()


@torch.no_grad()
def test_the_papers_network_averages_its_windows():
    network = build("wang2020", 2, 3).eval()
    windows = network(torch.randn(1, 2, 48, 40))
    said = network.together(windows, torch.ones(1, 3, 2)).value
    assert torch.allclose(said, windows.mean.mean(dim=(2, 3)), atol=1e-6)


def test_bands_of_windows_are_joined_by_rows_and_pictures_taken_apart():
    bands = [Windows(*(torch.full((2, 1, rows, 3), float(rows)) for _ in range(3))) for rows in (1, 2)]
    joined = Windows.joined(bands)
    assert joined.features[0, 0].tolist() == [[1.0] * 3, [2.0] * 3, [2.0] * 3]
    assert joined.picture(1).mean.shape == (1, 1, 3, 3)


def test_the_grid_of_windows_is_centred():
    top, left, rows, columns = grid((47, 65))
    assert (top, rows) == (3, slice(3, 43))  # 32 + 8 of 47 cells
    assert (left, columns) == (0, slice(0, 64))


def test_windows_that_leave_the_region_are_left_out():
    inside = np.ones((48, 48), dtype=bool)
    inside[:, 40:] = False
    assert windows_inside(inside).tolist() == [[True, True, False]] * 3
    with pytest.raises(BadRegion, match="no window of 32 x 32 cells"):
        windows_inside(np.eye(48, dtype=bool))


def test_an_unknown_network_is_refused_with_those_there_are():
    with pytest.raises(ModelUnavailable, match="windows-cnn, wang2020"):
        build("resnet", 3, 3)


def test_the_shipped_network_is_small():
    assert 2 * sum(p.numel() for p in build("windows-cnn", 3, 3).parameters()) < 5e6  # bytes as float16

    masked = np.zeros((48, 48), dtype=bool)
    masked[8, 8] = True
    chosen = windows_inside(np.ones((48, 48), dtype=bool), masked)
    assert chosen.tolist() == [[False, False, True], [False, False, True], [True, True, True]]
    with pytest.raises(BadRegion, match="beside what is masked"):
        windows_inside(np.ones((48, 48), dtype=bool), np.eye(48, dtype=bool))
