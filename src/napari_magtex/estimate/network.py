"""The two networks: from a picture's channels to the parameters in every window of 32 cells, each 8 cells.

Outputs are on the unit scale of the ranges: 0 is the low end, 1 the high one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_magtex.errors import ModelUnavailable

WINDOW, STRIDE = 32, 8  # cells


@dataclass(frozen=True)
class Windows:
    """What a network says of every window: ``mean`` and ``log_sigma`` (batch, parameters, rows, columns)."""

    mean: Tensor
    log_sigma: Tensor

    def over(self, inside: Tensor) -> tuple[Tensor, Tensor]:
        """Combine the windows of a region, weighted by how sure the network is of each.

        Parameters
        ----------
        inside
            Weight of each window, (batch, rows, columns): 1 in the region, 0 outside.

        Returns
        -------
        value, sigma
            (batch, parameters); sigma is that of one typical window: windows overlap, so it does not shrink with
            their number. The calibration says what it is worth.
        """
        weight = torch.exp(-2 * self.log_sigma) * inside[:, None]
        total = weight.sum(dim=(2, 3))
        value = (weight * self.mean).sum(dim=(2, 3)) / total
        return value, (inside.sum(dim=(1, 2))[:, None] / total).sqrt()


class WindowsCNN(nn.Module):
    """Nine convolutions without padding, eight of them 3 x 3 or 1 x 1 under a window, that stride by 8 in all.

    Nothing is padded, so a window cut out and the same window in a larger picture give the same answer, and a whole
    picture costs little more than its pixels. Trained by likelihood: every window says how sure it is.
    """

    def __init__(self, channels: int, parameters: int, width: int = 32) -> None:
        super().__init__()
        w = width

        def block(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
            return [
                nn.Conv2d(inputs, outputs, kernel, stride, bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(inplace=True),
            ]

        self.body = nn.Sequential(
            *block(channels, w, 3),
            *block(w, 2 * w, 3, 2),
            *block(2 * w, 2 * w, 3),
            *block(2 * w, 4 * w, 3, 2),
            *block(4 * w, 4 * w, 1),
            *block(4 * w, 4 * w, 3),
            *block(4 * w, 4 * w, 3, 2),
            *block(4 * w, 4 * w, 1),
        )
        self.head = nn.Conv2d(4 * w, 2 * parameters, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Windows:
        """Evaluate all windows of (batch, channels, ny, nx) as one convolution."""
        mean, log_sigma = self.head(self.body(x)).chunk(2, dim=1)
        # a little beyond the range, so that its ends can be said without saturating
        return Windows(1.2 * torch.sigmoid(mean) - 0.1, 2.5 * torch.tanh(log_sigma / 2.5) - 1.5)

    def loss(self, windows: Windows, truth: Tensor) -> Tensor:
        """Return the likelihood of every window, and the squared error of all of them together.

        The second term teaches the weights what they are for: the answer of a region, not of a window.
        """
        target = truth[:, :, None, None]
        likelihood = 0.5 * ((target - windows.mean) / windows.log_sigma.exp()).square() + windows.log_sigma
        everywhere = torch.ones_like(windows.mean[:, 0])
        together = windows.over(everywhere)[0]
        return likelihood.mean() + 20 * (together - truth).square().mean()


class Wang2020(nn.Module):
    """The network of Wang et al., Adv. Sci. 7, 2000566 (2020): two strided convolutions, three dense layers."""

    def __init__(self, channels: int, parameters: int, width: int = 64) -> None:
        super().__init__()
        w = width
        self.parameters_out = parameters
        self.body = nn.Sequential(
            nn.Conv2d(channels, w, 3, 2, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout(0.25),
            nn.Conv2d(w, 2 * w, 3, 2, padding=1),
            nn.ReLU(),
            nn.Dropout(0.25),
            nn.Flatten(),
            nn.Linear(2 * w * 16, 8 * w),
            nn.ReLU(),
            nn.Linear(8 * w, w),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(w, parameters),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Windows:
        """Cut all windows of (batch, channels, ny, nx) and evaluate them one by one; none is surer than another."""
        batch, channels, ny, nx = x.shape
        rows, columns = (1 + (n - WINDOW) // STRIDE for n in (ny, nx))
        cut = functional.unfold(x, WINDOW, stride=STRIDE).transpose(1, 2)
        mean = self.body(cut.reshape(-1, channels, WINDOW, WINDOW))
        mean = mean.reshape(batch, rows, columns, -1).permute(0, 3, 1, 2)
        return Windows(mean, torch.zeros_like(mean))

    def loss(self, windows: Windows, truth: Tensor) -> Tensor:
        """Return the mean squared error of every window."""
        return (windows.mean - truth[:, :, None, None]).square().mean()


WindowNetwork = WindowsCNN | Wang2020
NETWORKS: dict[str, type[WindowsCNN] | type[Wang2020]] = {"windows-cnn": WindowsCNN, "wang2020": Wang2020}


def build(name: str, channels: int, parameters: int) -> WindowNetwork:
    """Build a network by its name, with random weights.

    Raises
    ------
    ModelUnavailable
        There is none of this name.
    """
    if name not in NETWORKS:
        raise ModelUnavailable(f"no network {name!r}: there are {', '.join(NETWORKS)}")
    return NETWORKS[name](channels, parameters)
