"""Every code exercise has a solution that its check accepts, and a typical wrong answer that it does not."""

import re

import nbformat
import pytest

from uncertlr.book import exercises
from uncertlr.runs.paths import project_folder

SOLUTION = re.compile(r"<details><summary>Solution</summary>\s+```python\n(.*?)```", re.DOTALL)
CHECK = re.compile(r'^exercises\.check\("([\w.]+)", (\w+)\)', re.MULTILINE)
IMPORT = re.compile(r"^(?:import|from) (?!uncertlr\.book).*\n?", re.MULTILINE)

WRONG = {
    "calibration.debiased_error": """
def debiased_error(counts, confidence, accuracy):  # each bin is cut off at 0
    squares = (accuracy - confidence).square() - accuracy * (1 - accuracy) / (counts - 1)
    return float((squares.clamp(min=0) * counts / counts.sum()).sum().sqrt())
""",
    "calibration.brier_score": """
def brier_score(probs, labels):  # mean over the classes too
    return float(F.mse_loss(probs, F.one_hot(labels, probs.shape[-1]).float()))
""",
    "calibration.accuracy_of_surest": """
def accuracy_of_surest(uncertainty, right, share):  # those with the highest uncertainty
    answered = uncertainty.argsort(descending=True)[: round(share * len(uncertainty))]
    return float(right[answered].float().mean())
""",
    "calibration.bootstrap_interval": """
def bootstrap_interval(score, confidence, right):  # without replacement
    draws = [torch.randperm(len(right)) for _ in range(500)]
    scores = torch.tensor([float(score(confidence[d], right[d])) for d in draws])
    return scores.quantile(torch.tensor([0.025, 0.975]))
""",
    "entropy.mutual_information": """
def mutual_information(probs):  # NaN where a probability is 0
    def entropy(p):
        return -(p * p.log()).sum(-1)
    return entropy(probs.mean(0)) - entropy(probs).mean(0)
""",
    "entropy.signal_of_one_logit": """
def signal_of_one_logit(logits):  # one of the two classes
    p = torch.sigmoid(logits)
    return float(-torch.xlogy(p, p).mean() / math.log(2))
""",
    "entropy.dropout_on": """
def dropout_on(network):  # everything in training mode
    network.train()
""",
    "entropy.entropy_with_few": """
def entropy_with_few(probs, few):  # the first group only
    mean = probs[:few].mean(0)
    return float(-torch.xlogy(mean, mean).sum(-1).mean())
""",
    "controls.source_seeds": """
def source_seeds(seeds):  # its own
    return {seed: seed for seed in seeds}
""",
    "controls.log_rate_distance": """
def log_rate_distance(rates, others):  # of the rates themselves
    return math.sqrt(statistics.fmean((one - other) ** 2 for one, other in zip(rates, others)))
""",
    "controls.sign_flip_p": """
def sign_flip_p(differences):  # one-sided
    from itertools import product
    observed = sum(differences)
    sums = [sum(s * d for s, d in zip(signs, differences)) for signs in product([1, -1], repeat=len(differences))]
    return statistics.fmean(total >= observed for total in sums)
""",
    "feedback.share_above": """
def share_above(decrease, increase):  # the wrong sign of a logarithm
    return math.log(increase) / (math.log(increase) + math.log(decrease))
""",
    "feedback.closed_loop": """
def closed_loop(respond, num_steps):  # the factor after the decision
    factor, signals, factors = 1.0, [], []
    for _ in range(num_steps):
        signals.append(respond(factor))
        factor = max(0.01, 0.5 * factor) if signals[-1] > 0.5 else min(10.0, 1.1 * factor)
        factors.append(factor)
    return signals, factors
""",
    "feedback.factors_with_cadence": """
def factors_with_cadence(uncertainties, every):  # decides on the last value instead of the mean
    factor, factors = 1.0, []
    for number, uncertainty in enumerate(uncertainties, 1):
        if number % every == 0:
            factor = max(0.01, 0.5 * factor) if uncertainty > 0.5 else min(10.0, 1.1 * factor)
        factors.append(factor)
    return factors
""",
    "feedback.lowest_threshold": """
def lowest_threshold(signals):  # the lowest value instead of the rule's end
    return round(min(signals), 2)
""",
    "quickstart.decisions_to_the_bound": """
def decisions_to_the_bound(decrease, lower_bound):  # rounded down
    return int(math.log(lower_bound) / math.log(decrease))
""",
    "quickstart.factors_per_epoch": """
def factors_per_epoch(values, steps_per_epoch, threshold):  # the last step of each epoch instead of its mean
    factor, factors = 1.0, []
    for value in values[steps_per_epoch - 1 :: steps_per_epoch]:
        factor *= 0.5 if value > threshold else 1.1
        factors.append(factor)
    return factors
""",
    "reading_the_report.read_log": """
def read_log(line):  # the reduced fraction
    from fractions import Fraction
    share = Fraction(line["eval_accuracy"]).limit_denominator(10_000)
    return share.denominator, share.numerator, round(line["eval_samples_per_second"] / line["eval_steps_per_second"])
""",
    "reading_the_report.examples_needed": """
def examples_needed(first, second):  # the variance of one accuracy only
    return (1.96 + 0.84) ** 2 * first * (1 - first) / (first - second) ** 2
""",
    "reading_the_report.factors_of": """
def factors_of(uncertainties, threshold=0.5, down=0.5, up=1.1, low=0.01, high=10.0):  # no bounds
    factors = [1.0]
    for uncertainty in uncertainties:
        factors.append(factors[-1] * (down if uncertainty > threshold else up))
    return factors[1:]
""",
    "code_changes.interaction_of": """
def interaction_of(cells, first, second):  # halved
    signs = {cell: (2 * cell[first] - 1) * (2 * cell[second] - 1) for cell in cells}
    return sum(signs[cell] * score for cell, score in cells.items()) * 2 / len(cells)
""",
    "code_changes.main_effect": """
def main_effect(cells, place):  # the effect on the unchanged code
    unchanged = (False,) * len(next(iter(cells)))
    return cells[unchanged[:place] + (True,) + unchanged[place + 1 :]] - cells[unchanged]
""",
    "costs.hardware_limit": """
def hardware_limit(operations, bytes_moved, operations_per_second, bytes_per_second):  # one after the other
    return operations / operations_per_second + bytes_moved / bytes_per_second
""",
    "costs.overhead": """
def overhead(with_observation, without):  # of the medians
    return statistics.median(with_observation) / statistics.median(without)
""",
    "costs.estimate_operations": """
def estimate_operations(trunk, features, classes, samples):  # the trunk in every sample
    return samples * (trunk + 2 * features * classes)
""",
    "your_own_model.video_logits": """
def video_logits(output):  # rows that mix pixels with classes
    return output[:, 1:].reshape(-1, output.shape[1] - 1)
""",
    "your_own_model.next_token_logits": """
def next_token_logits(output, tokens):  # the mask of the tokens themselves
    return output["logits"][tokens != 0]
""",
    "your_own_model.warm_up_and_fall": """
def warm_up_and_fall(warm_up, total):  # begins with a rate of 0
    return lambda step: min(step / warm_up, (total - step) / (total - warm_up))
""",
    "cifar10.paired_interval": """
def paired_interval_of(first, second):  # as if the two samples had no pairs
    n, mean = len(first), statistics.fmean(first) - statistics.fmean(second)
    half = stats.t.ppf(0.975, 2 * n - 2) * math.sqrt((statistics.variance(first) + statistics.variance(second)) / n)
    return mean, mean - half, mean + half
""",
    "cifar10.outcome": """
def outcome(differences, margin=0.5):  # what is not significant counts as equal
    mean = statistics.fmean(differences)
    half = stats.t.ppf(0.975, len(differences) - 1) * statistics.stdev(differences) / math.sqrt(len(differences))
    if abs(mean) <= half:
        return "equivalent"
    return "helps" if mean > 0 else "harms"
""",
    "cifar10.balanced_threshold": """
def balanced_threshold(signals, decrease=0.5, increase=1.1):  # as many above as below
    return statistics.median(signals)
""",
    "imdb.all_positive": """
def all_positive(share):  # the mean of the two
    return share, 1.0, (share + 1) / 2
""",
    "imdb.f_test": """
def f_test(first, second):  # one-sided
    return stats.f.sf(np.var(first, ddof=1) / np.var(second, ddof=1), len(first) - 1, len(second) - 1)
""",
    "imdb.exchange_test": """
def exchange_test(first, second):  # the means are left in
    pairs, values = np.stack([first, second]), []
    for exchanged in itertools.product([False, True], repeat=pairs.shape[1]):
        one, other = np.where(exchanged, pairs[::-1], pairs)
        values.append(abs(math.log(one.var() / other.var())))
    return float(np.mean(np.array(values) >= values[0] - 1e-12))
""",
    "two_kinds.posterior_covariance": """
def posterior_covariance(phi, p, prior_precision):  # every example counts the same
    return torch.linalg.inv(phi.T @ phi + prior_precision * torch.eye(phi.shape[1]))
""",
    "two_kinds.logit_variance": """
def logit_variance(hidden, weight, p):  # kept units are not scaled
    return p * (1 - p) * hidden.square() @ weight.square().T
""",
    "two_kinds.ensemble_parts": """
def ensemble_parts(networks, inputs):  # the mean of the logits
    logits = torch.stack([network(inputs) for network in networks])
    def entropy(logits):
        return torch.distributions.Categorical(logits=logits).entropy()
    aleatoric = entropy(logits).mean(0)
    return aleatoric, entropy(logits.mean(0)) - aleatoric
""",
    "two_kinds.most_informative": """
def most_informative(probs, count):  # by total uncertainty
    mean = probs.mean(0)
    return (-torch.xlogy(mean, mean).sum(-1)).argsort(descending=True)[:count]
""",
    "learning_rates.largest_rate": """
def largest_rate(hessian):  # the curvatures along the axes
    return 2 / float(hessian.diagonal().max())
""",
    "learning_rates.level": """
def level(rate, curvature, noise):  # good for small rates only
    return rate * noise**2 / 4
""",
    "learning_rates.with_warm_up": """
def with_warm_up(schedule, num_steps):  # a first step with the rate 0
    return lambda step: step / num_steps if step < num_steps else schedule(step - num_steps)
""",
    "learning_rates.suggested_rate": """
def suggested_rate(rates, losses):  # a low loss after training has broken
    return rates[losses.index(min(losses))] / 3
""",
    "verdict.stretched": """
def stretched(multipliers, steps):  # the multipliers themselves
    places = [step / (steps - 1) * (len(multipliers) - 1) for step in range(steps)]
    parts = [(min(int(place), len(multipliers) - 2), place) for place in places]
    return [multipliers[at] + (place - at) * (multipliers[at + 1] - multipliers[at]) for at, place in parts]
""",
    "verdict.holm": """
def holm(p_values):  # Bonferroni
    return [min(1.0, len(p_values) * p) for p in p_values]
""",
    "verdict.is_equivalent": """
def is_equivalent(differences, margin):  # the mean alone
    return abs(statistics.fmean(differences)) < margin
""",
}
"""A typical wrong answer to each."""


def answers():
    """Exercise to the name of its function, its cell, its solution, and the imports of its notebook."""
    found = {}
    for path in sorted((project_folder() / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        imports = "".join(line for cell in cells if cell.cell_type == "code" for line in IMPORT.findall(cell.source + "\n"))
        for cell, after in zip(cells, [*cells[1:], None], strict=True):
            for exercise, name in CHECK.findall(cell.source) if cell.cell_type == "code" else ():
                solution = SOLUTION.search(after.source) if after is not None else None
                found[exercise] = (name, cell.source, solution and solution[1], imports)
    return found


ANSWERS = answers()


def result(exercise, source):
    scope = {"exercises": exercises}
    exec(ANSWERS[exercise][3] + source, scope)
    return exercises.result(exercise, scope[ANSWERS[exercise][0]])


def test_there_are_exercises_and_each_has_a_wrong_answer():
    assert set(ANSWERS) == set(WRONG)


@pytest.mark.parametrize("exercise", ANSWERS)
def test_the_solution_is_right(exercise):
    assert result(exercise, ANSWERS[exercise][2]) == "right"


@pytest.mark.parametrize("exercise", WRONG)
def test_a_typical_wrong_answer_is_not(exercise):
    assert result(exercise, WRONG[exercise]) != "right"


@pytest.mark.parametrize("exercise", ANSWERS)
def test_the_cell_runs_before_it_is_answered(exercise, capsys):
    exec(ANSWERS[exercise][3] + ANSWERS[exercise][1], {"exercises": exercises})
    assert capsys.readouterr().out.strip() not in ("", "right")


def test_an_exercise_that_does_not_exist_is_an_error():
    with pytest.raises(ValueError, match=r"entropy\.other"):
        exercises.check("entropy.other", 1)


def test_an_error_of_the_readers_code_is_a_hint():
    assert "ZeroDivisionError" in exercises.result("entropy.mutual_information", lambda probs: 1 / 0)


@pytest.mark.parametrize("given", ["a", ["a", "b", "c"], object()])
def test_an_answer_that_is_no_number_is_named(given):
    hint = exercises.result("verdict.stretched", lambda multipliers, steps: given)
    assert hint.startswith("not yet")
    assert repr(given) in hint
