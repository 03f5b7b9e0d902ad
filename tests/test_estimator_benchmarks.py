"""The benchmarks of estimating: how they read other people's files, and which films they ask for."""

import importlib
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
NAME = "relaxed_33dSKML_st011_Aex_11.078_Dind_2.291.png"


@pytest.fixture
def benchmark_of(monkeypatch):
    """Import a benchmark by its name."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


def stripes(cells, wall, period=24):
    """Return m_z (cells, cells) of slanted stripes with walls of the given Delta; all lengths in cells."""
    y, x = np.mgrid[:cells, :cells]
    along = (x + 0.4 * y) % period - period / 2
    return np.tanh((period / 4 - np.abs(along)) / wall)


@pytest.mark.parametrize("wall", [1.3, 3.0])
def test_m_z_is_read_back_from_bytes_that_wrapped_round(benchmark_of, wall):
    mz = stripes(96, wall)
    grey = (255 * mz).astype(int).astype(np.uint8)  # as the writer did
    assert np.abs(grey / 127.5 - 1 - mz).max() > 0.9, "read as plain grey it would be wrong"
    found = benchmark_of("estimator_skml").unwrapped(grey)
    wrong = np.abs(found - mz) > 1 / 255
    assert wrong[8:-8, 8:-8].mean() < 0.005, "at the rim a wall may lack the domain beyond it"


def test_constants_are_read_off_the_names_of_files(benchmark_of):
    skml = benchmark_of("estimator_skml")
    assert skml.named(Path(NAME)) == pytest.approx((11.078e-12 / 3, 2.291e-3 / 3))
    with pytest.raises(SystemExit, match="does not say Aex"):
        skml.named(Path("labyrinth.png"))


def test_without_the_files_the_outside_check_is_skipped_with_a_reason(benchmark_of, monkeypatch, capsys, tmp_path):
    skml = benchmark_of("estimator_skml")
    monkeypatch.setattr("sys.argv", ["estimator_skml.py", "--data", str(tmp_path)])
    skml.main()
    assert "skipped" in capsys.readouterr().out


def test_every_file_of_the_outside_check_lies_within_the_ranges_that_are_trained(benchmark_of, real_data):
    skml = benchmark_of("estimator_skml")
    files = list((real_data / "spinpng" / "SKML_params").glob("*_Aex_*"))
    assert len(files) == 22
    parameters = skml.EXPERIMENT["parameters"]
    for A, D in map(skml.named, files):
        assert parameters["A_pJ_per_m"]["low"] < A * 1e12 < parameters["A_pJ_per_m"]["high"]
        assert parameters["D_mJ_per_m2"]["low"] < D * 1e3 < parameters["D_mJ_per_m2"]["high"]


def test_most_of_the_papers_printed_sets_are_below_the_resolution_of_its_cell(benchmark_of):
    designs = benchmark_of("estimator_paper").DESIGNS
    assert {name: design.too_coarse() for name, design in designs.items()} == {
        "window": 0,
        "window-hot": 0,
        "printed": 117,
    }


def test_the_papers_tests_ask_for_sets_between_those_that_were_learned(benchmark_of):
    from napari_magtex.estimate.sets import Split, parameter_sets

    design = benchmark_of("estimator_paper").DESIGNS["window-hot"]
    learned = design.experiment(design.grid, start={"seed": 1})
    tests = {name: design.experiment(values) for name, values in design.tests.items()}
    assert (len(parameter_sets(learned, Split.TRAIN)), learned.start.seed) == (125, 1)
    assert {name: (len(parameter_sets(e, Split.TRAIN)), e.start.seed) for name, e in tests.items()} == {
        "A": (125, 2),
        "B": (64, 2),
    }
    assert not set(tests["B"].parameters["A"].values) & set(learned.parameters["A"].values)
    assert all(e.conditions.temperature_K == 265 for e in (learned, *tests.values()))


def test_a_network_without_torques_is_judged_by_intervals_of_its_own(benchmark_of):
    from napari_magtex.estimate.calibration import Intervals
    from napari_magtex.estimate.estimator import Estimator

    told = Intervals((40.0,), {"A": (1.0,), "A by network": (2.0,), "A|D by network": (3.0,), "period": (1.0,)})
    whole = Estimator("e", None, None, told, None, {}, np.eye(1), misses="of torques")
    alone = benchmark_of("estimator_paper").alone(whole)
    assert (alone.misses, dict(alone.intervals.quantiles)) == (None, {"A": (2.0,), "A|D": (3.0,)})


def test_the_tables_of_the_papers_protocol_set_both_networks_side_by_side(benchmark_of):
    paper = benchmark_of("estimator_paper")
    constant = {"median_relative_error_percent": 2.0, "90th_percentile_relative_error_percent": 5.0}
    constant |= {"coverage_percent": 90.0, "guessing_the_middle_percent": 25.0}
    figures = {"films": 64, "uniform": 0, "parameters": dict.fromkeys(("A", "D", "Ms"), constant)}
    rows = [
        {"design": "printed", "what": what, "test": "B", "figures": figures, "steps": 5, "seconds": 90.0}
        for what in ("wang2020", "windows-cnn")
    ]
    said = paper.markdown({"rows": rows})
    assert "117 of the 125 sets are below the cell's resolution" in said
    assert "5 steps of wang2020 (1.5 min) and 5 steps of windows-cnn (1.5 min)" in said
    assert [line.split("|")[1].strip() for line in said.splitlines() if "| B " in line] == [
        "(nothing: the middle of the ranges)",
        "wang2020",
        "windows-cnn",
    ]


def test_the_outside_check_says_how_its_network_and_classical_numbers_rank(benchmark_of):
    skml = benchmark_of("estimator_skml")
    named = [(4.0e-12, 0.6e-3), (3.8e-12, 0.7e-3), (4.2e-12, 0.8e-3)]
    rows = [
        {"file": f"{i}", "named": [A, D], "period": 5 * np.pi * A / D, "wall": 1e3 * np.sqrt(A / 1e3), "familiar": True,
         "told": {"A": [1.1 * A, 0.9 * A, 1.2 * A], "D": [D, 1.1 * D, 1.2 * D]}}
        for i, (A, D) in enumerate(named)
    ]  # fmt: skip
    films = [{"file": "1", "period": 1.1 * rows[1]["period"], "wall": rows[1]["wall"]}]
    figures = {"rows": rows, "simulated": films}
    bare = skml.markdown(figures)
    for words in ("| A/D ", "| +1.00 ", "1.25 times 4π A/D", "(+10 %)"):
        assert words in bare
    assert "network" not in bare
    test = {"films": 16, "parameters": {name: {"median_relative_error_percent": 3.0} for name in "AD"}}
    whole = skml.markdown(figures | {"fit": {"A": [1.0, 0.0, 2.0], "D": [1.0, -1.0, 2.0]}, "test": test})
    assert bare in whole
    assert "+1.00; 10 % (+10 %)" in whole
    assert "hold the named A in 3 and D in 0 of 3" in whole


TINY = {"films": 8, "calibration": 10, "test": 1, "steps": 1}


def test_the_papers_protocol_runs_from_films_to_tables(benchmark_of, monkeypatch, tmp_path, capsys, one_thread):
    paper = benchmark_of("estimator_paper")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    grid = {"A_pJ_per_m": [8, 10], "D_mJ_per_m2": [2.0, 2.4], "Ms_MA_per_m": [0.3, 0.4]}
    monkeypatch.setattr(paper, "DESIGNS", {"tiny": paper.Design("Tiny", grid, 0.0, {"shape": [48, 48]})})
    monkeypatch.setattr(paper, "STEPS", {"wang2020": 1, "windows-cnn": 1})
    monkeypatch.setattr(paper, "HELD_BACK", {"calibration": 10, "test": 1})
    for test in "BA":
        monkeypatch.setattr("sys.argv", ["paper", "tiny", "--tests", test, "--json", str(tmp_path / "p.json")])
        paper.main()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("| w", "| (n"))][-10:]
    assert [line.split("|")[1].strip() for line in lines] == ["(nothing: the middle of the ranges)"] * 2 + [
        "wang2020",
        "wang2020, then torques",
        "windows-cnn",
        "windows-cnn, then torques",
    ] * 2
    assert [line.split("|")[3].strip() for line in lines] == ["8", "1", *["8"] * 4, *["1"] * 4]


def test_the_outside_check_runs_from_files_to_tables(benchmark_of, monkeypatch, tmp_path, capsys, one_thread):
    from PIL import Image

    skml = benchmark_of("estimator_skml")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    film = skml.EXPERIMENT["film"] | {"shape": [48, 48]}
    monkeypatch.setattr(skml, "EXPERIMENT", skml.EXPERIMENT | {"film": film, "start": {}, "training": TINY})
    folder = tmp_path / "spinpng" / "SKML_params"
    folder.mkdir(parents=True)
    for A, D, wall, period in ((11.1, 2.4, 1.3, 20), (12.0, 2.1, 1.4, 26), (12.9, 1.8, 1.5, 32)):
        grey = (255 * stripes(128, wall, period)).astype(int).astype(np.uint8)
        Image.fromarray(grey).save(folder / f"relaxed_33dSKML_st011_Aex_{A}_Dind_{D}.png")
    monkeypatch.setattr("sys.argv", ["skml", "--data", str(tmp_path), "--json", str(tmp_path / "s.json")])
    skml.main()
    said = capsys.readouterr().out
    assert "| A " in said
    assert "of its own kind the network errs by" in said


def test_the_pages_have_the_sections_that_these_benchmarks_write(benchmark_of):
    docs = benchmark_of("docs")
    for name in ("estimators", "paper", "skml"):
        module, page = docs.SECTIONS[name]
        assert callable(benchmark_of(module).markdown)
        assert "new words" in docs.with_section((docs.DOCS / page).read_text(encoding="utf-8"), name, "new words")
