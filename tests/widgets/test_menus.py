"""What the manifest promises stands in napari's menus, and does what it says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest

MENUS = {
    "napari/layers/classify": {"napari-magtex.classify", "napari-magtex.state_map", "napari-magtex.learn"},
    "napari/layers/segment": {"napari-magtex.segment", "napari-magtex.tracks", "napari-magtex.teach"},
    "napari/layers/measure": {
        "napari-magtex.estimate",
        "napari-magtex.train",
        "napari-magtex.check",
        "napari-magtex.hysteresis",
    },
    "napari-magtex.lorentz": {"napari-magtex.simulate_frame", "napari-magtex.reconstruct"},
    "napari/layers/filter": {"napari-magtex.clean"},
    "napari/layers/data": {"napari-magtex.read_calibration"},
    "napari/layers/visualize": {"napari-magtex.show_components", "napari-magtex.show_vectors"},
    "napari/file/io_utilities": {"napari-magtex.open_spin_picture"},
}


@pytest.fixture
def manifest() -> Iterator[PluginManifest]:
    manager = PluginManager.instance()
    manager.discover()
    manager.enable("napari-magtex")
    return manager.get_manifest("napari-magtex")


def test_every_menu_that_we_use_takes_contributions(manifest) -> None:
    from napari._app_model.constants import MenuId

    known = {str(menu) for menu in MenuId.contributables()}
    known |= {submenu.id for submenu in manifest.contributions.submenus}
    assert set(manifest.contributions.menus) <= known  # napari drops what it does not know, without a word


def test_the_menus_hold_our_commands(manifest, make_napari_viewer) -> None:
    from napari._app_model import get_app_model

    make_napari_viewer()
    menus = get_app_model().menus
    for menu, commands in MENUS.items():
        found = {item.command.id for item in menus.get_menu(menu) if hasattr(item, "command")}
        assert commands <= found


def test_lorentz_tem_is_a_submenu_of_transform(manifest, make_napari_viewer) -> None:
    from napari._app_model import get_app_model

    make_napari_viewer()
    found = {getattr(item, "submenu", None) for item in get_app_model().menus.get_menu("napari/layers/transform")}
    assert "napari-magtex.lorentz" in found


@pytest.mark.parametrize(
    "name",
    [
        "Classify state…",
        "Map states…",
        "Teach states…",
        "Segment skyrmions…",
        "Track skyrmions…",
        "Teach skyrmions…",
        "Estimate parameters…",
        "New experiment…",
        "Check by simulation…",
        "Predict hysteresis…",
        "Simulate frame…",
        "Reconstruct series…",
        "Clean frame…",
    ],
)
def test_a_dock_opens_from_its_menu_and_closes(manifest, make_napari_viewer, name) -> None:
    viewer = make_napari_viewer()
    dock, widget = viewer.window.add_plugin_dock_widget("napari-magtex", name)
    assert widget.viewer is viewer
    dock.destroyOnClose()
    assert not viewer.window.dock_widgets


def test_a_command_is_given_the_viewer(manifest, make_napari_viewer) -> None:
    from napari._app_model import get_app_model

    from napari_magtex.contributions import texture_layer
    from napari_magtex.texture import SpinTexture

    viewer = make_napari_viewer()
    data, keywords, _ = texture_layer(SpinTexture.from_layer(np.tile((0.0, 0.6, 0.8), (20, 24, 1))), "t")
    viewer.add_image(data, **keywords)
    get_app_model().commands.execute_command("napari-magtex.show_components").result()
    assert [layer.name for layer in viewer.layers] == ["t", "m_x: t", "m_y: t", "m_z: t"]
    assert viewer.layers["m_y: t"].data[0, 0] == pytest.approx(0.6)
