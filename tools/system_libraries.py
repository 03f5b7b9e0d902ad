"""Say which libraries napari's window needs and this machine lacks; on Debian or Ubuntu, as root, install them.

Nothing but the standard library: it runs before anything is installed. Where it cannot install, it names what is
missing and lets the caller go on, since a library may be where this search does not look.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

LIBRARIES = {  # what the loader must find: the package of Debian and Ubuntu that brings it
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
PROGRAMS = {"Xvfb": "xvfb", "xauth": "xauth"}  # the virtual screen, and what xvfb-run opens it with
DRIVER = "swrast_dri.so"  # Mesa's software renderer: OpenGL without a graphics card
DRIVER_PACKAGE = "libgl1-mesa-dri"


def missing() -> dict[str, str]:
    """Return what is missing, and the Debian package that brings it."""
    lacking = {name: package for name, package in LIBRARIES.items() if not _loads(name)}
    lacking |= {name: package for name, package in PROGRAMS.items() if shutil.which(name) is None}
    if not any(found for root in ("/usr/lib", "/usr/lib64") for found in Path(root).glob(f"**/dri/{DRIVER}")):
        lacking[DRIVER] = DRIVER_PACKAGE
    if importlib.util.find_spec("ensurepip") is None:  # Debian keeps it in a package of its own
        lacking["ensurepip"] = f"python3.{sys.version_info.minor}-venv"
    return lacking


def _loads(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def install(packages: list[str]) -> bool:
    """Install packages with apt-get; say whether that went well."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", "-qq", *command], env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            say(f"apt-get {command[0]} failed: {(done.stderr or done.stdout).strip()}")
            return False
    return True


def say(line: str) -> None:
    print(line, file=sys.stderr)


def main() -> None:
    if sys.platform != "linux" or not (lacking := missing()):
        return
    packages = sorted(set(lacking.values()))
    if shutil.which("apt-get") and os.geteuid() == 0:
        say(f"Installing what napari's window needs: {' '.join(packages)}")
        if install(packages) and not (lacking := missing()):
            return
        packages = sorted(set(lacking.values()))
    say(f"Missing on this machine: {', '.join(lacking)}. On Debian or Ubuntu: apt-get install {' '.join(packages)}")


if __name__ == "__main__":
    main()
