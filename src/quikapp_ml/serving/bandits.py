"""Bandits that are running, taught what their answers brought; each lesson is a change of the experiment's record."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from quikapp_ml.entities.bandits import Learnt
from quikapp_ml.entities.experiments import ExperimentSpec, ExperimentState
from quikapp_ml.errors import QuikAppMLError
from quikapp_ml.serving.experiments import ExperimentDesk, spec_of

logger = logging.getLogger(__name__)


class BanditTeacher:
    """Teaches those whose time has come; `follow` is called when one has learnt, so that the next answer knows."""

    def __init__(
        self,
        desk: ExperimentDesk,
        read: Callable[[ExperimentSpec], Learnt],
        follow: Callable[[], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._desk = desk
        self._read = read
        self._follow = follow
        self._clock = clock
        self._looked: dict[str, datetime] = {}

    def teach(self) -> list[str]:
        """Names of those that have learnt something new. One that cannot be read is passed over."""
        running = [record for record in self._desk.all() if record.state == ExperimentState.RUNNING]
        taught = []
        for record in running:
            try:
                if self._taught(spec_of(record)):
                    taught.append(record.name)
            except QuikAppMLError as error:
                logger.warning("bandit %s cannot be taught: %s", record.name, error)
        if taught:
            self._follow()
        return taught

    def _taught(self, spec: ExperimentSpec) -> bool:
        now = self._clock()
        if spec.bandit is None or not self._is_due(spec, timedelta(minutes=spec.bandit.every_minutes), now):
            return False
        self._looked[spec.name] = now
        learnt = self._read(spec)
        if spec.learnt is not None and learnt.arms == spec.learnt.arms:
            return False
        self._desk.learn(spec.name, learnt)
        return True

    def _is_due(self, spec: ExperimentSpec, every: timedelta, now: datetime) -> bool:
        looked = self._looked.get(spec.name)
        return looked is None or not looked <= now < looked + every  # a clock that went back makes nobody wait
