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


def test_windows_are_weighted_by_how_sure_the_network_is():
    mean = torch.tensor([0.2, 0.8]).reshape(1, 1, 1, 2)
    sure_of_the_first = torch.log(torch.tensor([0.1, 0.2])).reshape(1, 1, 1, 2)
    value, sigma = Windows(mean, sure_of_the_first).over(torch.ones(1, 1, 2))
    assert value.item() == pytest.approx((100 * 0.2 + 25 * 0.8) / 125)
    assert sigma.item() == pytest.approx((2 / 125) ** 0.5)
    value, sigma = Windows(mean, sure_of_the_first).over(torch.tensor([[[0.0, 1.0]]]))
    assert (value.item(), sigma.item()) == pytest.approx((0.8, 0.2))


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
