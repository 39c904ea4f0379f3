from quikapp_ml.stores.lake.tables import EVENTS, TABLES
from quikapp_ml.training.expectations import EXPECTATIONS, Outcome, Unique
from quikapp_ml.training.feature_history import FEATURE_TABLES
from quikapp_ml.training.recipes import RECIPES
from quikapp_ml.training.user_vectors import USER_EMBEDDINGS

DECLARED = {table.name: table for table in (*TABLES, *FEATURE_TABLES.values(), USER_EMBEDDINGS)}


def test_something_is_expected_of_every_table_that_is_learnt_from() -> None:
    learnt_from = {name for recipe in RECIPES.values() for name in recipe.tables}
    silver = {name for name in DECLARED if ".silver." in name or ".features." in name}
    assert learnt_from | silver <= set(EXPECTATIONS)


def test_expectations_are_of_columns_that_are_declared_and_of_the_key_as_a_whole() -> None:
    for name, expected in EXPECTATIONS.items():
        table = DECLARED[name]
        assert {column for each in expected for column in each.columns} <= set(table.columns.names)
        assert [each.rule for each in expected if isinstance(each.rule, Unique)] == [Unique(table.key)]
        assert len({str(each) for each in expected}) == len(expected), "results are told apart by it"


def test_only_tables_made_anew_each_night_lose_rows() -> None:
    kept = {EVENTS.name, USER_EMBEDDINGS.name, *(table.name for table in FEATURE_TABLES.values())}
    for name in kept:
        assert {each.outcome for each in EXPECTATIONS[name]} == {Outcome.FAIL}
