"""How to prepare each state: a model and a start to relax from, drawn at random within wide ranges.

Parameters follow the table in arXiv 2605.22125 and Spirit's conventions (J = 1). The antiferromagnetic states are those
of the twin model, J and D turned over and the start staggered, at zero field: relaxed in their own right.
"""

from __future__ import annotations

from napari_magtex.states.definitions import State
from napari_magtex.states.recipes.bimerons import bimerons, frustrated_bimerons, turned
from napari_magtex.states.recipes.draw import Draw, Prepared, Recipe
from napari_magtex.states.recipes.films import dipolar_stripes, film_skyrmions, film_stripes
from napari_magtex.states.recipes.skyrmions import frustrated_skyrmions, seeded_skyrmions, skyrmion_lattice
from napari_magtex.states.recipes.stripes import branched_stripes, labyrinth, straight_stripes
from napari_magtex.states.recipes.uniform import neel_120, neel_120_domains, polarised, spin_flop, uniform
from napari_magtex.texture import Lattice

__all__ = ["RECIPES", "Draw", "Prepared", "Recipe", "turned"]

_BOTH = (Lattice.SQUARE, Lattice.SQUARE, Lattice.TRIANGULAR)  # twice as often the square one
_TRIANGULAR = (Lattice.TRIANGULAR,)

RECIPES = (
    Recipe("fm", State.FM, uniform, lattices=_BOTH),
    Recipe("fm-polarised", State.FM, polarised, lattices=_BOTH),
    Recipe("fm-labyrinth", State.FM_STRIPES, labyrinth, lattices=_BOTH),
    Recipe("fm-straight", State.FM_STRIPES, straight_stripes, lattices=_BOTH),
    Recipe("fm-branched", State.FM_STRIPES, branched_stripes, lattices=_BOTH),
    Recipe("fm-film-stripes", State.FM_STRIPES, film_stripes, weight=0.8),
    Recipe("fm-film-dipolar", State.FM_STRIPES, dipolar_stripes, weight=0.2),
    Recipe("fm-lattice", State.FM_SKYRMIONS, skyrmion_lattice, lattices=_BOTH),
    Recipe("fm-seeded", State.FM_SKYRMIONS, seeded_skyrmions, lattices=_BOTH),
    Recipe("fm-frustrated", State.FM_SKYRMIONS, frustrated_skyrmions, weight=0.2, hottest=0.08),
    Recipe("fm-film-skyrmions", State.FM_SKYRMIONS, film_skyrmions, weight=0.8),
    Recipe("fm-lattice-turned", State.FM_IN_PLANE_SKYRMIONS, skyrmion_lattice, lattices=_BOTH, turned=True),
    Recipe("fm-seeded-turned", State.FM_IN_PLANE_SKYRMIONS, seeded_skyrmions, lattices=_BOTH, turned=True),
    Recipe("fm-bimerons", State.FM_IN_PLANE_SKYRMIONS, bimerons, lattices=_BOTH),
    Recipe("fm-bimerons-frustrated", State.FM_IN_PLANE_SKYRMIONS, frustrated_bimerons, weight=0.4, hottest=0.08),
    Recipe("afm-checkerboard", State.AFM, uniform, antiferromagnetic=True),
    Recipe("afm-row-wise", State.AFM, uniform, antiferromagnetic=True, lattices=_TRIANGULAR, weight=0.7, hottest=0.25),
    Recipe("afm-spin-flop", State.AFM, spin_flop, antiferromagnetic=True, weight=0.5),
    Recipe("afm-labyrinth", State.AFM_STRIPES, labyrinth, antiferromagnetic=True),
    Recipe("afm-straight", State.AFM_STRIPES, straight_stripes, antiferromagnetic=True),
    Recipe("afm-branched", State.AFM_STRIPES, branched_stripes, antiferromagnetic=True),
    Recipe(
        "afm-row-wise-straight",
        State.AFM_STRIPES,
        straight_stripes,
        True,
        _TRIANGULAR,
        weight=0.25,
        hottest=0.2,
        open_edges=0,
    ),
    Recipe("afm-seeded", State.AFM_SKYRMIONS, seeded_skyrmions, antiferromagnetic=True),
    Recipe("afm-frustrated", State.AFM_SKYRMIONS, frustrated_skyrmions, True, weight=0.15, hottest=0.08),
    Recipe("afm-row-wise-seeded", State.AFM_SKYRMIONS, seeded_skyrmions, True, _TRIANGULAR, weight=0.25, hottest=0.2),
    Recipe("afm-seeded-turned", State.AFM_IN_PLANE_SKYRMIONS, seeded_skyrmions, antiferromagnetic=True, turned=True),
    Recipe("afm-bimerons", State.AFM_IN_PLANE_SKYRMIONS, bimerons, antiferromagnetic=True, weight=0.5),
    Recipe(
        "afm-bimerons-frustrated", State.AFM_IN_PLANE_SKYRMIONS, frustrated_bimerons, True, weight=0.2, hottest=0.08
    ),
    Recipe("neel-120", State.NEEL_120, neel_120, lattices=_TRIANGULAR, hottest=0.25),
    Recipe("neel-120-domains", State.NEEL_120, neel_120_domains, lattices=_TRIANGULAR, hottest=0.25),
)
