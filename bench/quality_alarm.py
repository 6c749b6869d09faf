"""The alarm on evaluation scores: mean scores to a false alarm, delays of planted drops, and system-or-judge verdicts.

`python -m bench.quality_alarm` prints everything; `--quick` takes fewer runs, `--verdicts` only the second table
(6 CPU-minutes), of other planted cases with `--first-case`. Scores are synthetic: independent passes and fails with a
fixed seed, as a uniform sample of judged calls gives them. The peer is the usual rolling z-test over 200 scores,
one-sided, looked at with every score and told the true rate: at a nominal 1 %, and with the bound that an oracle found
to reach our ARL. Ours learns its baseline from a fresh reference of 1,000 scores in every run. System-or-judge cases run
the service's own step.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from weir.detectors.scores.judge import PASSES
from weir.detectors.scores.outcomes import Fired, Monitoring, Warming
from weir.detectors.scores.score import AnchorScore, Score
from weir.detectors.scores.settings import QualitySettings
from weir.detectors.scores.stream import ScoreStream, StreamKey, step, step_anchor
from weir.detectors.scores.trial import Verdict

from .quality_paths import Alarms, Bits, draws, rolling_z_alarms, weir_alarms

PASS_RATES = (0.95, 0.92, 0.85)
DROPS_POINTS = (3, 5, 10, 20)
RUNS = 400
HORIZON_SCORES = 15_000
DROP_HORIZON_SCORES = 5_000
WINDOW_SCORES = 200
Z_ONE_PERCENT = 2.326
"""One-sided 1 % of the normal distribution."""
Z_GRID = (2.4, 2.6, 2.8, 3.0, 3.2, 3.4)
USUAL_SCORES = 1_000
"""Usual scores between the reference and the change; runs with an alarm among them say nothing about the delay."""
SEED = 20
"""Arbitrary: any number would do; another one draws other scores."""

_Detector = Callable[[np.random.Generator, float, float, int, int], Alarms]
"""Alarms of many runs: the usual pass rate, the share of bad scores after the change, scores before it and after."""

CASES = 100
CASE_SCORES_MAX = 3_000
"""Scores after the change within which a case must have been told."""
SCORE_US = 1_000_000
"""Microseconds between two scores."""
INTERLEAVE = 0.05
"""Anchors a score."""
ANCHORS_FILE = Path(__file__).resolve().parents[1] / "examples" / "anchors" / "python-support.jsonl"
"""Its human labels are those of the planted cases; what the judge says of them is synthetic."""
JUDGE_ERROR = 0.1
"""Share of anchors on which the judge disagrees with the label, always the same ones."""
JUDGE_NOISE = 0.02
"""Chance that a verdict comes out otherwise than the same judge's usual one, when all anchors are alike (`even`)."""
UNEVEN_SHARE, UNEVEN_NOISE, SURE_NOISE = 0.1, (0.2, 0.4), 0.002
"""Share of anchors over which a judge hesitates (`uneven`), their chances, and that of the others."""
NOISES = {"even": 0.0, "uneven": 0.0, "at times": 0.3, "repeated": 1.0}
"""Noises, with the chance that the verdicts on an anchor within one scoring of the set are all the same; where there is
one, the anchors are those of `uneven`."""


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """Delays are medians in scores from the first changed one, with the 90th percentile; by drop in points."""

    detector: str
    pass_rate: float
    arl: float
    arl_error: float
    delays: dict[int, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """Verdicts of `cases` planted changes of one kind and size; `missed`: no warning within the horizon."""

    noise: str
    changed: str
    drop_points: int
    cases: int
    system: int
    judge: int
    none: int
    missed: int


def quality_alarm(
    runs: int = RUNS, settings: QualitySettings | None = None, pass_rates: Sequence[float] = PASS_RATES
) -> list[AlarmRow]:
    """Ours, and the peer as people set it and at an ARL that an oracle matched to ours. About 10 CPU-minutes."""
    chosen = settings or QualitySettings()
    rows: list[AlarmRow] = []
    for rate in pass_rates:
        ours = partial(_ours, runs=runs, settings=chosen)
        rows.append(_row("weir", ours, rate, USUAL_SCORES))
        rows.append(_row("weir, change at once", ours, rate, 0))
        rows.append(_row("z(200) at 1 %", partial(_peer, runs=runs, z=Z_ONE_PERCENT), rate, USUAL_SCORES))
        matched = _matched_z(rate, runs, rows[-3].arl)
        rows.append(_row(f"z(200) at {matched}", partial(_peer, runs=runs, z=matched), rate, USUAL_SCORES))
    return rows


def system_or_judge(
    cases: int = CASES, drops: Sequence[int] = (5, 10, 20), noises: Iterable[str] = NOISES, first_case: int = 0
) -> list[VerdictRow]:
    """Planted changes of the system and of the judge that make the pass rate fall from 92 % by the same points.

    first_case: number of the first case; others are other draws of everything.
    """
    kinds = ((noise, points, changed) for noise in noises for points in drops for changed in ("system", "judge"))
    numbers = range(first_case, first_case + cases)
    return [_verdicts(noise, changed, points, numbers) for noise, points, changed in kinds]


@cache
def human_labels() -> tuple[bool, ...]:
    """Whether each anchor that is shipped should pass."""
    return tuple(json.loads(line)["passed"] for line in ANCHORS_FILE.read_text(encoding="utf-8").splitlines())


def main() -> None:
    """Print both tables, and the rows as JSON lines with `--json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="40 runs and 20 cases")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    parser.add_argument("--verdicts", action="store_true", help="system-or-judge only")
    parser.add_argument("--first-case", type=int, default=0, help="number of the first planted case (default 0)")
    options = parser.parse_args()
    alarms = [] if options.verdicts else quality_alarm(40 if options.quick else RUNS)
    verdicts = system_or_judge(20 if options.quick else CASES, first_case=options.first_case)
    if options.json:
        rows = [*map(asdict, alarms), *map(asdict, verdicts)]
        print("\n".join(map(json.dumps, rows)))
        return
    print_tables(alarms, verdicts)


def print_tables(alarms: list[AlarmRow], verdicts: list[VerdictRow]) -> None:
    """Both tables for a person; the first only when it has rows."""
    if alarms:
        _print_alarms(alarms)
    print(f"\n{'noise':<10}{'changed':<10}{'drop':>6}{'cases':>7}{'system':>8}{'judge':>8}{'none':>8}{'missed':>8}")
    for one in verdicts:
        counts = "".join(f"{count:>8}" for count in (one.system, one.judge, one.none, one.missed))
        print(f"{one.noise:<10}{one.changed:<10}{one.drop_points:>6}{one.cases:>7}{counts}")


def _print_alarms(alarms: list[AlarmRow]) -> None:
    head = "".join(f"{f'-{points} points':>16}" for points in DROPS_POINTS)
    print(f"{'detector':<22}{'pass rate':>10}{'ARL (s.e.)':>18}{head}   median (p90) judged scores to the alarm")
    for row in alarms:
        delays = "".join(f"{f'{median:.0f} ({p90:.0f})':>16}" for median, p90 in row.delays.values())
        print(f"{row.detector:<22}{row.pass_rate:>10.2f}{f'{row.arl:,.0f} ({row.arl_error:,.0f})':>18}{delays}")


def _row(name: str, alarms: _Detector, rate: float, usual: int) -> AlarmRow:
    bad = 1.0 - rate
    arl, error = alarms(_rng(rate, 0), rate, bad, 0, HORIZON_SCORES).arl
    delays = {}
    for points in DROPS_POINTS:
        found = alarms(_rng(rate, points), rate, bad + points / 100, usual, DROP_HORIZON_SCORES).after(usual)
        delays[points] = (found.delay(0.5), found.delay(0.9))
    return AlarmRow(name, rate, arl, error, delays)


def _matched_z(rate: float, runs: int, arl: float) -> float:
    """The smallest bound of a grid whose ARL reaches `arl`: what only one who knows the answer can set."""
    for z in Z_GRID:
        if _peer(_rng(rate, 0), rate, 1.0 - rate, 0, HORIZON_SCORES, runs=runs, z=z).arl[0] >= arl:
            return z
    return Z_GRID[-1]


def _ours(
    rng: np.random.Generator, rate: float, bad: float, usual: int, horizon: int, *, runs: int, settings: QualitySettings
) -> Alarms:
    references = rng.binomial(settings.reference_scores, 1.0 - rate, runs)
    return weir_alarms(references, _scores(rng, rate, bad, usual, horizon, runs), settings)


def _peer(
    rng: np.random.Generator, rate: float, bad: float, usual: int, horizon: int, *, runs: int, z: float
) -> Alarms:
    return rolling_z_alarms(rate, _scores(rng, rate, bad, usual, horizon, runs), WINDOW_SCORES, z)


def _scores(rng: np.random.Generator, rate: float, bad: float, usual: int, horizon: int, runs: int) -> Iterator[Bits]:
    """Rows of scores: `usual` ones as in the reference, then `horizon` with the share `bad`."""
    return chain(draws(rng, 1.0 - rate, runs, usual), draws(rng, bad, runs, horizon))


def _rng(rate: float, points: int) -> np.random.Generator:
    return np.random.default_rng((SEED, round(100 * rate), points))


def _verdicts(noise: str, changed: str, points: int, cases: range) -> VerdictRow:
    found = [verdict_of_case(changed, points, seed, noise=noise) for seed in cases]
    counts = [found.count(verdict) for verdict in ("system", "judge", "none", None)]
    return VerdictRow(noise, changed, points, len(cases), *counts)


def verdict_of_case(
    changed: str, points: int, seed: int, settings: QualitySettings | None = None, noise: str = "even"
) -> Verdict | None:
    """The final verdict on one planted change after the reference and 200 usual scores; None without a warning."""
    chosen = settings or QualitySettings()
    case = _Case(seed, changed, points, chosen.reference_scores + 200, noise)
    state, verdict = ScoreStream(StreamKey("demo", "docs-qa", "judge", "")), None
    for index in range(case.change_at + CASE_SCORES_MAX):
        state, outcomes, _ = step(state, case.score(index), chosen)
        anchors = case.interleaved(index)
        if any(isinstance(one, Warming | Monitoring) or _is_first_alarm(one) for one in outcomes):
            anchors = [*anchors, *list(range(case.anchors)) * PASSES]
        for number in anchors:
            state, more = step_anchor(state, case.anchor(index, number), chosen)
            outcomes += more
        told = [one.verdict for one in outcomes if isinstance(one, Fired) and one.verdict is not None]
        if told and index >= case.change_at:
            verdict = told[-1]
            break
    return verdict


def _is_first_alarm(outcome: object) -> bool:
    return isinstance(outcome, Fired) and not outcome.is_update


class _Case:
    """Scores and anchors of one planted change at the score `change_at`."""

    def __init__(self, seed: int, changed: str, points: int, change_at: int, noise: str) -> None:
        self._rng = np.random.default_rng((SEED, seed, points, changed == "judge"))
        self._changed, self._share, self.change_at = changed, points / 92, change_at
        self._human = np.array(human_labels())
        self.anchors = self._human.size
        self._usual = self._human ^ (self._rng.random(self.anchors) < JUDGE_ERROR)
        self._flipped = self._usual & (self._rng.random(self.anchors) < self._share)
        self._noise = np.full(self.anchors, JUDGE_NOISE) if noise == "even" else self._uneven()
        self._repeats, self._said = NOISES[noise], dict[tuple[int, int], bool | None]()
        self._serial = 0

    def score(self, index: int) -> Score:
        passed = self._rng.random() < 0.92
        if index >= self.change_at and passed:
            passed = self._rng.random() >= self._share
        name = f"score {index}"
        return Score(
            name,
            "",
            name,
            "",
            (index + 1) * SCORE_US,
            is_bad=not passed,
            value=float(passed),
            inclusion_probability=1.0,
        )

    def interleaved(self, index: int) -> list[int]:
        del index
        return [int(self._rng.integers(self.anchors))] if self._rng.random() < INTERLEAVE else []

    def anchor(self, index: int, number: int) -> AnchorScore:
        self._serial += 1
        passed = bool(self._usual[number])
        if index >= self.change_at and self._changed == "judge" and self._flipped[number]:
            passed = False
        passed ^= self._is_noisy(index, number)
        human = bool(self._human[number])
        return AnchorScore(
            f"anchor {self._serial}", "", f"a{number}", (index + 1) * SCORE_US, passed=passed, human_passed=human
        )

    def _uneven(self) -> npt.NDArray[np.float64]:
        hesitates = self._rng.random(self.anchors) < UNEVEN_SHARE
        return np.where(hesitates, self._rng.uniform(*UNEVEN_NOISE, self.anchors), SURE_NOISE)

    def _is_noisy(self, index: int, number: int) -> bool:
        drawn = bool(self._rng.random() < self._noise[number])
        if self._repeats > 0.0 and (index, number) not in self._said:
            is_one_draw = self._repeats >= 1.0 or self._rng.random() < self._repeats
            self._said[index, number] = drawn if is_one_draw else None
        said = self._said.get((index, number))
        return drawn if said is None else said


if __name__ == "__main__":
    main()
