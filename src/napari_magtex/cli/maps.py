"""Pictures that the command line leaves in a folder: attention as PNG, maps of the constants as TIFF."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_magtex.errors import MagtexError

if TYPE_CHECKING:
    from napari_magtex.classify.predict import Classifier
    from napari_magtex.estimate.predict import ParameterMaps
    from napari_magtex.picture import Picture
    from napari_magtex.results import Verdict


class Folder:
    """A folder whose files are named after the pictures they belong to; no two share a name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._taken: Counter[str] = Counter()

    def write_attention(self, pictures: Sequence[Picture], verdicts: Sequence[Verdict], classifier: Classifier) -> None:
        """Write where the network looked for the state it named, in the pixels of each picture."""
        from matplotlib.image import imsave

        from napari_magtex.explain.attention import attention
        from napari_magtex.states.definitions import State

        for picture, verdict in zip(pictures, verdicts, strict=True):
            looked = attention(picture, classifier, State(verdict.state))
            imsave(self._file(picture, "attention.png"), looked, cmap="inferno", vmin=0, vmax=1)

    def write_maps(self, picture: Picture, maps: ParameterMaps) -> None:
        """Write each constant over the windows of a picture, in SI units, NaN outside the region.

        A pixel is the stride of the windows; where they lie in the picture stands in the TIFF's description, in JSON.
        """
        from tifffile import imwrite

        stem = self._file(picture, "map")
        place = {"window_px": maps.window_px, "stride_px": maps.stride_px, "origin_px": maps.origin}
        for name, values in zip(maps.names, maps.values, strict=True):
            path = stem.with_name(f"{stem.name}_{name}.tif")
            imwrite(path, values.astype("float32"), description=json.dumps({"constant": name} | place), metadata=None)

    def _file(self, picture: Picture, what: str) -> Path:
        """Return <stem>_f<frame>[_<roi>]_<what>, numbered where two inputs share a stem."""
        roi = "_" + "-".join(map(str, picture.roi.bounds)) if picture.roi else ""
        name = f"{Path(picture.name).stem}_f{picture.frame}{roi}"
        self._taken[name] += 1
        again = f"_{self._taken[name]}" if self._taken[name] > 1 else ""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MagtexError(f"the folder {self.path} cannot be made ({error.strerror})") from error
        return self.path / f"{name}{again}_{what}"
