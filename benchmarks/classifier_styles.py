"""Held-out simulations in one fixed style at a time, as programs leave them: what the figures by style stand on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from napari_magtex.classify.augment import piece, varied
from napari_magtex.classify.data import HeldOut
from napari_magtex.classify.drawing import shows_in_mz
from napari_magtex.classify.faults import eight_bits
from napari_magtex.colours import ColourMap
from napari_magtex.imaging.arrows import ArrowStyle, draw_arrows
from napari_magtex.imaging.cells import draw_cells
from napari_magtex.picture import SMALLEST_SIDE, Contrast, Picture
from napari_magtex.states.definitions import State
from napari_magtex.states.library import Simulation
from napari_magtex.texture import SpinTexture

LONGEST = (140, 460)  # pixels of a picture's longer side
SITES = np.geomspace(3, 40, 12).round(2)  # pixels a site of arrows: few, for each is ray-traced once
WIDEST = 130  # sites


@dataclass(frozen=True)
class Style:
    """Colours, one of which is drawn by chance, and the arrows; without arrows, cells."""

    name: str
    colour_maps: tuple[ColourMap, ...]
    arrows: ArrowStyle | None = None

    def shows(self, simulation: Simulation) -> bool:
        """Whether such a picture tells the state: cells coloured by m_z say nothing of an order in the plane."""
        return self.arrows is not None or self.colour_maps[0].carries_in_plane or shows_in_mz(simulation)

    def draw(self, simulation: Simulation, rng: np.random.Generator) -> Picture:
        """Draw a simulation, or a piece that still shows its texture, at a size drawn by chance."""
        m = varied(simulation, rng)
        if max(m.shape) > WIDEST or rng.random() < 0.5:
            m = m[piece(m, rng, most=WIDEST)]
        texture = SpinTexture.from_layer(m, lattice=simulation.texture.lattice)
        colours = self.colour_maps[rng.integers(len(self.colour_maps))]
        site = np.exp(rng.uniform(*np.log(LONGEST))) / max(texture.shape)
        if self.arrows is None:
            least = ceil(1.2 * SMALLEST_SIDE / min(texture.shape[1:]))
            picture = draw_cells(texture, colours, zoom=max(least, int(site)))
        else:
            nearest = float(SITES[np.abs(np.log(SITES / site)).argmin()])
            picture = draw_arrows(texture, replace(self.arrows, colour_map=colours, pixels_per_site=nearest))
        return Picture(eight_bits(picture.pixels), Contrast.SPIN)


RED_UP = (ColourMap.BLUE_RED, ColourMap.RAINBOW, ColourMap.BLUE_WHITE_RED)
PAPER = Style("paper-style arrows", RED_UP, ArrowStyle())
OTHERS = (
    Style("arrows, HSV", (ColourMap.HSV,), ArrowStyle()),
    Style("arrows, MuMax3's colours", (ColourMap.MUMAX3,), ArrowStyle()),
    Style("arrows on black", RED_UP, ArrowStyle(ground=(0, 0, 0))),
    Style("arrows on grey", RED_UP, ArrowStyle(ground=(0.5, 0.5, 0.5))),
    Style("arrows, seen at 25 degrees", RED_UP, ArrowStyle(tilt_deg=25)),
    Style("arrows, short and thick", RED_UP, ArrowStyle(length=0.85, width=0.55)),
    Style("cells, MuMax3's colours", (ColourMap.MUMAX3,)),
    Style("cells, HSV", (ColourMap.HSV,)),
    Style("cells, rainbow", (ColourMap.RAINBOW,)),
    Style("cells, blue-red", (ColourMap.BLUE_RED,)),
    Style("cells, blue-white-red", (ColourMap.BLUE_WHITE_RED,)),
    Style("grey m_z", (ColourMap.GREY,)),
)


def styled(simulations: Sequence[Simulation], style: Style, count: int, *, seed: int) -> Iterator[HeldOut]:
    """Draw ``count`` pictures in one style, the states that it shows in turn."""
    able = [s for s in simulations if style.shows(s)]
    by_state = [group for state in State if (group := [s for s in able if s.state is state])]
    for index in range(count if by_state else 0):
        rng = np.random.default_rng([seed, *style.name.encode(), index])
        group = by_state[index % len(by_state)]
        simulation = group[rng.integers(len(group))]
        yield HeldOut(style.draw(simulation, rng), simulation.state, style.name)
