"""The nine magnetic states, and which of them a contrast can show."""

from __future__ import annotations

from enum import StrEnum

from napari_magtex.picture import Contrast


class State(StrEnum):
    """The nine classes of arXiv 2605.22125, under the keys that every file of this project uses."""

    AFM = "afm"
    AFM_IN_PLANE_SKYRMIONS = "afm_in_plane_skyrmions"
    AFM_SKYRMIONS = "afm_skyrmions"
    AFM_STRIPES = "afm_stripes"
    FM = "fm"
    FM_IN_PLANE_SKYRMIONS = "fm_in_plane_skyrmions"
    FM_SKYRMIONS = "fm_skyrmions"
    FM_STRIPES = "fm_stripes"
    NEEL_120 = "neel_120"

    @property
    def caption(self) -> str:
        """What a person reads."""
        return TITLES[self]


TITLES = {
    State.AFM: "Antiferromagnet",
    State.AFM_IN_PLANE_SKYRMIONS: "AFM in-plane skyrmions",
    State.AFM_SKYRMIONS: "AFM skyrmions",
    State.AFM_STRIPES: "AFM stripes",
    State.FM: "Ferromagnet",
    State.FM_IN_PLANE_SKYRMIONS: "FM in-plane skyrmions",
    State.FM_SKYRMIONS: "FM skyrmions",
    State.FM_STRIPES: "FM stripes",
    State.NEEL_120: "Néel 120°",
}

FERROMAGNETIC = frozenset({State.FM, State.FM_IN_PLANE_SKYRMIONS, State.FM_SKYRMIONS, State.FM_STRIPES})


def hidden_states(contrast: Contrast) -> frozenset[State]:
    """Return the states that a contrast cannot show: without net magnetisation all but spin pictures are blank."""
    return frozenset() if contrast is Contrast.SPIN else frozenset(State) - FERROMAGNETIC
