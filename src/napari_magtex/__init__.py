"""Interactive analysis of magnetic textures in napari."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("napari-magtex")
except PackageNotFoundError:  # run from a tree that was never installed
    __version__ = "0+unknown"
