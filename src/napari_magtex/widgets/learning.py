"""What the docks have in common in which a network learns from corrections: how the new one does, and saving it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from qtpy.QtWidgets import QFileDialog, QPushButton, QWidget

from napari_magtex.errors import MagtexError
from napari_magtex.files import with_ending
from napari_magtex.widgets.dock import Dock, wrapped_label
from napari_magtex.widgets.networks import NetworkChoice, free_path, networks_folder
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from napari.viewer import Viewer


class Saved(Protocol):
    """A network that has learned, and can be saved."""

    def save(self, path: Path) -> None:
        """Write it under the name of a file."""


Learned = TypeVar("Learned", bound=Saved)


class LearningDock(Dock, Generic[Learned]):
    """A dock in which a network learns from corrections: it says how the new one does, and saves it.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers it looks at.
    button
        What the form's button says.
    """

    network: NetworkChoice
    ending: str  # of the new network's name
    use: str  # where it is then chosen

    def __init__(self, napari_viewer: Viewer, button: str) -> None:
        super().__init__(napari_viewer, button)
        self.adaptation: Learned | None = None
        self.outcome, self.save_network = wrapped_label(), QPushButton("Save network…")
        self.save_network.clicked.connect(self._on_save_network)

    def outcome_of(self, adaptation: Learned) -> str:
        """Say in rich text how a new network does."""
        raise NotImplementedError

    def save_adapted(self, path: Path) -> None:
        """Write the new network; docks offer it from then on where it lies in the folder for networks."""
        assert self.adaptation is not None
        self.adaptation.save(path)
        self.outcome.setText(f"{self.outcome_of(self.adaptation)}<br>Saved as {path.stem}: choose it {self.use}.")

    def enterEvent(self, event: Any) -> None:  # noqa: N802
        """Look again: another dock, or somebody, may have kept a correction."""
        if not self.runner.running:
            self._show()
        super().enterEvent(event)

    def _on_learned(self, adaptation: Learned) -> None:
        self.adaptation = adaptation
        self.outcome.setText(self.outcome_of(adaptation))
        self._show()

    def _on_save_network(self) -> None:
        path = ask_for_network(self, f"{Path(self.network.value).stem}-{self.ending}")
        if path is not None:
            try:
                self.save_adapted(path)
            except MagtexError as error:
                tell(error)

    def _show(self) -> None:
        """Bring tables and buttons to what is known."""
        raise NotImplementedError


def ask_for_network(parent: QWidget, name: str) -> Path | None:
    """Ask where to save a network, by default under a free name where docks offer it; None where nobody says."""
    folder = networks_folder()
    folder.mkdir(parents=True, exist_ok=True)
    chosen, _ = QFileDialog.getSaveFileName(
        parent,
        "Save network",
        str(free_path(folder / f"{name}.safetensors")),
        "Weights (*.safetensors)",
        options=QFileDialog.Option.DontConfirmOverwrite,  # nothing is overwritten
    )
    return with_ending(chosen, "safetensors") if chosen else None
