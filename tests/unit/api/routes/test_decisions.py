"""Why something was answered, over HTTP."""

from support.fake_service import Client


def test_a_decision_is_explained(client: Client) -> None:
    told = client.get("/api/ml/decisions/d1").json()
    assert (told["decision_id"], told["kind"], told["inputs"]) == ("d1", "sentiment", "kept")
    assert told["model"] == {"name": "sentiment-bert", "version": "1.2.0", "number": 1, "alias": "champion"}
    assert told["question"] == {"messages": [{"id": "msg-1", "content": "This is great!"}]}
    assert told["answer"]["model"] == {"weight": 1}
    assert "candidates" not in told


def test_a_person_may_see_their_own_only(client: Client) -> None:
    assert client.get("/api/ml/decisions/d1?user_id=user-123").json()["answer"]["model"] == {}
    assert client.get("/api/ml/decisions/d1?user_id=user-789").status_code == 404


def test_an_unknown_one_is_no_decision(client: Client) -> None:
    answer = client.get("/api/ml/decisions/unknown")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
