"""Dock widgets and commands for napari: thin, one a file; the only room that imports Qt or napari."""
