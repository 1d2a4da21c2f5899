"""Would the studies see feedback that helps? Fifty repetitions of the positive control, which the protocol fixed before.

python benchmarks/positive_control.py --workers 2 --output results/positive_control.json

The constant rate is tuned first, on seeds of its own, by as many trials as any method of the book.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from uncertlr.analysis.positive_control import PAIRS, Design, repeat_study, summary_of, tune_constant
from uncertlr.runs import provenance
from uncertlr.sweep.file import Range
from uncertlr.sweep.trials import trials_of

TRIALS = 12
RATES = Range(low=1e-3, high=1e-1, log=True)
TUNING_SEEDS = range(920_000, 920_000 + PAIRS)


def main() -> None:
    """Tune, repeat, print, and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=50)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    design, environment = Design(), provenance.environment("cpu")
    trials = trials_of("constant", {"learning_rate": RATES}, TRIALS).values()
    constant = tune_constant(design, [trial["learning_rate"] for trial in trials], TUNING_SEEDS)
    found = summary_of(repeat_study(design, options.repetitions, constant, workers=options.workers))
    print(json.dumps({name: value for name, value in found.items() if name != "rows"}, indent=1))
    about = {"environment": environment, "design": asdict(design), "constant_rate": constant}
    if options.output:
        options.output.write_text(json.dumps({**about, **found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
