"""What every registered model promises, tried on the one that ships with the package."""

import pickle
import zipfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from quikapp_ml.errors import Damaged, NotFound
from quikapp_ml.models import MODEL_CLASSES
from quikapp_ml.models.base import ARRAYS_FILE, FACTS_FILE, Model

TEXTS = ("This is great!", "Check out this amazing offer!", "", "Ünï ‏ 👍🏽 :tada:")
KINDS: dict[str, tuple[type, ...]] = {"string": (str,), "double": (float,), "long": (int,), "boolean": (bool,)}


@pytest.fixture(params=sorted(MODEL_CLASSES))
def model(request: pytest.FixtureRequest) -> Model:
    with as_file(files("quikapp_ml.starter_models") / request.param) as folder:
        return MODEL_CLASSES[request.param].load(folder)


def rows_for(model: Model) -> dict[str, list[Any]]:
    """A column of four values of the declared type for each input."""
    values: dict[str, list[Any]] = {
        "string": list(TEXTS),
        "double": [0.0, 0.25, 1.0, 3.5],
        "long": [0, 1, 2, 3],
        "boolean": [True, False, True, False],
    }
    columns = {name: list(values[kind]) for name, kind in model.inputs.items()}
    if "item_type" in columns:
        columns["item_type"] = ["channel", "user", "message", "message"]
    return columns


def test_the_class_is_registered_under_its_name(model: Model) -> None:
    assert MODEL_CLASSES[model.name] is type(model)


def test_inputs_and_outputs_are_of_known_types(model: Model) -> None:
    assert model.inputs
    assert model.outputs
    assert {*model.inputs.values(), *model.outputs.values()} <= set(KINDS)


def test_predict_gives_the_declared_columns(model: Model) -> None:
    answers = model.predict(rows_for(model))
    assert list(answers) == list(model.outputs)
    for name, kind in model.outputs.items():
        assert len(answers[name]) == len(TEXTS)
        assert all(isinstance(value, KINDS[kind]) for value in answers[name])


def test_a_batch_equals_its_rows_one_by_one(model: Model) -> None:
    columns = rows_for(model)
    singles = [model.predict({name: [values[row]] for name, values in columns.items()}) for row in range(len(TEXTS))]
    assert model.predict(columns) == {name: [one[name][0] for one in singles] for name in model.outputs}


def test_no_rows_give_no_answers(model: Model) -> None:
    assert model.predict({name: [] for name in model.inputs}) == {name: [] for name in model.outputs}


def test_loading_gives_back_what_was_saved(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path)
    again = type(model).load(tmp_path)
    assert again.predict(rows_for(model)) == model.predict(rows_for(model))
    assert again.facts() == model.facts()
    assert again.arrays().keys() == model.arrays().keys()
    for name, array in model.arrays().items():
        assert np.array_equal(again.arrays()[name], array)
        assert again.arrays()[name].dtype == array.dtype


def test_files_hold_no_code(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [ARRAYS_FILE, FACTS_FILE]
    with np.load(tmp_path / ARRAYS_FILE, allow_pickle=False) as stored:
        assert all(stored[name].dtype.kind in "fiuUb" for name in stored.files)
    orjson.loads((tmp_path / FACTS_FILE).read_bytes())


def test_pickled_arrays_are_refused(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path)
    name = next(iter(model.arrays()))
    np.savez(tmp_path / ARRAYS_FILE, allow_pickle=True, **{**model.arrays(), name: np.array([{}], dtype=object)})
    with pytest.raises(Damaged):
        type(model).load(tmp_path)


def test_members_that_are_no_arrays_are_refused(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path)
    with zipfile.ZipFile(tmp_path / ARRAYS_FILE, "w") as archive:
        archive.writestr("weights.npy", pickle.dumps({"weights": 1}))
    with pytest.raises(Damaged):
        type(model).load(tmp_path)


@pytest.mark.parametrize("kept_ratio", [0.0, 0.5, 0.99])
def test_a_file_cut_short_is_refused(model: Model, tmp_path: Path, kept_ratio: float) -> None:
    model.save(tmp_path)
    whole = (tmp_path / ARRAYS_FILE).read_bytes()
    (tmp_path / ARRAYS_FILE).write_bytes(whole[: int(len(whole) * kept_ratio)])
    with pytest.raises(Damaged):
        type(model).load(tmp_path)


def test_bytes_that_changed_are_refused(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path)
    whole = bytearray((tmp_path / ARRAYS_FILE).read_bytes())
    whole[len(whole) // 3] ^= 0xFF
    (tmp_path / ARRAYS_FILE).write_bytes(whole)
    with pytest.raises(Damaged):
        type(model).load(tmp_path)


def test_a_number_that_is_not_finite_is_refused(model: Model, tmp_path: Path) -> None:
    spoilt = 0
    for name, array in model.arrays().items():
        if array.dtype.kind != "f" or array.size == 0:
            continue
        broken = array.copy()
        broken.flat[array.size // 2] = np.nan
        model.save(tmp_path)
        np.savez(tmp_path / ARRAYS_FILE, allow_pickle=False, **{**model.arrays(), name: broken})
        with pytest.raises(Damaged):
            type(model).load(tmp_path)
        spoilt += 1
    assert spoilt


def test_missing_parts_are_named(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path)
    np.savez(tmp_path / ARRAYS_FILE, allow_pickle=False)
    with pytest.raises(Damaged):
        type(model).load(tmp_path)
    (tmp_path / FACTS_FILE).unlink()
    with pytest.raises(NotFound, match=FACTS_FILE):
        type(model).load(tmp_path)
    with pytest.raises(NotFound, match=ARRAYS_FILE):
        type(model).load(tmp_path / "nowhere")
