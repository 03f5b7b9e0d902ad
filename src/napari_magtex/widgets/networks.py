"""The networks that a person can choose from: shipped, made in one of the docks, or any file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QWidget

from napari_magtex.compute import Device, user_folder
from napari_magtex.errors import MagtexError, ModelUnavailable
from napari_magtex.models.store import locate, read_card, shipped, taken
from napari_magtex.widgets.choices import Choice
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from napari_magtex.classify.predict import Classifier
    from napari_magtex.segment.segmenter import Segmenter


def _classifier(model: str | Path, device: Device) -> Classifier:
    from napari_magtex.classify.predict import Classifier

    return Classifier.load(model, device)


def _segmenter(model: str | Path, device: Device) -> Segmenter:
    from napari_magtex.segment.segmenter import Segmenter

    return Segmenter.load(model, device)


LOADERS: dict[str, Callable[[str | Path, Device], Any]] = {"classifier": _classifier, "segmenter": _segmenter}


def networks_folder() -> Path:
    """Return where networks are kept that a person made: by corrections, or for an experiment."""
    return user_folder() / "networks"


def offered(kind: str, opened: Sequence[str | Path] = ()) -> dict[str, str | Path]:
    """Return the networks of a kind, as its cards say it, by caption: ``opened`` ones, a person's own, then ours.

    A file tells its folder where another network has its name, too.
    """
    every: list[str | Path] = [*sorted(networks_folder().glob("*.safetensors")), *shipped()]
    unlike = list(dict.fromkeys([*opened, *(model for model in every if _is(kind, model))]))
    names = Counter(Path(model).stem for model in unlike)

    def caption(model: str | Path) -> str:
        path = Path(model)
        return f"{path.stem} ({path.parent})" if path.suffix and names[path.stem] > 1 else path.stem

    return {caption(model): model for model in unlike}


def card_of_kind(path: Path, kind: str) -> dict[str, Any]:
    """Return the card of a network.

    Raises
    ------
    ModelUnavailable
        The file is no network of ours, or of another kind.
    """
    card = read_card(path)
    if (other := card.get("kind")) != kind:
        article = "an" if kind == "estimator" else "a"
        raise ModelUnavailable(f"{path.name} is a model of the kind {other!r}, {article} {kind} is needed here")
    return card


def free_path(path: Path) -> Path:
    """Return the path, or the first with a number that is not taken."""
    numbered = (path.with_stem(f"{path.stem}-{n}") for n in range(2, 10_000))
    return path if not taken(path) else next(other for other in numbered if not taken(other))


class NetworkChoice(QWidget):
    """A choice of networks of a kind; what another dock has saved meanwhile is offered when the list is opened.

    Parameters
    ----------
    model
        Name or path of the one chosen at first, where it is there.
    kind
        One of `LOADERS`.
    none
        Caption of the entry that means no network, where the work can be done without one.
    """

    def __init__(self, model: str | Path, kind: str = "classifier", *, none: str | None = None) -> None:
        super().__init__()
        self._kind, self._none = kind, {} if none is None else {none: None}
        self.choice = FreshChoice(self.refresh)
        browse = QPushButton("Open…")
        browse.setToolTip(f"Open weights of a {kind} from a file")
        browse.clicked.connect(self._on_browse)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.choice, stretch=1)
        row.addWidget(browse)
        self._opened: list[str | Path] = [model] if Path(model).suffix else []
        self._loaded: dict[tuple[Any, ...], Any] = {}
        self.refresh()
        self.choice.value = model if none is None or model in self._offered().values() else None

    @property
    def value(self) -> Any:
        """Name or path of the one chosen; None where none is wanted."""
        return self.choice.value

    def loader(self, device: Device) -> Callable[[], Any]:
        """Return what loads the one chosen now, for a worker to call; each is loaded once. None stays None."""
        model, load_it = self.value, LOADERS[self._kind]

        def load() -> Any:
            if model is None:
                return None
            as_saved = (model, _saved(model), device)
            if as_saved not in self._loaded:
                self._loaded[as_saved] = load_it(model, device)
            return self._loaded[as_saved]

        return load

    def refresh(self) -> None:
        """Look for what there is."""
        self.choice.offer(self._offered())

    def open_file(self, path: Path) -> None:
        """Offer the weights in a file, and choose them.

        Raises
        ------
        ModelUnavailable
            The file is no network of ours, or of another kind.
        """
        card_of_kind(path, self._kind)
        self._opened.append(path)
        self.refresh()
        self.choice.value = path

    def _offered(self) -> dict[str, str | Path | None]:
        return {**offered(self._kind, self._opened), **self._none}

    def _on_browse(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a network", str(networks_folder()), "Weights (*.safetensors)")
        if name:
            try:
                self.open_file(Path(name))
            except MagtexError as error:
                tell(error)


class FreshChoice(Choice):
    """A choice that looks for what it offers when its list is opened."""

    def __init__(self, refresh: Callable[[], None]) -> None:
        super().__init__()
        self._refresh = refresh

    def showPopup(self) -> None:  # noqa: N802
        """Qt asks."""
        self._refresh()
        super().showPopup()


def _saved(model: str | Path) -> tuple[int, int] | None:
    """Return when the file of a network was written and how long it is; None where it is gone, as loading will say."""
    try:
        stat = locate(model).stat()
    except (MagtexError, OSError):
        return None
    return stat.st_mtime_ns, stat.st_size


def _is(kind: str, model: str | Path) -> bool:
    try:
        return read_card(model).get("kind") == kind
    except MagtexError:
        return False  # damaged files are told when they are opened by name
