"""How a frame was taken: what RosettaSciIO's readers leave in vendors' own words, under one set of names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from napari_magtex.io.lengths import positive

MAPPED = {  # HyperSpy's names, to which RosettaSciIO maps the vendors'
    "beam_energy": "voltage_kV",
    "magnification": "magnification",
    "exposure": "exposure_s",
    "exposure_per_frame": "exposure_s",
    "dwell_time": "dwell_time_s",
    "camera_length": "camera_length_mm",
    "tilt_alpha": "tilt_alpha_deg",
    "tilt_beta": "tilt_beta_deg",
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
_STAGE = ("tilt_alpha_deg", "tilt_beta_deg", "tilt_deg")  # the last is that of a simulated frame
TILTS = ((r"Stage A_deg$", "tilt_alpha_deg"), (r"Stage B_deg$", "tilt_beta_deg"))
DEFOCUS = ((r"Optics\.Defocus$", 1e6), (r"Defocus_um$", 1.0), (r"Microscope Info\.Defocus \(um\)$", 1.0))


def acquisition_of(signal: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a signal of RosettaSciIO tells of its acquisition.

    Returns
    -------
    ``voltage_kV``, ``magnification``, ``exposure_s``, ``tilt_alpha_deg`` and ``tilt_beta_deg`` of the stage,
    ``defocus_vendor_um`` (in the vendor's sign), ``microscope``, ``date`` ...; a key is missing where the file does not
    tell, or gives no number above 0 of what has one.
    """
    original = dict(_flat(signal.get("original_metadata") or {}))
    told: dict[str, Any] = {}
    for key, value in _mapped(signal, original):
        if key.endswith(("_kV", "_s", "_mm", "magnification")):
            value = positive(value)
        elif key.endswith("_deg"):
            value = _angle(value)
        if value not in (None, ""):
            told.setdefault(key, value if isinstance(value, float) else str(value))
    for pattern, key, factor in OWN_WORDS:
        number = positive(_first(original, pattern))
        if number is not None:
            told.setdefault(key, round(number * factor, 9))
    for pattern, key in TILTS:
        if (angle := _angle(_first(original, pattern))) is not None:
            told.setdefault(key, angle)
    for pattern, factor in DEFOCUS:
        defocus = _first(original, pattern)
        if isinstance(defocus, (int, float, str)) and positive(abs(_number(defocus))) is not None:
            told.setdefault("defocus_vendor_um", _number(defocus) * factor)
    return told


def in_words(meta: Mapping[str, Any]) -> str:
    """Say in a line what is known of how a frame was taken: "300 kV, 12,000x, 0.5 s, tilt 20°, defocus -8 mm"."""
    said = [
        f"{number:,g}{unit}"
        for key, unit in (("voltage_kV", " kV"), ("magnification", "x"), ("exposure_s", " s"))
        if (number := positive(meta.get(key))) is not None
    ]
    tilt = [f"{angle:.3g}°" for key in _STAGE if (angle := _angle(meta.get(key)))]  # what lies flat needs no word
    if tilt:
        said.append(f"tilt {' and '.join(tilt)}")
    return ", ".join([*said, *_defocus_in_words(meta)])


def _defocus_in_words(meta: Mapping[str, Any]) -> Iterator[str]:
    known, vendors = meta.get("defocus_um"), meta.get("defocus_vendor_um")
    if isinstance(known, int | float):
        yield f"defocus {_length(known)}"
    elif isinstance(known, Sequence) and known and all(isinstance(df, int | float) for df in known):
        yield f"defocus {_length(min(known))} to {_length(max(known))} in {len(known)} frames"
    elif isinstance(vendors, int | float):
        yield f"defocus {_length(vendors)} (vendor's sign)"


def _length(um: float) -> str:
    """Write a length in the unit that suits it."""
    for scale, unit in ((1e3, "mm"), (1.0, "um")):
        if abs(um) >= scale:
            return f"{um / scale:.4g} {unit}"
    return f"{um * 1e3:.4g} nm" if um else "0"


def _angle(value: Any) -> float | None:
    """Return degrees; None where a value is no finite number."""
    try:
        angle = float(value)
    except (TypeError, ValueError):
        return None
    return round(angle, 4) if math.isfinite(angle) else None


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
