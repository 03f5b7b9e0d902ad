"""Fields of a form: numbers, vectors, choices, and a constant that is known, a range or a list.

Each holds a value as an experiment's file does, and shows it in the units of the window. What is typed and makes no
number is handed on as it is: whoever reads it says what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QWidget

from napari_magtex.estimate.parameters import tidy
from napari_magtex.widgets.choices import Choice


class Editor(QWidget):
    """A field: a row of widgets, and what they hold together."""

    changed = Signal()

    def __init__(self, *widgets: QWidget) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for widget in widgets:
            row.addWidget(widget)

    @property
    def value(self) -> Any:
        """What is chosen or typed, as a file holds it."""
        raise NotImplementedError

    @value.setter
    def value(self, value: Any) -> None:
        raise NotImplementedError


class Numbers(Editor):
    """A number, or ``count`` of them.

    Parameters
    ----------
    unit, scale
        What is shown, and how many of it one of the file's makes: mT and 1000 for a file in tesla.
    """

    def __init__(self, unit: str = "", scale: float = 1.0, *, count: int | None = None, whole: bool = False) -> None:
        self.lines = [QLineEdit() for _ in range(count or 1)]
        super().__init__(*self.lines, *([QLabel(unit)] if unit else []))
        self._scale, self._alone, self._whole = scale, count is None, whole
        for line in self.lines:
            line.setMinimumWidth(36)
            line.textEdited.connect(self.changed)

    @property
    def value(self) -> Any:
        """A number or a list of them."""
        values = [as_number(line.text(), self._scale, whole=self._whole) for line in self.lines]
        return values[0] if self._alone else values

    @value.setter
    def value(self, value: Any) -> None:
        for line, number in zip(self.lines, [value] if self._alone else value, strict=True):
            line.setText(as_text(number, self._scale))


class OneOf(Editor):
    """A choice; a value that is not among it, as a file may hold one, is offered from then on."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = dict(options)
        self.choice = Choice(options)
        super().__init__(self.choice)
        self.choice.currentIndexChanged.connect(self.changed)

    @property
    def value(self) -> Any:
        """What is chosen."""
        return self.choice.value

    @value.setter
    def value(self, value: Any) -> None:
        if value not in self._options.values():
            self._options[str(value)] = value
            self.choice.offer(self._options)
        self.choice.value = value


class YesNo(Editor):
    """A tick."""

    def __init__(self, caption: str) -> None:
        self.box = QCheckBox(caption)
        super().__init__(self.box)
        self.box.toggled.connect(self.changed)

    @property
    def value(self) -> bool:
        """Whether it is ticked."""
        return self.box.isChecked()

    @value.setter
    def value(self, value: bool) -> None:
        self.box.setChecked(value)


class Fields(Editor):
    """Fields in mT that are stepped through, set apart by semicolons: a number along z, or three."""

    def __init__(self) -> None:
        self.line = QLineEdit()
        self.line.setPlaceholderText("quench; or 2000; 400; 0 100 180")
        super().__init__(self.line, QLabel("mT"))
        self.line.textEdited.connect(self.changed)

    @property
    def value(self) -> list[Any]:
        """A list of fields in tesla, each of three components where it was typed so."""
        steps = [part.replace(",", " ").split() for part in self.line.text().split(";") if part.strip()]
        numbers = [[as_number(number, 1e3) for number in step] for step in steps]
        return [step[0] if len(step) == 1 else step for step in numbers]

    @value.setter
    def value(self, value: Sequence[Any]) -> None:
        self.line.setText("; ".join(_field(step) for step in value))


class Constant(Editor):
    """A constant: a range to estimate it in, a value that is known, or a list of values to train on."""

    RANGE, KNOWN, LIST = "from … to", "is known", "list"

    def __init__(self, unit: str, scale: float = 1.0) -> None:
        self.kind = Choice({name: name for name in (self.RANGE, self.KNOWN, self.LIST)})
        self.kind.setMinimumContentsLength(7)
        self.low, self.high, self._dash = QLineEdit(), QLineEdit(), QLabel("–")
        super().__init__(self.kind, self.low, self._dash, self.high, QLabel(unit))
        self._scale = scale
        self.low.setMinimumWidth(36)
        self.high.setMinimumWidth(36)
        self.kind.currentIndexChanged.connect(self._on_kind)
        for line in (self.low, self.high):
            line.textEdited.connect(self.changed)

    @property
    def known(self) -> bool:
        """Whether it is a number, which nothing needs to estimate."""
        return bool(self.kind.value == self.KNOWN)

    @property
    def value(self) -> Any:
        """A number, ``{low, high}`` or ``{values}``."""
        low = self.low.text()
        if self.kind.value == self.LIST:
            return {"values": [as_number(part, self._scale) for part in low.replace(",", " ").split()]}
        if self.known:
            return as_number(low, self._scale)
        return {"low": as_number(low, self._scale), "high": as_number(self.high.text(), self._scale)}

    @value.setter
    def value(self, value: Any) -> None:
        if not isinstance(value, Mapping):
            kind, texts = self.KNOWN, [as_text(value, self._scale), ""]
        elif "values" in value:
            kind, texts = self.LIST, [", ".join(as_text(v, self._scale) for v in value["values"]), ""]
        else:
            kind, texts = self.RANGE, [as_text(value[end], self._scale) for end in ("low", "high")]
        self.kind.value = kind
        for line, text in zip((self.low, self.high), texts, strict=True):
            line.setText(text)
        self._on_kind()

    def _on_kind(self, _index: int = 0) -> None:
        for widget in (self._dash, self.high):
            widget.setVisible(self.kind.value == self.RANGE)
        self.changed.emit()


def as_number(text: str, scale: float, *, whole: bool = False) -> Any:
    """Read what was typed, in the window's unit, into the file's; what is no number stays text."""
    try:
        number = float(text.replace("−", "-"))
    except ValueError:
        return text
    return int(number) if whole and number.is_integer() else tidy(number / scale)


def as_text(value: float, scale: float) -> str:
    """Show a number of the file in the window's unit, with all its digits."""
    return f"{tidy(value * scale):.12g}"


def _field(step: Any) -> str:
    x, y, z = step if isinstance(step, Sequence) else (0.0, 0.0, step)
    return as_text(z, 1e3) if not (x or y) else " ".join(as_text(part, 1e3) for part in (x, y, z))
