"""What a person knows of a film beside its picture: one of its constants, and its temperature."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QDoubleSpinBox, QWidget

from napari_magtex.estimate.material import ESTIMATED
from napari_magtex.widgets.choices import Choice
from napari_magtex.widgets.constants import DECIMALS, LIMITS
from napari_magtex.widgets.dock import row_of
from napari_magtex.widgets.tables import UNITS

_UNKNOWN_K = -1.0


class Known:
    """Two fields of a form: ``constant``, a choice and its number, and ``temperature``."""

    def __init__(self) -> None:
        self.name, self.number, self.temperature = Choice(_names()), QDoubleSpinBox(), QDoubleSpinBox()
        self.name.setMinimumContentsLength(2)  # a constant's name: the room is its number's, and its unit's
        self.constant: QWidget = row_of(self.number, self.name)
        self.constant.setToolTip("The others are told given this one, which narrows them")
        self.temperature.setRange(_UNKNOWN_K, 2000)
        self.temperature.setSuffix(" K")
        self.temperature.setSpecialValueText("unknown")
        self.temperature.setValue(_UNKNOWN_K)
        self.temperature.setToolTip("For an estimator of films in heat: told, it narrows all constants")
        self.name.currentIndexChanged.connect(self._show)
        self._show()

    @property
    def values(self) -> dict[str, float]:
        """What is known, in SI units by name."""
        found = {}
        if (name := self.name.value) is not None:
            found[name] = self.number.value() / UNITS[name][1]
        if self.temperature.value() >= 0:
            found["T"] = self.temperature.value()
        return found

    def _show(self, _event: Any = None) -> None:
        name = self.name.value
        self.number.setVisible(name is not None)
        if name is not None:
            self.number.setDecimals(DECIMALS[name])
            self.number.setRange(0, LIMITS[name][1])  # of D its size
            self.number.setSuffix(f" {UNITS[name][0]}")


def _names() -> dict[str, str | None]:
    """Return the choice: nothing, or a constant."""
    return {"No constant": None} | {name: name for name in ESTIMATED}
