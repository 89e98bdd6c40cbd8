"""Error rates of the verdict on simulated studies: `python benchmarks/verdict_simulation.py [--studies N] [--part P]`.

Three strategies, two with a true accuracy of 80%, the third with 80% or 84%. Parts: `fixed` (a fixed number of seeds),
`until-settled` (seeds are added until the best is settled), `advice` (how often the suggested number of seeds decides).
Each finished row is appended to `--out`; rows in that file are not computed again. `docs/method.md` has the tables.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from benchmarks.support.common import machine
from benchmarks.support.verdict_world import (
    IN_TURN,
    OWN,
    RANDOM,
    Study,
    World,
    compare_all,
    draw_study,
    ranking,
)
from core.analysis.comparison.pairs.contrast import EQUIVALENCE_MARGIN
from core.analysis.statistics.assurance import seeds_to_decide
from core.analysis.statistics.multiple_comparisons import ERROR_RATE
from core.experiment.growth_limits import LOOKS

SEEDS = 1, 2, 3, 5, 10
TEST_IMAGES = 20, 90, 379, 2_000
RUN_SDS = 0.005, 0.015, 0.03
GAIN = 0.04
Row = dict[str, float]
Rates = dict[str, Row]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=1_000, help="simulated studies per row")
    parser.add_argument("--part", choices=PARTS, action="append", help="by default all")
    parser.add_argument("--out", type=Path, default=Path("verdict_simulation.jsonl"), help="file of finished rows")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    print(*machine(), sep="\n")
    done = _finished(arguments.out)
    with ProcessPoolExecutor(arguments.processes) as pool:
        for part in arguments.part or PARTS:
            worlds, simulate = PARTS[part]
            missing = _missing(part, worlds(), simulate, arguments.studies, done)
            for name, rows in pool.map(_run, *zip(*missing, strict=True)) if missing else ():
                with arguments.out.open("a") as file:
                    file.write(json.dumps({"name": name, "rates": rows}) + "\n")
                done[name] = rows
    for name, rows in done.items():
        for label, rates in rows.items():
            print(f"{name}, {label}: " + ", ".join(f"{key} {value:.4g}" for key, value in rates.items()))


def _missing(
    part: str, worlds: Iterator[World], simulate: Callable[[World, int], Rates], studies: int, done: dict[str, Rates]
) -> list[tuple[str, World, Callable[[World, int], Rates], int]]:
    named = [(_name(part, world), world) for world in worlds]
    return [(name, world, simulate, studies) for name, world in named if name not in done]


def _name(part: str, world: World) -> str:
    extra = (", equal images" if world.image_sd == 0 else "") + (", shared" if world.shared else "")
    return f"{part}, {world.parts}, {world.test_images} images, run sd {100 * world.run_sd:g}{extra}"


def _run(name: str, world: World, simulate: Callable[[World, int], Rates], studies: int) -> tuple[str, Rates]:
    return name, simulate(world, studies)


def _finished(file: Path) -> dict[str, Rates]:
    lines = file.read_text().splitlines() if file.is_file() else []
    return {row["name"]: row["rates"] for row in map(json.loads, lines)}


def _fixed_worlds() -> Iterator[World]:
    for run_sd in RUN_SDS:
        for images in TEST_IMAGES:
            for parts in (RANDOM, IN_TURN, OWN):
                yield World(images, run_sd, parts)
        yield World(379, run_sd, RANDOM, image_sd=0.0)
        yield World(379, run_sd, OWN, image_sd=0.0)
        yield World(379, run_sd, RANDOM, shared=0.2)


def _fixed(world: World, studies: int) -> Rates:
    """For each number of seeds: false claims, wrong signs, true differences found, and coverage."""
    rng = np.random.default_rng([world.test_images, round(1_000 * world.run_sd)])
    sums: dict[int, np.ndarray] = {seeds: np.zeros(5) for seeds in SEEDS}
    for _ in range(studies):
        null = draw_study(world, max(SEEDS), (0.0, 0.0, 0.0), rng)
        real = draw_study(world, max(SEEDS), (0.0, 0.0, GAIN), rng)
        for seeds in SEEDS:
            sums[seeds] += _outcome(null.first_seeds(seeds), real.first_seeds(seeds))
    names = "false", "wrong sign", "found", "found, two strategies", "coverage"
    return {
        f"{seeds} seed{'s'[: seeds > 1]}": dict(zip(names, (sums[seeds] / studies).tolist(), strict=True))
        for seeds in SEEDS
    }


def _outcome(null: Study, real: Study) -> np.ndarray:
    claims = [pair.better() for pair in compare_all(null)]
    pairs = compare_all(real)
    true = [GAIN * ((pair.first == 2) - (pair.second == 2)) for pair in pairs]
    beaten = [pair.better() == 2 for pair in pairs if 2 in (pair.first, pair.second)]
    is_wrong = any(pair.better() not in (None, 2) for pair in pairs if 2 in (pair.first, pair.second))
    alone = next(pair for pair in pairs if (pair.first, pair.second) == (0, 2)).posterior
    covered = [
        abs(pair.posterior.mean - value) <= pair.posterior.half_width() for pair, value in zip(pairs, true, strict=True)
    ]
    is_false = any(claim is not None for claim in claims)
    return np.array([is_false, is_wrong, all(beaten), alone.p <= ERROR_RATE and alone.mean < 0, np.mean(covered)])


def _growing_worlds() -> Iterator[World]:
    for run_sd in RUN_SDS:
        for images in (20, 90, 379):
            yield World(images, run_sd, IN_TURN)


def _until_settled(world: World, studies: int) -> Rates:
    """Share of studies in which the best strategy is named rightly, trainings needed, and false claims."""
    rates = {}
    for gain in (0.0, GAIN):
        rng = np.random.default_rng([world.test_images, round(1_000 * world.run_sd), round(1_000 * gain)])
        found = [_grow(draw_study(world, LOOKS[-1], (0.0, 0.0, gain), rng), gain) for _ in range(studies)]
        right, trainings, false = np.mean(found, axis=0).tolist()
        rates[f"{100 * gain:g} points"] = {"named rightly": right, "trainings": trainings, "false": false}
    return rates


def _grow(study: Study, gain: float) -> tuple[bool, int, bool]:
    """Add seeds at each look until the best strategy is better than the next; worse ones get no more seeds."""
    seeds, racing, is_false = [0, 0, 0], {0, 1, 2}, False
    for look in LOOKS:
        seeds = [look if strategy in racing else number for strategy, number in enumerate(seeds)]
        pairs = compare_all(study, seeds)
        claims = {(pair.first, pair.second): pair.better() for pair in pairs}
        is_false = is_false or any(better is not None and (better != 2 or gain == 0) for better in claims.values())
        best, *others = ranking(pairs)
        worse = [other for other in others if claims[min(best, other), max(best, other)] == best]
        racing -= set(worse)
        if racing == {best} or others[0] in worse:
            return best == 2 and gain > 0, sum(seeds), is_false
    return False, sum(seeds), is_false


def _advised_worlds() -> Iterator[World]:
    for run_sd in RUN_SDS[:2]:
        for images in (90, 379):
            yield World(images, run_sd, IN_TURN)


def _advice(world: World, studies: int) -> Rates:
    """How often the suggested number of seeds decides, for true differences from 0 to 8 points, after 3 and 5 seeds."""
    return {f"after {seeds} seeds": _advice_after(seeds, world, studies) for seeds in (3, 5)}


def _advice_after(seeds: int, world: World, studies: int, most: int = 40) -> Row:
    rng, came_true, opened = np.random.default_rng([world.test_images, seeds]), [], 0
    for _ in range(studies):
        study = draw_study(world, most, (0.0, float(rng.uniform(0, 0.08))), rng)
        now = study.first_seeds(seeds)
        if not _is_open(now):
            continue
        opened += 1
        if needed := _seeds_needed(now, most):
            came_true.append(not _is_open(study.first_seeds(needed)))
    return {"open": opened, "advised": len(came_true), "came true": float(np.mean(came_true or [0]))}


def _seeds_needed(study: Study, most: int) -> int | None:
    (pair,) = compare_all(study)
    design = study.design(0, 1, pair.confidence)
    return seeds_to_decide(pair.posterior, design, EQUIVALENCE_MARGIN, most)


def _is_open(study: Study) -> bool:
    (pair,) = compare_all(study)
    low, high = pair.posterior.interval(pair.confidence)
    return pair.p > ERROR_RATE and not (low >= -EQUIVALENCE_MARGIN and high <= EQUIVALENCE_MARGIN)


PARTS: dict[str, tuple[Callable[[], Iterator[World]], Callable[[World, int], Rates]]] = {
    "fixed": (_fixed_worlds, _fixed),
    "until-settled": (_growing_worlds, _until_settled),
    "advice": (_advised_worlds, _advice),
}

if __name__ == "__main__":
    main()
