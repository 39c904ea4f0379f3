"""GrowthBook's sequential test, for `experiment_looks`: run by a Python that has gbstats, never by ours.

Each line is the JSON of an experiment: `alpha`, `planned` units, and `looks`: units, sum and sum of squares of control,
then of treatment. It prints the first look at which the interval around the difference excludes 0, or null.
"""

import json
import sys
from typing import Any

from gbstats.frequentist.tests import (  # type: ignore[import-not-found]
    SequentialConfig,
    SequentialTwoSidedTTest,
)
from gbstats.models.statistics import SampleMeanStatistic  # type: ignore[import-not-found]


def found_at(experiment: dict[str, Any]) -> int | None:
    """The first look that finds something."""
    config = SequentialConfig(
        difference_type="absolute",
        alpha=experiment["alpha"],
        sequential_tuning_parameter=experiment["planned"],
    )
    for place, (n_a, sum_a, squares_a, n_b, sum_b, squares_b) in enumerate(experiment["looks"]):
        first = SampleMeanStatistic(n=n_a, sum=sum_a, sum_squares=squares_a)
        second = SampleMeanStatistic(n=n_b, sum=sum_b, sum_squares=squares_b)
        result = SequentialTwoSidedTTest(first, second, config).compute_result()
        low, high = result.ci
        if result.error_message is None and (low > 0 or high < 0):
            return place
    return None


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(found_at(json.loads(line))), flush=True)
