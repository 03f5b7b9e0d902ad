"""How a frame was taken: what RosettaSciIO's readers leave in vendors' own words, under one set of names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from napari_magtex.io.lengths import positive

MAPPED = {  # HyperSpy's names, to which RosettaSciIO maps the vendors'
    "beam_energy": "voltage_kV",
    "magnification": "magnification",
    "exposure": "exposure_s",
    "exposure_per_frame": "exposure_s",
    "dwell_time": "dwell_time_s",
    "camera_length": "camera_length_mm",
    "microscope": "microscope",
    "acquisition_mode": "mode",
    "date": "date",
    "time": "time",
}
OWN_WORDS = (  # what it does not map; the sign of a defocus stays the vendor's, as they differ
    (r"Microscope Info\.Voltage$", "voltage_kV", 1e-3),
    (r"Optics\.AccelerationVoltage$", "voltage_kV", 1e-3),
    (r"High tension_kV$", "voltage_kV", 1.0),
    (r"Indicated Magnification$", "magnification", 1.0),
    (r"Optics\.NominalMagnification$", "magnification", 1.0),
    (r"Magnification_x$", "magnification", 1.0),
    (r"DataBar\.Exposure Time \(s\)$", "exposure_s", 1.0),
    (r"High Level\.Exposure \(s\)$", "exposure_s", 1.0),
    (r"Detectors\.Detector-\d+\.ExposureTime$", "exposure_s", 1.0),
    (r"Scan\.FrameTime$", "exposure_s", 1.0),
)
DEFOCUS = ((r"Optics\.Defocus$", 1e6), (r"Defocus_um$", 1.0), (r"Microscope Info\.Defocus \(um\)$", 1.0))


def acquisition_of(signal: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a signal of RosettaSciIO tells of its acquisition.

    Returns
    -------
    ``voltage_kV``, ``magnification``, ``exposure_s``, ``defocus_vendor_um`` (in the vendor's sign), ``microscope``,
    ``date`` ...; a key is missing where the file does not tell, or gives no number above 0.
    """
    original = dict(_flat(signal.get("original_metadata") or {}))
    told: dict[str, Any] = {}
    for key, value in _mapped(signal, original):
        if key.endswith(("_kV", "_s", "_mm", "magnification")):
            value = positive(value)
        if value not in (None, ""):
            told.setdefault(key, value if isinstance(value, float) else str(value))
    for pattern, key, factor in OWN_WORDS:
        number = positive(_first(original, pattern))
        if number is not None:
            told.setdefault(key, round(number * factor, 9))
    for pattern, factor in DEFOCUS:
        defocus = _first(original, pattern)
        if isinstance(defocus, (int, float, str)) and positive(abs(_number(defocus))) is not None:
            told.setdefault("defocus_vendor_um", _number(defocus) * factor)
    return told


def _mapped(signal: Mapping[str, Any], original: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for path, value in _flat(signal.get("metadata") or {}):
        if (name := path.rpartition(".")[2]) in MAPPED:
            yield MAPPED[name], value
    for source, (target, convert) in (signal.get("mapping") or {}).items():
        name = str(target).rpartition(".")[2]
        if name in MAPPED and source in original:
            try:
                yield MAPPED[name], convert(original[source]) if convert else original[source]
            except Exception:  # a converter met a value of another kind: then the file does not tell
                continue


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _first(original: Mapping[str, Any], pattern: str) -> Any:
    return next((value for key, value in original.items() if re.search(pattern, key)), None)


def _number(value: float | str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0
