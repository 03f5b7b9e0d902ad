"""What the frozen network makes of a picture before its heads: all that teaching it something new works on."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_magtex.classify.predict import Classifier, RawAnswer
from napari_magtex.errors import Unsuitable
from napari_magtex.picture import Contrast, Picture


def features_of(picture: Picture, classifier: Classifier) -> Tensor:
    """Return the features (2F,) that the heads answer from: means over whole views, then over close-ups.

    Raises
    ------
    Unsuitable
        The picture is an electron phase, which has no state of its own.
    """
    if picture.contrast is Contrast.PHASE:
        raise Unsuitable("an electron phase has no state of its own: reconstruct its induction and take that (wheel)")
    seen = classifier.look(picture)
    with torch.inference_mode():
        found = classifier.network.features(torch.cat([seen.wholes, seen.closes]).to(classifier.device)).cpu()
    whole, close = found.split([len(seen.wholes), len(seen.closes)])
    return torch.cat([whole.mean(dim=0), close.mean(dim=0)])


def answer_from(features: Tensor, classifier: Classifier) -> RawAnswer:
    """Return what the heads answer to the features (2F,) of a picture."""
    whole, close = features[None].to(classifier.device).chunk(2, dim=1)
    with torch.inference_mode():
        logits = classifier.network.heads(whole, close)
    state, contrast = (part[0].double().cpu().numpy() for part in (logits.state, logits.contrast))
    return RawAnswer(state, contrast, float(logits.applicable[0]))
