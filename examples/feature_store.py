"""Features, labels, a model that knows its features: the tour of the feature store, on any engine.

QUIKAPP_ML_HOME=$(mktemp -d) python examples/feature_store.py
SPARK_REMOTE=sc://localhost:15002 QUIKAPP_ML_HOME=$(mktemp -d) python examples/feature_store.py
"""

from quikapp_ml import connect
from quikapp_ml.feature_store import FeatureLookup

fs = connect.feature_store()
spark = fs.spark

user_features_df = spark.createDataFrame(
    [("U1", 12, 30.5), ("U2", 3, None)], "user_id string, message_count bigint, avg_response_time double"
)
labels_df = spark.createDataFrame([("U1", 1), ("U2", 0), ("U3", 0)], "user_id string, conversion int")

fs.create_table(
    name="quikapp_ml.examples.user_activity",
    primary_keys=["user_id"],
    df=user_features_df,
    description="User activity features for recommendations",
)
training_set = fs.create_training_set(
    df=labels_df,
    feature_lookups=[
        FeatureLookup(
            table_name="quikapp_ml.examples.user_activity",
            feature_names=["message_count", "avg_response_time"],
            lookup_key="user_id",
        )
    ],
    label="conversion",
)
training_set.load_df().orderBy("user_id").show()
print("read at versions", training_set.table_versions)

print("published", fs.publish_table("quikapp_ml.examples.user_activity"), "entities")
for values in fs.read_online("quikapp_ml.examples.user_activity", [{"user_id": "U1"}, {"user_id": "U9"}]):
    print(values)

fs.drop_table("quikapp_ml.examples.user_activity")
fs.close()
