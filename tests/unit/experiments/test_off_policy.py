import numpy as np
import pytest

from quikapp_ml.errors import InvalidInput
from quikapp_ml.experiments.off_policy import Log, doubly_robust, ips, snips

LOG = Log(rewards=[1, 0, 1, 0], propensities=[0.5, 0.5, 0.25, 0.5], target=[0.25, 0.5, 0.75, 0.25])
# The weights are 0.5, 1, 3, 0.5.


def test_by_hand() -> None:
    assert ips(LOG).value.estimate == pytest.approx(3.5 / 4)
    assert snips(LOG).value.estimate == pytest.approx(3.5 / 5)
    found = doubly_robust(LOG, predicted=[0.5, 0.5, 0.5, 0.5], predicted_target=[0.6, 0.6, 0.6, 0.6])
    assert found.value.estimate == pytest.approx(0.6 + (0.25 - 0.5 + 1.5 - 0.25) / 4)
    assert found.effective_sample_size == pytest.approx(25 / 10.5)


def test_clipping_is_stated() -> None:
    clipped = ips(Log(LOG.rewards, LOG.propensities, LOG.target, clip=2.0))
    assert clipped.value.estimate == pytest.approx(2.5 / 4)
    assert clipped.clipped_share == 0.25


def test_the_same_policy_has_the_mean_of_its_rewards() -> None:
    rewards = np.random.default_rng(8).random(100)
    log = Log(rewards, np.full(100, 0.2), np.full(100, 0.2))
    for found in (ips(log), snips(log), doubly_robust(log, rewards * 0, rewards * 0)):
        assert found.value.estimate == pytest.approx(rewards.mean())
        assert found.value.standard_error == pytest.approx(rewards.std(ddof=1) / 10)
        assert found.effective_sample_size == pytest.approx(100)


@pytest.mark.parametrize(
    "log",
    [
        Log([1, 0], [0.0, 0.5], [0.5, 0.5]),
        Log([1, 0], [0.5, 0.5], [1.5, 0.5]),
        Log([1, 0, 1], [0.5, 0.5], [0.5, 0.5]),
        Log([1, 0], [0.5, 0.5], [0.5, 0.5], clip=0.0),
        Log([1, 0], [0.5, 0.5], [0.0, 0.0]),
    ],
)
def test_bad_logs_are_refused(log: Log) -> None:
    with pytest.raises(InvalidInput, match="give"):
        snips(log)
