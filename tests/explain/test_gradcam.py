import pytest
import torch
from torch import Tensor, nn

from napari_magtex.classify.network import CAM_ORIGIN, CAM_STRIDE, TextureNet
from napari_magtex.explain.gradcam import grad_cam


class TwoLayers(nn.Module):
    """Channels 2 x and -x of a picture, their means, and a head of known weights."""

    def __init__(self, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 2, 1, bias=False)
        self.activation = activation or nn.Identity()
        self.head = nn.Linear(2, 3, bias=False)
        with torch.no_grad():
            self.convolution.weight[:] = torch.tensor([2.0, -1.0]).view(2, 1, 1, 1)
            self.head.weight[:] = torch.tensor([[1.0, 0.0], [0.0, 4.0], [-1.0, 1.0]])

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.activation(self.convolution(x)).mean(dim=(2, 3)))


@pytest.fixture
def picture() -> Tensor:
    return torch.tensor([[[[1.0, -2.0], [3.0, 0.0]]]])


@pytest.mark.parametrize(
    ("target", "by_hand"),
    [  # the gradient of a mean of 4 is a quarter of the head's weight
        (0, [[0.5, 0.0], [1.5, 0.0]]),  # relu(1/4 * 2x)
        (1, [[0.0, 2.0], [0.0, 0.0]]),  # relu(4/4 * -x)
        (2, [[0.0, 1.5], [0.0, 0.0]]),  # relu(-1/4 * 2x + 1/4 * -x)
    ],
)
def test_the_map_worked_out_by_hand_bit_for_bit(picture: Tensor, target: int, by_hand: list[list[float]]) -> None:
    network = TwoLayers()
    assert grad_cam(network, network.convolution, picture, target).tolist() == [by_hand]


def test_a_frozen_network_is_explained_alike(picture: Tensor) -> None:
    network = TwoLayers().requires_grad_(False)
    with torch.no_grad():
        assert grad_cam(network, network.convolution, picture, 0).tolist() == [[[0.5, 0.0], [1.5, 0.0]]]


def test_an_activation_in_place_does_not_spoil_the_map(picture: Tensor) -> None:
    in_place, plain = TwoLayers(nn.SiLU(inplace=True)), TwoLayers(nn.SiLU())
    maps = [grad_cam(n, n.convolution, picture, 0) for n in (in_place, plain)]
    assert torch.equal(maps[0], maps[1])


def test_no_hook_is_left_and_no_gradient(picture: Tensor) -> None:
    network = TwoLayers()
    grad_cam(network, network.convolution, picture, 0)
    assert not network.convolution._forward_hooks
    assert network.convolution.weight.grad is None


def test_no_hook_is_left_after_an_exception() -> None:
    network = TwoLayers()
    with pytest.raises(RuntimeError):
        grad_cam(network, network.convolution, torch.zeros(1, 5, 4, 4), 0)
    assert not network.convolution._forward_hooks


def test_each_picture_of_a_batch_has_its_own_map(picture: Tensor) -> None:
    network = TwoLayers()
    both = grad_cam(network, network.convolution, torch.cat([picture, -picture]), 0)
    assert both.tolist() == [[[0.5, 0.0], [1.5, 0.0]], [[0.0, 1.0], [0.0, 0.0]]]


def test_a_cell_of_the_efficientnet_looks_where_the_map_says() -> None:
    torch.manual_seed(0)
    network = TextureNet().eval()
    outputs: list[Tensor] = []
    hook = network.cam_layer.register_forward_hook(lambda module, arguments, output: outputs.append(output))
    views = torch.full((1, 3, 384, 384), 0.5, requires_grad=True)  # so wide that no edge cuts what a cell sees
    network.features(views)
    hook.remove()
    assert outputs[0].shape[2:] == (24, 24)
    for cell in (10, 14):
        centres = []
        for channels in torch.randn(8, outputs[0].shape[1]):
            (slope,) = torch.autograd.grad((outputs[0][0, :, cell, cell] * channels).sum(), views, retain_graph=True)
            for axis in (1, 2):
                profile = slope[0].pow(2).sum(dim=(0, axis))
                profile[profile < 0.2 * profile.max()] = 0  # squeeze-and-excitation sees all of the view, faintly
                centres.append(float((profile * torch.arange(384)).sum() / profile.sum()))
        assert sum(centres) / len(centres) == pytest.approx(CAM_ORIGIN + cell * CAM_STRIDE, abs=2)
