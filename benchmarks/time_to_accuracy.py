"""Time to the same accuracy, tutorial and engine: `python benchmarks/time_to_accuracy.py --data DIR --weights FILE`.

Compares, on the same images, split and settings: (a) a typical tutorial script, (b) the same with decoded images
cached, (c) this engine with an empty feature cache, (d) the engine at another learning rate, with all features cached;
if named by `--only`, also (c) with other numbers of augmented copies and with features in 32 bits. Feature extraction
is phase 1 of two-phase. Each result is appended to `--out` at once and not measured again later, so a long benchmark
can be run in parts. `benchmarks/time_chart.py` draws the file.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import PROJECT, add_network, machine, print_table, run_python, temporary_home, write_plan
from benchmarks.support.split_folders import link_split
from benchmarks.support.time_report import (
    CACHED,
    COLD,
    SETTINGS,
    TUTORIAL,
    VARIANTS,
    WARM,
    Result,
    Results,
    read,
    report,
)
from core.data.cache.feature_cache import FeatureCache
from core.data.datasets.folder_layout import data_folder
from core.data.datasets.scan import scan
from core.data.datasets.split import Manifest, split
from core.experiment.run_config import RunConfig
from core.experiment.strategy import ALL_LAYERS, Phase, Strategy


def main() -> None:
    arguments = _parser().parse_args()
    print(*machine(), "", sep="\n")
    results = read(arguments.out)
    with temporary_home() as folder:
        for seed in range(arguments.seeds):
            _measure_seed(folder / f"seed-{seed}", seed, arguments, results)
    print_table(report(results, None if arguments.all_layers else arguments.phase1_epochs))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", required=True, help="folder with one subfolder per class")
    add("--weights", required=True, help="weights file for this alpha")
    add_network(parser)
    add("--seeds", type=int, default=3, help="number of seeds")
    add("--phase1-epochs", type=int, default=15, help="epochs with the base frozen")
    add("--phase2-epochs", type=int, default=10, help="epochs with unfrozen layers")
    add("--views", type=int, default=RunConfig().views, help="augmented copies per training image")
    add("--all-layers", action="store_true", help="fine-tune all layers instead of two-phase")
    add(
        "--only",
        nargs="+",
        choices=(*VARIANTS, *SETTINGS),
        metavar="VARIANT",
        help="variants to measure; some are measured only if named: " + ", ".join(SETTINGS),
    )
    add("--out", type=Path, default=Path("time-to-accuracy.jsonl"), help="file of measurements")
    return parser


def _measure_seed(folder: Path, seed: int, arguments: argparse.Namespace, results: Results) -> None:
    """Measure the missing variants of this seed. `WARM` uses the features that `COLD` has cached just before."""
    missing = [variant for variant in arguments.only or VARIANTS if (variant, seed) not in results]
    if not missing:
        return
    manifest = split(scan(data_folder(arguments.data)), seed)
    tree = link_split(folder, Path(arguments.data), manifest)
    if WARM in missing and COLD not in missing:
        missing.insert(missing.index(WARM), COLD)
    for variant in missing:
        measure = _measure_tutorial if variant in (TUTORIAL, CACHED) else _measure_engine
        result = measure(folder, tree, seed, variant, arguments, manifest)
        results[variant, seed] = result
        with arguments.out.open("a") as file:
            file.write(json.dumps({"variant": variant, "seed": seed, **result}) + "\n")
        print(f"  seed {seed}, {variant}: {result['rows'][-1]['seconds']:.0f} s", flush=True)


def _phases(arguments: argparse.Namespace, rate_factor: float = 1.0) -> list[tuple[int, float, int]]:
    if arguments.all_layers:
        return [(ALL_LAYERS, 1e-4 * rate_factor, arguments.phase1_epochs + arguments.phase2_epochs)]
    return [(0, 1e-3 * rate_factor, arguments.phase1_epochs), (30, 1e-4 * rate_factor, arguments.phase2_epochs)]


def _measure_tutorial(
    folder: Path, tree: Path, seed: int, variant: str, arguments: argparse.Namespace, manifest: Manifest
) -> Result:
    plan = folder / "plan.json"
    plan.write_text(
        json.dumps(
            {
                "folder": str(tree),
                "weights": str(Path(arguments.weights).resolve()),
                "size": arguments.image_size,
                "alpha": arguments.alpha,
                "seed": seed,
                "phases": _phases(arguments),
                "cached": variant == CACHED,
            }
        )
    )
    return run_python(str(PROJECT / "benchmarks" / "tutorial.py"), str(plan))


def _measure_engine(
    folder: Path, tree: Path, seed: int, variant: str, arguments: argparse.Namespace, manifest: Manifest
) -> Result:
    run, phases = folder / variant, _phases(arguments, 0.5 if variant == WARM else 1.0)
    strategy = Strategy("measured", tuple(Phase(*phase) for phase in phases))
    config = RunConfig(
        data=str(Path(arguments.data).resolve()),
        strategy=strategy,
        seed=seed,
        split_seed=seed,
        image_size=arguments.image_size,
        alpha=arguments.alpha,
        weights=str(Path(arguments.weights).resolve()),
        **{"views": arguments.views} | SETTINGS.get(variant, {}),
    )
    if variant != WARM:
        FeatureCache().clear()
    shutil.rmtree(run, ignore_errors=True)
    write_plan(run, config, manifest.to_csv())
    result = run_python("-m", "benchmarks.support.engine_run", str(run))
    return result | {"kept": sum(entry.bytes for entry in FeatureCache().entries())}


if __name__ == "__main__":
    main()
