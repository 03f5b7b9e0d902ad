"""The nine states: what each is, how to prepare it, and the check that a texture is it."""

from napari_magtex.states.definitions import FERROMAGNETIC, TITLES, State, hidden_states

__all__ = ["FERROMAGNETIC", "TITLES", "State", "hidden_states"]
