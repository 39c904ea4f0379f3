from prometheus_client.parser import text_string_to_metric_families

from support.fake_service import Client, FakeService

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def _samples(client: Client) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_are_counted_by_route_and_status(client: Client) -> None:
    client.get("/health")
    client.get("/health")
    client.post("/api/ml/rank", json={})
    samples = _samples(client)
    name = "quikapp_ml_http_requests_total"
    assert samples[name, (("method", "GET"), ("route", "/health"), ("status", "200"))] == 2
    assert samples[name, (("method", "POST"), ("route", "/api/ml/rank"), ("status", "422"))] == 1
    assert samples["quikapp_ml_http_request_seconds_count", (("route", "/health"),)] == 2


def test_guessed_paths_and_methods_are_one_label(client: Client) -> None:
    for n in range(50):
        client.get(f"/guess/{n}")
        client.request(f"GUESS{n}", "/health")
    labels = {labels for name, labels in _samples(client) if name == "quikapp_ml_http_requests_total"}
    assert labels == {
        (("method", "GET"), ("route", "(other)"), ("status", "404")),
        (("method", "other"), ("route", "/health"), ("status", "405")),
    }


def test_events_are_counted_by_what_became_of_them(client: Client) -> None:
    read = {"type": "read", "event_time": "2026-11-23T08:00:00+00:00", "user_id": "u", "channel_id": "c"}
    client.post("/api/ml/events", json={"events": [{**read, "event_id": "1"}, {**read, "event_id": "1"}, {}, 5]})
    samples = _samples(client)
    counts = [samples["quikapp_ml_events_total", (("outcome", o),)] for o in ("accepted", "duplicate", "rejected")]
    assert counts == [1, 1, 2]


def test_the_numbers_of_the_service_are_shown(client: Client, service: FakeService) -> None:
    service.lake_writer.last_error = OSError("the disk is full")
    service.health.ready = False
    samples = _samples(client)
    assert samples["quikapp_ml_spool_pending_bytes", ()] == 123
    assert samples["quikapp_ml_spool_lag_frames", ()] == 4
    assert samples["quikapp_ml_lake_writer_failing", ()] == 1
    assert samples["quikapp_ml_decisions_recorded_total", ()] == 5
    assert samples["quikapp_ml_decisions_lost_total", ()] == 0
    assert samples["quikapp_ml_model_swaps_total", ()] == 2
    assert samples["quikapp_ml_model_failures_total", ()] == 1
    assert samples["quikapp_ml_ready", ()] == 0
    model = (("alias", "champion"), ("name", "spam-classifier"), ("number", "7"), ("version", "2.4.0"))
    assert samples["quikapp_ml_model_info", model] == 1


def test_answers_without_their_model_are_counted(client: Client, service: FakeService) -> None:
    service.answers.degraded = True
    client.post("/api/ml/recommendations", json={"user_id": "u"})
    assert _samples(client)["quikapp_ml_degraded_answers_total", (("route", "/api/ml/recommendations"),)] == 1
