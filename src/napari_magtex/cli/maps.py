"""Pictures that the command line leaves in a folder: a classifier's attention as PNG, maps of constants as TIFF."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_magtex.errors import MagtexError
from napari_magtex.files import told_if_unwritable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_magtex.classify.predict import Classifier
    from napari_magtex.estimate.saliency import Saliency
    from napari_magtex.estimate.windows import ParameterMaps
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
            path = self._file(picture, "attention.png")
            with told_if_unwritable(path):
                imsave(path, looked, cmap="inferno", vmin=0, vmax=1)

    def write_maps(self, picture: Picture, maps: ParameterMaps) -> None:
        """Write each constant over the windows of a picture, in SI units, NaN outside the region.

        A pixel is the stride of the windows; where they lie in the picture stands in the TIFF's description, in JSON.
        """
        place = {"window_px": maps.window_px, "stride_px": maps.stride_px, "origin_px": maps.origin}
        self._write_each(picture, "map", maps.names, maps.values, place)

    def write_saliency(self, picture: Picture, looked: Saliency) -> None:
        """Write which places the answer for each constant hangs on, 0 to 1, NaN outside the region.

        A pixel is a cell of the film; where the cells lie in the picture stands in the TIFF's description, in JSON.
        """
        place = {"stride_px": looked.scale, "origin_px": looked.offset}
        self._write_each(picture, "attention", looked.names, looked.values, place)

    def _write_each(
        self, picture: Picture, what: str, names: Sequence[str], values: NDArray[Any], place: dict[str, Any]
    ) -> None:
        from tifffile import imwrite

        stem = self._file(picture, what)
        for name, one in zip(names, values, strict=True):
            path, about = stem.with_name(f"{stem.name}_{name}.tif"), json.dumps({"constant": name} | place)
            with told_if_unwritable(path):
                imwrite(path, one.astype("float32"), description=about, metadata=None)

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
