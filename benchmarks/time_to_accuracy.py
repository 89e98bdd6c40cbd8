"""How much sooner the same accuracy is there: `python benchmarks/time_to_accuracy.py --data DIR --weights FILE`.

Side by side in one run, on the same images, split and settings: (a) the tutorial that everybody copies, (b) the same
with decoded images cached, (c) this engine with nothing kept yet, (d) the same again at another rate, with everything
kept; where `--only` names them, also (c) at other numbers of views and with rows kept in 32 bits. Feature extraction is
phase 1 of two-phase. Each measurement is written to `--out` at once; what is there already is not measured again, so a
long benchmark can be made in pieces. `benchmarks/time_chart.py` draws the file.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import PROJECT, add_network, machine, own_room, print_table, run_python, write_plan
from benchmarks.support.time_report import CACHED, COLD, SETTINGS, TUTORIAL, VARIANTS, WARM, Done, figures, read
from core.backbones.mobilenet_v2 import ALL_LAYERS
from core.data.cache.feature_cache import FeatureCache
from core.data.datasets.scan import data_folder, scan
from core.data.datasets.split import Manifest, split
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Phase, Strategy


def main() -> None:
    arguments = _parser().parse_args()
    print(*machine(), "", sep="\n")
    done = read(arguments.out)
    with own_room() as room:
        for seed in range(arguments.seeds):
            _measure_seed(room / f"seed-{seed}", seed, arguments, done)
    print_table(figures(done, None if arguments.all_layers else arguments.phase1_epochs))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--data", required=True, help="folder of class folders")
    add("--weights", required=True, help="a weights file for this alpha")
    add_network(parser)
    add("--seeds", type=int, default=3)
    add("--phase1-epochs", type=int, default=15)
    add("--phase2-epochs", type=int, default=10)
    add("--views", type=int, default=RunConfig().views)
    add("--all-layers", action="store_true", help="train all layers, instead of two-phase")
    add(
        "--only",
        nargs="+",
        choices=(*VARIANTS, *SETTINGS),
        metavar="VARIANT",
        help="measure these; other numbers of views and rows in 32 bits only if named: " + ", ".join(SETTINGS),
    )
    add("--out", type=Path, default=Path("time-to-accuracy.jsonl"))
    return parser


def _measure_seed(room: Path, seed: int, arguments: argparse.Namespace, done: Done) -> None:
    """Measure what of this seed is not there yet; what the warm engine takes, the cold one has kept just before."""
    wanted = [variant for variant in arguments.only or VARIANTS if (variant, seed) not in done]
    if not wanted:
        return
    manifest = split(scan(data_folder(arguments.data)), seed)
    tree = _tree(room, Path(arguments.data), manifest)
    if WARM in wanted and COLD not in wanted:
        wanted.insert(wanted.index(WARM), COLD)
    for variant in wanted:
        measure = _tutorial if variant in (TUTORIAL, CACHED) else _engine
        found = measure(room, tree, seed, variant, arguments, manifest)
        done[variant, seed] = found
        with arguments.out.open("a") as file:
            file.write(json.dumps({"variant": variant, "seed": seed, **found}) + "\n")
        print(f"  seed {seed}, {variant}: {found['rows'][-1]['seconds']:.0f} s", flush=True)


def _tree(room: Path, data: Path, manifest: Manifest) -> Path:
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


def _tutorial(
    room: Path, tree: Path, seed: int, variant: str, arguments: argparse.Namespace, manifest: Manifest
) -> dict:
    plan = room / "plan.json"
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


def _engine(room: Path, tree: Path, seed: int, variant: str, arguments: argparse.Namespace, manifest: Manifest) -> dict:
    folder, phases = room / variant, _phases(arguments, 0.5 if variant == WARM else 1.0)
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
    shutil.rmtree(folder, ignore_errors=True)
    write_plan(folder, config, manifest.to_csv())
    found = run_python("-m", "benchmarks.support.engine_run", str(folder))
    return found | {"kept": sum(kept.bytes for kept in FeatureCache().entries())}


if __name__ == "__main__":
    main()
