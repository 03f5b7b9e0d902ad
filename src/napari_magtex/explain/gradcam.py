"""Grad-CAM by a hook on any layer of any network."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def grad_cam(network: nn.Module, layer: nn.Module, inputs: Tensor, target: int) -> Tensor:
    """Weigh a layer's channels by their mean gradient, and keep what speaks for the target.

    Parameters
    ----------
    network
        Evaluating; gives logits (B', classes), which are summed over B'. Its parameters may be frozen.
    layer
        A module of the network that gives (B, channels, h, w) and runs once.
    inputs
        What the network takes.
    target
        The class, whose logit is explained: a probability would mix in what speaks against the others.

    Returns
    -------
    (B, h, w), 0 or more.

    Notes
    -----
    Selvaraju et al. (2017), arXiv 1610.02391. The network goes on with a copy of the layer's output, since in-place
    activations, as EfficientNet's SiLU, would overwrite what the gradient is taken at.
    """
    outputs: list[Tensor] = []

    def keep(module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
        outputs.append(output.detach().requires_grad_())
        return outputs[-1].clone()

    hook = layer.register_forward_hook(keep)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            logit = network(inputs)[:, target].sum()
    finally:
        hook.remove()
    (slope,) = torch.autograd.grad(logit, outputs[0])
    weights = slope.mean(dim=(2, 3), keepdim=True)
    return (weights * outputs[0].detach()).sum(dim=1).relu()
