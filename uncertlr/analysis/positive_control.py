"""A positive control: a problem in which feedback must help, so that a study which cannot see that would be found out.

A network classifies a stream of fresh examples with noisy labels. At a random step of each run the classes of the clusters
are drawn anew. A high learning rate adapts to that, a low one averages the noise out, and only the run itself shows when
the change comes: its predictive entropy rises. A power law of that entropy is compared with replays of other runs' factors,
whose changes come at other steps. Scheduler, rule, estimator and statistics are those of the other studies. In a *planted
null* the method follows the signal of another run, so that no difference may be found.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import torch
from torch import Tensor, nn

from uncertlr.analysis.intervals import exact_interval
from uncertlr.analysis.paired import Comparison, compare, paired_differences
from uncertlr.estimators import MCDropout
from uncertlr.models import MLP
from uncertlr.schedulers import Bounds, PowerLaw, Replay, Rule, UncertaintyLR, geometric_mean, read_signal
from uncertlr.seeding import derive_seed, generator

PAIRS = 10
"""Pairs of a repetition, as in the studies that carry a claim."""


@dataclass(frozen=True)
class Design:
    """What is fixed before any result is seen.

    Attributes:
        steps: of a run.
        batch_size: fresh examples per step.
        dimensions: of an example.
        classes: which are the labels.
        clusters: of each class.
        spread: standard deviation of the clusters' centres; examples lie round them with standard deviation 1.
        label_noise: share of the training labels that are drawn at random.
        earliest: share of the steps before which the classes never change.
        latest: share of the steps after which they never change.
        hidden_size: of the network.
        dropout: of the network.
        num_samples: Monte Carlo samples of a signal value.
        learning_rate: initial, of Adam, for the rule and the replays.
        rule: from uncertainty to a factor.
    """

    steps: int = 400
    batch_size: int = 32
    dimensions: int = 20
    classes: int = 10
    clusters: int = 2
    spread: float = 1.5
    label_noise: float = 0.4
    earliest: float = 0.2
    latest: float = 0.8
    hidden_size: int = 64
    dropout: float = 0.2
    num_samples: int = 16
    learning_rate: float = 0.02
    rule: PowerLaw = PowerLaw(exponent=4.0, smoothing=0.8, bounds=Bounds(0.01, 1.0))


@dataclass(frozen=True)
class Stream:
    """What a run is trained on.

    Attributes:
        inputs: [steps, B, D].
        targets: [steps, B], with noise.
        labels: [steps, B], without noise.
        change: the first step with the new classes.
    """

    inputs: Tensor
    targets: Tensor
    labels: Tensor
    change: int


@dataclass(frozen=True)
class Trained:
    """A run.

    Attributes:
        accuracy: share of all examples that the network without dropout classified correctly when it met them, before it
            was trained on them (progressive validation; Blum, Kalai & Langford 1999).
        factors: of the rule, in force at each step.
    """

    accuracy: float
    factors: tuple[float, ...]


def draw_stream(design: Design, seed: int) -> Stream:
    """The examples of a seed, the same for every method."""
    stream = generator(seed, 0, "positive control")
    count, shape = design.classes * design.clusters, (design.steps, design.batch_size)
    centres = design.spread * torch.randn(count, design.dimensions, generator=stream)
    before = torch.arange(count) % design.classes
    after = before[torch.randperm(count, generator=stream)]
    place = design.earliest + (design.latest - design.earliest) * float(torch.rand((), generator=stream))
    change = int(place * design.steps)
    cluster = torch.randint(count, shape, generator=stream)
    inputs = centres[cluster] + torch.randn(*shape, design.dimensions, generator=stream)
    changed = (torch.arange(design.steps) >= change)[:, None]
    labels = torch.where(changed, after[cluster], before[cluster])
    random = torch.randint(design.classes, shape, generator=stream)
    noisy = torch.rand(shape, generator=stream) < design.label_noise
    return Stream(inputs, torch.where(noisy, random, labels), labels, change)


def train(design: Design, seed: int, rule: Rule | None, learning_rate: float) -> Trained:
    """Train one network on its stream; the caller's random state stays as it was.

    Args:
        design: the problem.
        seed: fixes stream, initial weights and dropout, whatever the rule.
        rule: receives the batch's predictive entropy, unless it is a `Replay`; None for a constant rate.
        learning_rate: initial.
    """
    stream = draw_stream(design, seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, 0, "weights"))
        model = MLP(design.dimensions, design.classes, design.hidden_size, design.dropout)
        torch.manual_seed(derive_seed(seed, 1, "dropout"))
        return _fit(design, seed, model, stream, rule, learning_rate)


def _fit(design: Design, seed: int, model: MLP, stream: Stream, rule: Rule | None, learning_rate: float) -> Trained:
    optimizer = torch.optim.Adam(model.parameters(), learning_rate, fused=True)
    scheduler, masks = UncertaintyLR(optimizer, rule), generator(seed, 1, "signal")
    estimator, final_layer = MCDropout(design.num_samples), model.head[1]
    correct, factors = [], []
    for inputs, targets, labels in zip(stream.inputs, stream.targets, stream.labels, strict=True):
        factors.append(scheduler.factor)
        features = model.features(inputs)
        with torch.no_grad():
            correct.append((final_layer(features).argmax(1) == labels).float().mean())
        optimizer.zero_grad()
        nn.functional.cross_entropy(model.head(features), targets).backward()  # type: ignore[no-untyped-call]
        if isinstance(rule, Replay):
            scheduler.observe(0.0)  # counted, and otherwise ignored
        elif rule:
            seen = estimator.estimate_from_features(model, features, generator=masks)
            scheduler.observe(read_signal("predictive_entropy", seen))
        optimizer.step()
        scheduler.step()
    return Trained(float(torch.stack(correct).mean()), tuple(factors))


@dataclass(frozen=True)
class Repetition:
    """Ten pairs, judged.

    Attributes:
        seeds: of the pairs.
        feedback: the rule against the replay of the next seed's factors (``yoked``) and of the geometric mean of all other
            seeds' factors (``mean_curve``), one family.
        null: the rule with the signal of the third next seed, against ``yoked``.
        constant: the rule against the tuned constant rate.
    """

    seeds: tuple[int, ...]
    feedback: dict[str, Comparison]
    null: Comparison
    constant: Comparison

    @property
    def detected(self) -> bool:
        """Whether feedback helps against both replays, which is what the protocol asks for."""
        return all(each.outcome == "helps" for each in self.feedback.values())

    @property
    def false_alarm(self) -> bool:
        """Whether the planted null is said to help or to harm."""
        return self.null.outcome in ("helps", "harms")


def repeat_once(design: Design, seeds: Sequence[int], constant_rate: float) -> Repetition:
    """Train all methods on the seeds and judge them.

    Args:
        design: the problem and the rule.
        seeds: of the pairs, which form the ring of the replays.
        constant_rate: the tuned constant learning rate.
    """
    rule = {seed: train(design, seed, design.rule, design.learning_rate) for seed in seeds}
    following = {seed: seeds[(place + 1) % len(seeds)] for place, seed in enumerate(seeds)}
    third = {seed: seeds[(place + 3) % len(seeds)] for place, seed in enumerate(seeds)}
    curves = {
        "yoked": {seed: rule[following[seed]].factors for seed in seeds},
        "other_signal": {seed: rule[third[seed]].factors for seed in seeds},
        "mean_curve": {seed: geometric_mean([rule[each].factors for each in seeds if each != seed]) for seed in seeds},
    }
    scores = {
        name: {seed: train(design, seed, Replay(of_seed[seed]), design.learning_rate).accuracy for seed in seeds}
        for name, of_seed in curves.items()
    }
    scores["rule"] = {seed: run.accuracy for seed, run in rule.items()}
    scores["constant"] = {seed: train(design, seed, None, constant_rate).accuracy for seed in seeds}
    own = {seed: run.factors for seed, run in rule.items()}
    pairs = {name: paired_differences(scores["rule"], scores[name]) for name in ("yoked", "mean_curve")}
    feedback = compare(pairs, {name: _log_rate_distance(own, curves[name]) for name in pairs}, {"yoked": 1})
    planted = paired_differences(scores["other_signal"], scores["yoked"])
    distance = _log_rate_distance(curves["other_signal"], curves["yoked"])
    null = compare(
        {"null": planted}, {"null": distance}, {"null": 2}
    )  # two pairs share a curve where they are two seeds apart
    constant = compare({"constant": paired_differences(scores["rule"], scores["constant"])})
    return Repetition(tuple(seeds), feedback, null["null"], constant["constant"])


def _log_rate_distance(one: Mapping[int, Sequence[float]], other: Mapping[int, Sequence[float]]) -> float:
    """Root mean square distance of the log factors of a pair, averaged over the pairs."""
    distances = [np.log(one[seed]) - np.log(other[seed]) for seed in one]
    return float(np.mean([np.sqrt(np.mean(each**2)) for each in distances]))


def tune_constant(design: Design, rates: Sequence[float], seeds: Sequence[int]) -> float:
    """Of several constant rates the one with the highest mean accuracy."""
    means = [np.mean([train(design, seed, None, rate).accuracy for seed in seeds]) for rate in rates]
    return rates[int(np.argmax(means))]


def repeat_study(
    design: Design, repetitions: int, constant_rate: float, first_seed: int = 0, workers: int = 1
) -> list[Repetition]:
    """Many repetitions, each on ten seeds of its own.

    Args:
        design: the problem and the rule.
        repetitions: how many.
        constant_rate: the tuned constant learning rate.
        first_seed: of the first repetition; the others follow.
        workers: processes of one thread each.
    """
    starts = range(first_seed, first_seed + PAIRS * repetitions, PAIRS)
    groups = [range(start, start + PAIRS) for start in starts]
    if workers == 1:
        return [repeat_once(design, seeds, constant_rate) for seeds in groups]
    with ProcessPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        return list(pool.map(repeat_once, repeat(design), groups, repeat(constant_rate)))


def summary_of(repetitions: Sequence[Repetition]) -> dict[str, object]:
    """How often feedback was detected, how often the planted null was, and each repetition's differences in points."""
    detected, alarms = sum(each.detected for each in repetitions), sum(each.false_alarm for each in repetitions)
    return {
        "repetitions": len(repetitions),
        "pairs": PAIRS,
        "detected": detected,
        "detected_interval": exact_interval(detected, len(repetitions)),
        "false_alarms": alarms,
        "false_alarms_interval": exact_interval(alarms, len(repetitions)),
        "helps_against_constant": sum(each.constant.outcome == "helps" for each in repetitions),
        "rows": [
            {
                "first_seed": each.seeds[0],
                **{name: _row(found) for name, found in each.feedback.items()},
                "null": _row(each.null),
                "constant": _row(each.constant),
            }
            for each in repetitions
        ],
    }


def _row(comparison: Comparison) -> dict[str, object]:
    return {
        "points": round(100 * comparison.difference.estimate, 4),
        "p_holm": comparison.adjusted,
        "outcome": comparison.outcome,
    }
