"""The two networks: from a picture's channels to the parameters in every window of 32 cells, each 8 cells.

Outputs are on the unit scale of the ranges: 0 is the low end, 1 the high one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_magtex.errors import ModelUnavailable

WINDOW, STRIDE = 32, 8  # cells


@dataclass(frozen=True)
class Windows:
    """What a network says of every window of pictures.

    ``mean`` and ``log_sigma`` (batch, parameters, rows, columns), of the window for itself; ``features``
    (batch, numbers, rows, columns), of which a network makes its answer for many windows together.
    """

    mean: Tensor
    log_sigma: Tensor
    features: Tensor

    @classmethod
    def joined(cls, bands: Sequence[Windows]) -> Windows:
        """Put bands of rows below one another."""
        return cls(*(torch.cat([getattr(b, f.name) for b in bands], dim=2) for f in fields(cls)))

    def to(self, place: torch.device) -> Windows:
        """Move them to a device."""
        return Windows(*(getattr(self, f.name).to(place) for f in fields(self)))

    def picture(self, index: int) -> Windows:
        """Return the windows of one picture, in a batch of its own."""
        return Windows(*(getattr(self, f.name)[index : index + 1] for f in fields(self)))


@dataclass(frozen=True)
class Together:
    """What a network says of all windows of a region.

    ``value`` (batch, parameters); ``factor`` (batch, parameters, parameters), lower triangular: the Cholesky factor of
    the covariance of its errors.
    """

    value: Tensor
    factor: Tensor


def _mean_over(values: Tensor, inside: Tensor) -> Tensor:
    """Average (batch, numbers, rows, columns) over windows of weight ``inside`` (batch, rows, columns)."""
    weight = inside[:, None]
    return (values * weight).sum(dim=(2, 3)) / weight.sum(dim=(2, 3))


class WindowsCNN(nn.Module):
    """Nine convolutions without padding, eight of them 3 x 3 or 1 x 1 under a window, that stride by 8 in all.

    Nothing is padded, so a window cut out and the same window in a larger picture give the same answer, and a whole
    picture costs little more than its pixels. Trained by likelihood: every window says how sure it is. A region is
    more than its windows: what they have in common is averaged before it is judged, for heat and noise average out
    there, and one answer with a covariance of its own is given for all of them.
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
        self.pooled = nn.Sequential(
            nn.Linear(4 * w + 1, 4 * w),
            nn.ReLU(inplace=True),
            nn.Linear(4 * w, 2 * parameters + parameters * (parameters - 1) // 2),
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        for last in (self.head, self.pooled[-1]):
            nn.init.normal_(last.weight, std=0.01)  # type: ignore[arg-type]
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Windows:
        """Evaluate all windows of (batch, channels, ny, nx) as one convolution."""
        features = self.body(x)
        mean, log_sigma = self.head(features).chunk(2, dim=1)
        return Windows(_on_the_range(mean), _bounded(log_sigma) - 1.5, features)

    def together(self, windows: Windows, inside: Tensor) -> Together:
        """Answer for all windows of weight ``inside`` (batch, rows, columns)."""
        count = inside.sum(dim=(1, 2))[:, None]
        said = self.pooled(torch.cat([_mean_over(windows.features, inside), count.log() / 4], dim=1))
        p = windows.mean.shape[1]
        sigma = torch.exp(_bounded(said[:, p : 2 * p]) - 2)
        rows, columns = torch.tril_indices(p, p, -1)
        factor = torch.diag_embed(torch.ones_like(sigma))
        factor[:, rows, columns] = said[:, 2 * p :]
        return Together(_on_the_range(said[:, :p]), sigma[:, :, None] * factor)

    def loss(self, windows: Windows, truth: Tensor) -> Tensor:
        """Return the negative log-likelihood of every window's answer, and of that for all of them together."""
        target = truth[:, :, None, None]
        each = 0.5 * ((target - windows.mean) / windows.log_sigma.exp()).square() + windows.log_sigma
        said = self.together(windows, torch.ones_like(windows.mean[:, 0]))
        white = torch.linalg.solve_triangular(said.factor, (truth - said.value)[:, :, None], upper=False)[:, :, 0]
        sizes = said.factor.diagonal(dim1=1, dim2=2).log()
        return each.mean() + (0.5 * white.square() + sizes).mean()


def _on_the_range(logit: Tensor) -> Tensor:
    """Map to a little beyond 0..1, so that the ends can be said without saturating."""
    return 1.2 * torch.sigmoid(logit) - 0.1


def _bounded(number: Tensor) -> Tensor:
    """Keep logarithms of sigmas within 2.5 of their middle."""
    return 2.5 * torch.tanh(number / 2.5)


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
        return Windows(mean, torch.zeros_like(mean), mean)

    def together(self, windows: Windows, inside: Tensor) -> Together:
        """Average windows of weight ``inside`` (batch, rows, columns), as the paper does; it knows no errors."""
        value = _mean_over(windows.features, inside)
        return Together(value, torch.diag_embed(torch.ones_like(value)))

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
