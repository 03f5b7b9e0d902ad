"""Put the manifest and the samples, which live at the top of the tree, inside the package.

A wheel gets them as files; an editable install gets git-ignored links in ``src/napari_magtex``, where npe2 and
``importlib.resources`` look (a plain force-include is not seen there).
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SHARED = ("napari.yaml", "sample_data")


class SharedFiles(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        if version == "editable":
            for name in SHARED:
                link = root / "src" / "napari_magtex" / name
                if not link.exists():
                    link.unlink(missing_ok=True)
                    link.symlink_to(Path("..") / ".." / name)
        else:
            for name in SHARED:
                build_data["force_include"][str(root / name)] = f"napari_magtex/{name}"
