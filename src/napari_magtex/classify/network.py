"""The network: one backbone looks at the whole picture and at close-ups of it, and answers three questions at once.

An antiferromagnet's order lives on the scale of the lattice, a texture on the scale of the picture. Shrinking the whole
picture blurs the one, cutting a piece out loses the other, so the features of both are laid side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import Tensor, nn

from napari_magtex.picture import Contrast
from napari_magtex.states.definitions import State

STATES = tuple(State)
GREY_CONTRASTS = (Contrast.SPIN, Contrast.LORENTZ, Contrast.KERR, Contrast.MFM)  # what a grey picture may be


@dataclass(frozen=True)
class Logits:
    """Three answers for B pictures.

    ``state`` (B, 9) in the order of `STATES`, ``contrast`` (B, 4) in that of `GREY_CONTRASTS`, and ``applicable`` (B,),
    large for a picture of a magnetic texture.
    """

    state: Tensor
    contrast: Tensor
    applicable: Tensor


class TextureNet(nn.Module):
    """A timm backbone without its classifier, and linear heads on the features of whole and close-ups.

    Parameters
    ----------
    backbone
        A model of timm, made without weights; its mean, deviation and interpolation come from its own data config.
    drop_path, drop
        Stochastic depth of the backbone, and dropout of the features, while training.
    """

    backbone: Any
    mean: Tensor
    std: Tensor

    def __init__(self, backbone: str = "efficientnet_b0", *, drop_path: float = 0.0, drop: float = 0.0) -> None:
        super().__init__()
        # some backbones know no stochastic depth
        options: dict[str, Any] = {"drop_path_rate": drop_path} if drop_path else {}
        self.backbone = timm.create_model(backbone, num_classes=0, pretrained=False, **options)
        config = timm.data.resolve_model_data_config(self.backbone)
        self.interpolation: str = config["interpolation"]
        self.register_buffer("mean", torch.tensor(config["mean"]).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config["std"]).view(1, 3, 1, 1), persistent=False)
        width = 2 * int(self.backbone.head_hidden_size)  # some widen their features once more after pooling
        self.drop = nn.Dropout(drop)
        self.state = nn.Linear(width, len(STATES))
        self.contrast = nn.Linear(width, len(GREY_CONTRASTS))
        self.applicable = nn.Linear(width, 1)

    def features(self, views: Tensor) -> Tensor:
        """Return the pooled features (n, F) of views (n, 3, S, S) from 0 to 1."""
        normalised = (views - self.mean) / self.std
        return self.backbone(normalised.contiguous(memory_format=torch.channels_last))

    def heads(self, whole: Tensor, close: Tensor) -> Logits:
        """Answer from the mean features of whole views and of close-ups, each (B, F)."""
        both = self.drop(torch.cat([whole, close], dim=1))
        return Logits(self.state(both), self.contrast(both), self.applicable(both)[:, 0])

    def forward(self, views: Tensor) -> Logits:
        """Answer for B pictures from one whole view and one close-up of each, (B, 2, 3, S, S)."""
        whole, close = self.features(views.flatten(0, 1)).unflatten(0, (-1, 2)).unbind(1)
        return self.heads(whole, close)

    @property
    def cam_layer(self) -> nn.Module:
        """The last layer of stride 16: at S = 128 the last one of all has only 4 x 4 cells, this one 8 x 8."""
        names = [stage["module"] for stage in self.backbone.feature_info if stage["reduction"] == 16]
        return self.backbone.get_submodule(names[-1])


CAM_STRIDE = 16
CAM_ORIGIN = 0.0  # of cell 0, in view pixels: the backbone pads alike on both sides, so cell i sits on pixel 16 i
