"""The recipe of a training run: every number that shapes it, from a TOML file or by default."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from napari_magtex.errors import BadExperiment

_NO_MATTER = ("learners", "threads", "workers", "calibration", "test")


@dataclass(frozen=True)
class Recipe:
    """How the classifier is trained.

    Parameters
    ----------
    name, version
        Of the model, as its card will say.
    library
        Folder of simulations; empty for the one in the cache folder.
    start
        Model whose weights the run starts from, by name or file; empty: from nothing.
    backbone, size
        Model of timm, and the side S of a view in pixels.
    samples, batch, minutes
        Pictures to train on in all (each gives two views) and at once, and the time after which training is over though
        there were more to come: the learning rate follows whichever is further on.
    learning_rate, weight_decay, warmup, smoothing, drop_path, drop, average
        AdamW with a cosine; share of the run spent warming up; label smoothing; stochastic depth; dropout of the
        features; decay of the moving average of the weights, which is what is kept.
    negatives
        Share of pictures that show no texture.
    calibration, test
        Pictures drawn for calibration and for the test figures, for each style family.
    seed
        Of all chance.
    learners, threads, workers
        Processes that learn side by side on a CPU (a GPU has one) and share each batch; threads of each; processes
        that draw pictures for each, 0 where it draws them itself.
    """

    name: str = "nine-states"
    version: str = "0.4"
    library: str = ""
    start: str = ""
    backbone: str = "efficientnet_b0"
    size: int = 128
    samples: int = 120_000
    batch: int = 24
    minutes: float = 88.0
    learning_rate: float = 1.2e-3
    weight_decay: float = 0.02
    warmup: float = 0.04
    smoothing: float = 0.02
    drop_path: float = 0.0
    drop: float = 0.1
    average: float = 0.995
    negatives: float = 0.14
    calibration: int = 180
    test: int = 180
    seed: int = 1
    learners: int = 2
    threads: int = 1
    workers: int = 0

    @classmethod
    def from_toml(cls, path: Path | None) -> Recipe:
        """Read a recipe: a table of the names above, those left out as they are by default.

        Raises
        ------
        BadExperiment
            It is no TOML, has an unknown name, or a value of another kind.
        """
        if path is None:
            return cls()
        try:
            given = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadExperiment(f"{path} cannot be read as a recipe: {error}") from error
        known = {field.name: type(field.default) for field in fields(cls)}
        for key, value in given.items():
            if key not in known:
                raise BadExperiment(f"{path}: unknown entry {key}; a recipe knows {', '.join(known)}")
            if not isinstance(value, (int, float) if known[key] is float else known[key]) or isinstance(value, bool):
                raise BadExperiment(f"{path}: {key} must be of the kind {known[key].__name__}, not {value!r}")
        return cls(**given)

    @property
    def digest(self) -> str:
        """A short hash of all that decides the weights: runs of the same recipe share a checkpoint."""
        decides = {k: v for k, v in asdict(self).items() if k not in _NO_MATTER}
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]
