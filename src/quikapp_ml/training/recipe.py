"""How a model is made from tables: examples, a split in time, a fit, an honest evaluation."""

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from quikapp_ml.errors import JobFailed
from quikapp_ml.models.base import Model
from quikapp_ml.stores.lake.base import Lake

M = TypeVar("M", bound=Model)
E = TypeVar("E")


DIFFERENCE = "difference"
"""What the measures of a comparison begin with."""


class NotEnoughData(JobFailed):
    """The tables hold too little to learn from; the message says how much there is and how much is needed."""

    code = "not_enough_data"


class Recipe(ABC, Generic[M, E]):
    """One model's way from tables to a fitted version; `E` is its own type of examples."""

    model_class: ClassVar[type[Model]]
    metric: ClassVar[str]
    """The measure that decides about promotion; greater is better."""
    tables: ClassVar[tuple[str, ...]]
    """Full names of the tables it reads; their versions are kept with the model."""

    limits: ClassVar[str] = ""
    """What the first card says of the model's limits, where no starter's card does."""

    @abstractmethod
    def examples(self, lake: Lake) -> E:
        """Labelled examples in the order of time, each with the features as they were known before its label.

        Raises NotEnoughData.
        """

    @abstractmethod
    def split(self, examples: E) -> tuple[E, E]:
        """The earlier part to learn from, and the last fifth, held out."""

    @abstractmethod
    def fit(self, examples: E, previous: M) -> M:
        """A new model from the examples and what the previous version knows."""

    @abstractmethod
    def evaluate(self, model: M, examples: E) -> dict[str, float]:
        """The metric, `<metric>_low` and `<metric>_high` (95 %, bootstrap), and baselines as `baseline_<name>`."""

    def untrained(self) -> M | None:
        """What the first version is measured beside where no starter came with the package; None: there is one."""
        return None

    def compare(self, candidate: M, previous: M, examples: E) -> dict[str, float]:  # noqa: ARG002 for those who can
        """By how much the candidate is better than the version before, with the 95 % interval of the difference.

        `difference` for all examples, `difference_in_<slice>` for parts of them, each with `_low` and `_high`. A recipe
        that cannot tell leaves this as it is: nothing.
        """
        return {}
