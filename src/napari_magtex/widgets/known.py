"""What a person knows of a film beside its picture: one of its constants, its temperature, and the field on it."""

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
    """Three fields of a form: ``constant``, a choice and its number, ``temperature``, and ``field`` along z."""

    def __init__(self) -> None:
        self.name, self.number = Choice(_names()), QDoubleSpinBox()
        self.temperature, self.field = QDoubleSpinBox(), QDoubleSpinBox()
        self.name.setMinimumContentsLength(2)  # a constant's name: the room is its number's, and its unit's
        self.constant: QWidget = row_of(self.number, self.name)
        self.constant.setToolTip("The others are told given this one, which narrows them")
        self.temperature.setRange(_UNKNOWN_K, 2000)
        self.temperature.setSuffix(" K")
        self.temperature.setSpecialValueText("unknown")
        self.temperature.setValue(_UNKNOWN_K)
        self.temperature.setToolTip("For an estimator of films in heat: told, it narrows all constants")
        self.field.setRange(0, 1e5)
        self.field.setDecimals(1)
        self.field.setSuffix(" mT along z")
        self.field.setSpecialValueText("as the picture tells")
        self.field.setToolTip("Where neither says it, the field that the estimator was trained in")
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

    @property
    def conditions(self) -> dict[str, float]:
        """What is known of the picture's making, as its metadata would hold it."""
        return {"field_T": 1e-3 * self.field.value()} if self.field.value() > 0 else {}

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
