"""How much sooner the same accuracy is there: `python benchmarks/time_to_accuracy.py --data DIR --weights FILE`.

Side by side in one run, on the same images, split and settings: (a) the tutorial that everybody copies, (b) the same
with decoded images cached, (c) this engine with nothing kept yet, (d) the same again at another rate, with everything
kept. Feature extraction is phase 1 of two-phase. Each measurement is written to `--out` at once; what is there already
is not measured again, so a long benchmark can be made in pieces.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import core
from benchmarks.common import PROJECT, Figure, machine, own_room, print_table, seconds
from core.experiment.strategy import ALL_LAYERS

TUTORIAL, CACHED, COLD, WARM = "tutorial", "tutorial, images cached", "engine, nothing kept", "engine, all kept"
VARIANTS = (TUTORIAL, CACHED, COLD, WARM)
TARGETS = {"Feature extraction": {COLD: "10x", WARM: "100x"}, "Two-phase": {COLD: "7x", WARM: "10x"},
           "All layers": {COLD: "1.3x"}}


def main() -> None:
    arguments = _parser().parse_args()
    print(*machine(), "", sep="\n")
    done = _read(arguments.out)
    with own_room() as room:
        for seed in range(arguments.seeds):
            _measure_seed(room / f"seed-{seed}", seed, arguments, done)
    print_table(_figures(done, arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", required=True, help="folder of class folders")
    add("--weights", required=True, help="a weights file for this alpha")
    add("--image-size", type=int, default=224, choices=core.IMAGE_SIZES)
    add("--alpha", type=float, default=1.0, choices=core.ALPHAS)
    add("--seeds", type=int, default=3)
    add("--phase1-epochs", type=int, default=15)
    add("--phase2-epochs", type=int, default=10)
    add("--views", type=int, default=core.RunConfig().views)
    add("--all-layers", action="store_true", help="train all layers, instead of two-phase")
    add("--out", type=Path, default=Path("time-to-accuracy.jsonl"))
    return parser


def _measure_seed(room: Path, seed: int, arguments: argparse.Namespace, done: dict[tuple, dict]) -> None:
    """Measure what of this seed is not there yet; what the warm engine takes, the cold one has kept just before."""
    wanted = [variant for variant in VARIANTS if (variant, seed) not in done]
    if not wanted:
        return
    manifest = core.split(core.scan(core.data_folder(arguments.data)), seed)
    tree = _tree(room, Path(arguments.data), manifest)
    if WARM in wanted and COLD not in wanted:
        wanted.insert(wanted.index(WARM), COLD)
    for variant in wanted:
        engine = variant in (COLD, WARM)
        found = (_engine if engine else _tutorial)(room, tree, seed, variant, arguments, manifest)
        done[variant, seed] = found
        with arguments.out.open("a") as file:
            file.write(json.dumps({"variant": variant, "seed": seed, **found}) + "\n")
        print(f"  seed {seed}, {variant}: {found['rows'][-1]['seconds']:.0f} s", flush=True)


def _tree(room: Path, data: Path, manifest: core.Manifest) -> Path:
    """The split as folders of links, which the tutorial can read."""
    for number, item in enumerate(manifest.items):
        link = room / "tree" / item.split / item.label / f"{number:06d}{Path(item.path).suffix}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to((data / item.path).resolve())
    return room / "tree"


def _phases(arguments: argparse.Namespace, factor: float = 1.0) -> list[tuple[int, float, int]]:
    if arguments.all_layers:
        return [(ALL_LAYERS, 1e-4 * factor, arguments.phase1_epochs + arguments.phase2_epochs)]
    return [(0, 1e-3 * factor, arguments.phase1_epochs), (30, 1e-4 * factor, arguments.phase2_epochs)]


def _tutorial(room: Path, tree: Path, seed: int, variant: str, arguments: argparse.Namespace,
              manifest: core.Manifest) -> dict:
    plan = room / "plan.json"
    plan.write_text(json.dumps({
        "folder": str(tree), "weights": str(Path(arguments.weights).resolve()), "size": arguments.image_size,
        "alpha": arguments.alpha, "seed": seed, "phases": _phases(arguments), "cached": variant == CACHED}))
    return _run([str(PROJECT / "benchmarks" / "tutorial.py"), str(plan)])


def _engine(room: Path, tree: Path, seed: int, variant: str, arguments: argparse.Namespace,
            manifest: core.Manifest) -> dict:
    folder, phases = room / variant, _phases(arguments, 0.5 if variant == WARM else 1.0)
    strategy = core.Strategy("measured", tuple(core.Phase(*phase) for phase in phases))
    config = core.RunConfig(data=str(Path(arguments.data).resolve()), strategy=strategy, seed=seed, split_seed=seed,
                            image_size=arguments.image_size, alpha=arguments.alpha, views=arguments.views,
                            weights=str(Path(arguments.weights).resolve()))
    if variant == COLD:
        core.Shelves().clear()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config.to_json()))
    (folder / "manifest.csv").write_text(manifest.to_csv(), encoding="utf-8")
    found = _run(["-m", "benchmarks.engine_run", str(folder)])
    return found | {"kept": sum(kept.bytes for kept in core.Shelves().kept())}


def _run(command: Sequence[str]) -> dict:
    process = subprocess.run([sys.executable, *command], cwd=PROJECT, capture_output=True, text=True,
                             env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"})
    if process.returncode:
        raise RuntimeError(f"It ended with {process.returncode}: {process.stderr[-800:]}")
    return json.loads(process.stdout.splitlines()[-1])


def _read(path: Path) -> dict[tuple, dict]:
    if not path.is_file():
        return {}
    return {(row["variant"], row["seed"]): row for row in map(json.loads, path.read_text().splitlines())}


def _figures(done: dict[tuple, dict], arguments: argparse.Namespace) -> Iterator[Figure]:
    """Ratios seed by seed against the tutorial, and what came out."""
    parts = [("All layers", None)] if arguments.all_layers else [("Feature extraction", arguments.phase1_epochs),
                                                                 ("Two-phase", None)]
    for name, epochs in parts:
        for variant in VARIANTS:
            yield Figure(f"{name}: {variant}", _ratio(done, variant, epochs),
                         TARGETS[name].get(variant, ""))
    for variant in VARIANTS:
        best = [100 * max(row["val_accuracy"] for row in found["rows"]) for found in _of(done, variant)]
        test = [100 * found["test_accuracy"] for found in _of(done, variant)]
        yield Figure(f"Validation / test accuracy: {variant}", f"{_spread(best)} / {_spread(test)}")
    for variant in VARIANTS:
        yield Figure(f"Time to 98% of the tutorial's best: {variant}", _time_to(done, variant))
    for variant in VARIANTS:
        yield Figure(f"Most memory: {variant}", f"{max(found['memory'] for found in _of(done, variant)) / 1e9:.1f} GB")
    yield Figure("Kept on disk", f"{max(found['kept'] for found in _of(done, COLD)) / 1e6:.0f} MB")


def _of(done: dict[tuple, dict], variant: str) -> list[dict]:
    return [found for (name, _), found in sorted(done.items(), key=lambda entry: entry[0][1]) if name == variant]


def _ratio(done: dict[tuple, dict], variant: str, epochs: int | None) -> str:
    taken = [found["rows"][(epochs or 0) - 1]["seconds"] for found in _of(done, variant)]
    tutorial = [found["rows"][(epochs or 0) - 1]["seconds"] for found in _of(done, TUTORIAL)]
    ratios = [a / b for a, b in zip(tutorial, taken, strict=True)]
    return f"{seconds(mean(taken))}, {mean(ratios):.1f}x ({min(ratios):.1f} to {max(ratios):.1f})"


def _time_to(done: dict[tuple, dict], variant: str) -> str:
    """Mean seconds until validation accuracy is 98% of the tutorial's best, over the seeds that get there."""
    reached = []
    for tutorial, found in zip(_of(done, TUTORIAL), _of(done, variant), strict=True):
        goal = 0.98 * max(row["val_accuracy"] for row in tutorial["rows"])
        reached += [row["seconds"] for row in found["rows"] if row["val_accuracy"] >= goal][:1]
    return f"{seconds(mean(reached)) if reached else 'never'} ({len(reached)} of {len(_of(done, variant))} seeds)"


def _spread(values: Sequence[float]) -> str:
    return f"{mean(values):.1f}% ({min(values):.1f} to {max(values):.1f})"


if __name__ == "__main__":
    main()
