from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import httpx
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from quikapp_ml.databricks_api.sharing.management import NewTable
from quikapp_ml.serving.access import FAILURE_SECONDS, FAILURES
from support.sharing import SECRETS, TABLE, VISITS, House, Reader, lines

DELTA = {"delta-sharing-capabilities": "responseformat=delta;readerfeatures=deletionvectors,columnmapping"}


def refused(answer: httpx.Response, status: int, code: str, says: str) -> None:
    told = orjson.loads(answer.content)
    assert (answer.status_code, set(told), told["errorCode"]) == (status, {"errorCode", "message"}, code), told
    assert says in told["message"]


def rows_of(files: list[dict[str, Any]]) -> list[int]:
    """Ids in the files behind the URLs."""
    found = [pq.read_table(BytesIO(httpx.get(file["url"]).raise_for_status().content)) for file in files]
    return sorted(each for table in found for each in table.column("id").to_pylist())


# --- who is let in


def test_without_a_token_nothing_opens(house: House) -> None:
    house.share()
    for headers in ({}, {"authorization": ""}, {"authorization": "Basic eDp5"}, {"authorization": "Bearer wrong"}):
        for path in ("/shares", TABLE, f"{TABLE}/version", f"{TABLE}/metadata", f"{TABLE}/changes?startingVersion=0"):
            answer = httpx.get(f"{house.url}/delta-sharing{path}", headers=headers)
            refused(answer, 401, "UNAUTHENTICATED", "token")
            assert answer.headers["www-authenticate"] == "Bearer"
        refused(httpx.post(f"{house.url}/delta-sharing{TABLE}/query", headers=headers), 401, "UNAUTHENTICATED", "token")


def test_a_token_opens_until_it_expires(house: House) -> None:
    house.share()
    reader = house.reader(days=1)
    house.clock.now += 24 * 3600 - 1
    assert reader.get("/shares").status_code == 200
    house.clock.now += 1
    refused(reader.get("/shares"), 401, "UNAUTHENTICATED", "expired at 2026-11-24")


def test_rotation_lets_the_old_token_go_on_for_a_while(house: House) -> None:
    house.share()
    old = house.reader()
    new = house.holder(house.sharing.rotate("acme", overlap_seconds=3600).text)
    assert old.get("/shares").json() == new.get("/shares").json()
    house.clock.now += 3600
    assert (old.get("/shares").status_code, new.get("/shares").status_code) == (401, 200)


def test_a_recipient_whose_tokens_were_ended_reads_nothing(house: House) -> None:
    house.share()
    reader = house.reader()
    house.sharing.end_tokens("acme")
    assert reader.get("/shares").status_code == 401


# --- what is there


def test_a_recipient_sees_what_was_granted_and_nothing_else(house: House) -> None:
    house.share("sales")
    house.share("other")
    reader = house.reader("acme", "sales")
    assert [item["name"] for item in reader.get("/shares").json()["items"]] == ["sales"]
    for path in ("/shares/other", "/shares/other/schemas", "/shares/other/all-tables", "/shares/missing"):
        refused(reader.get(path), 404, "RESOURCE_DOES_NOT_EXIST", "does not exist, or was not granted")
    refused(reader.query("/shares/other/schemas/web/tables/visits"), 404, "RESOURCE_DOES_NOT_EXIST", "not granted")


def test_a_table_that_is_not_in_the_share_does_not_exist(house: House) -> None:
    house.share()
    reader = house.reader()
    for table in (SECRETS.name.rpartition(".")[2], "..", "%2e%2e", "visits%2f..%2fsecrets", "visits/../secrets"):
        answer = reader.query(f"/shares/sales/schemas/web/tables/{table}")
        assert answer.status_code == 404, answer.text
        assert "hidden" not in answer.text and "quikapp_ml." not in answer.text


def test_revoking_a_grant_ends_reading_at_once(house: House) -> None:
    house.share()
    house.visit(1)
    reader = house.reader()
    url = reader.files()[0]["url"]
    assert httpx.get(url).status_code == 200
    house.state.shares.change_grants("sales", [], ["acme"])
    assert reader.query().status_code == 404
    refused(httpx.get(url), 403, "PERMISSION_DENIED", "not shared with you any longer")


def test_shares_schemas_and_tables_have_names_and_ids(house: House) -> None:
    house.share()
    house.sharing.add_table("sales", NewTable(VISITS.name, "archive.old_visits"), "owner")
    reader = house.reader()
    share = house.state.shares.share("sales")
    assert reader.get("/shares/SALES").json() == {"share": {"name": "sales", "id": share.share_id}}
    schemas = reader.get("/shares/sales/schemas").json()
    assert schemas == {"items": [{"name": "archive", "share": "sales"}, {"name": "web", "share": "sales"}]}
    tables = reader.get("/shares/sales/all-tables").json()["items"]
    assert [(each["schema"], each["name"]) for each in tables] == [("archive", "old_visits"), ("web", "visits")]
    assert all(each["share"] == "sales" and each["shareId"] == share.share_id for each in tables)
    assert reader.get("/shares/sales/schemas/Web/tables").json()["items"] == tables[1:]
    assert len({each["id"] for each in tables}) == 2


@pytest.mark.parametrize(
    "path", ["/shares", "/shares/s1/schemas", "/shares/s1/schemas/a/tables", "/shares/s1/all-tables"]
)
def test_lists_come_in_pages(house: House, path: str) -> None:
    for n in range(5):
        house.sharing.create_share(f"s{n}", "owner")
    for shown in ("a.t1", "a.t2", "a.t3", "b.t1", "c.t1"):
        house.sharing.add_table("s1", NewTable(VISITS.name, shown), "owner")
    reader = house.reader("acme", *(f"s{n}" for n in range(5)))
    whole = reader.get(path).json()
    assert "nextPageToken" not in whole and len(whole["items"]) >= 3
    found: list[dict[str, str]] = []
    token: str | None = ""
    while token is not None:
        page = reader.get(path, maxResults=2, **({"pageToken": token} if token else {})).json()
        assert len(page["items"]) <= 2
        found += page["items"]
        token = page.get("nextPageToken")
    assert found == whole["items"]
    none = reader.get(path, maxResults=0).json()
    assert none["items"] == []
    assert reader.get(path, pageToken=none["nextPageToken"]).json() == whole


def test_a_list_is_one_line(house: House) -> None:
    house.share()
    assert b"\n" not in house.reader().get("/shares").content.strip()


@pytest.mark.parametrize(
    "parameters", [{"maxResults": -1}, {"maxResults": "x"}, {"pageToken": "%%"}, {"pageToken": "eA=="}]
)
def test_a_page_that_cannot_be_is_refused(house: House, parameters: dict[str, Any]) -> None:
    house.share()
    refused(house.reader().get("/shares", **parameters), 400, "INVALID_PARAMETER_VALUE", "")


@pytest.mark.parametrize("path", ["/", "/nothing", f"{TABLE}/queries/1", "/shares/sales/schemas/web"])
def test_what_is_not_there_says_so_in_the_protocol_s_shape(house: House, path: str) -> None:
    refused(httpx.get(f"{house.url}/delta-sharing{path}"), 404, "ENDPOINT_NOT_FOUND", "nothing at")
    refused(httpx.post(f"{house.url}/delta-sharing{path}"), 404, "ENDPOINT_NOT_FOUND", "nothing at")


# --- a table as it is now


def test_the_version_is_in_a_header(house: House) -> None:
    house.share()
    newest = house.visit(1)
    reader = house.reader()
    for path in (TABLE, f"{TABLE}/version"):
        assert reader.get(path).headers["delta-table-version"] == str(newest)
    assert reader.http.head(TABLE).headers["delta-table-version"] == str(newest)


def test_metadata_is_two_lines(house: House) -> None:
    house.share()
    answer = house.reader().get(f"{TABLE}/metadata")
    protocol, metadata = lines(answer)
    assert protocol == {"protocol": {"minReaderVersion": 1}}
    told = metadata["metaData"]
    assert told["format"] == {"provider": "parquet"} and told["partitionColumns"] == ["day"]
    fields = orjson.loads(told["schemaString"])["fields"]
    assert [(each["name"], each["type"]) for each in fields] == [("id", "long"), ("day", "date"), ("page", "string")]
    assert answer.headers["delta-table-version"] == "0"
    assert answer.headers["delta-sharing-capabilities"] == "responseformat=parquet"
    assert "quikapp_ml" not in answer.text, "where a table lies inside is nobody's business outside"


def test_files_have_urls_partitions_sizes_and_statistics(house: House) -> None:
    house.share()
    house.visit(1, 2, 29)
    house.lake.append(VISITS.name, pa.Table.from_pylist([{"id": 100}], VISITS.columns))
    reader = house.reader()
    files = reader.files()
    assert [file["partitionValues"]["day"] for file in files] == ["2021-01-02", "2021-01-03", ""]
    assert rows_of(files) == [1, 2, 29, 100]
    for file in files:
        content = httpx.get(file["url"]).content
        assert file["size"] == len(content)
        assert file["expirationTimestamp"] == (house.clock.now + 3600) * 1000
        stats = orjson.loads(file["stats"])
        ids = rows_of([file])
        assert (stats["numRecords"], stats["minValues"]["id"], stats["maxValues"]["id"]) == (len(ids), ids[0], ids[-1])
    assert [file["id"] for file in reader.files()] == [file["id"] for file in files]


def test_an_empty_table_has_no_files(house: House) -> None:
    house.share()
    assert house.reader().files() == []


def test_hints_leave_out_files_that_cannot_match(house: House) -> None:
    house.share()
    house.visit(*range(1, 11))
    reader = house.reader()
    assert len(reader.files()) == 10
    third = {
        "op": "equal",
        "children": [
            {"op": "column", "name": "day", "valueType": "date"},
            {"op": "literal", "value": "2021-01-04", "valueType": "date"},
        ],
    }
    assert rows_of(reader.files(jsonPredicateHints=orjson.dumps(third).decode())) == [3]
    assert rows_of(reader.files(predicateHints=["day >= '2021-01-05'", "`id` < 7", "nonsense of any kind"])) == [
        4,
        5,
        6,
    ]
    assert rows_of(reader.files(limitHint=2)) == [1, 2]
    assert rows_of(reader.files(limitHint=2, predicateHints=["day > '2021-01-08'"])) == [8, 9]
    assert len(reader.files(limitHint=2, predicateHints=["page = 'page 8'"])) == 1
    for broken in ("{", "[]", "1", '{"op": "xor"}', orjson.dumps({"op": "not", "children": []}).decode()):
        assert len(reader.files(jsonPredicateHints=broken)) == 10
    assert reader.files(limitHint=0) == []


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"version": -1}', b'{"limitHint": "3"}', b'{"predicateHints": [1]}', b'{"timestamp": 3}']
)
def test_a_question_that_is_none_is_refused(house: House, body: bytes) -> None:
    house.share(with_history=True)
    answer = house.reader().http.post(f"{TABLE}/query", content=body)
    assert answer.status_code == 400 and set(orjson.loads(answer.content)) == {"errorCode", "message"}


def test_what_other_servers_know_is_left_alone(house: House) -> None:
    house.share()
    house.visit(1)
    assert len(house.reader().files(maxFiles=5, includeRefreshToken=True, predicateHints=None)) == 1


# --- earlier versions


def test_history_is_shared_only_when_it_was_asked_for(house: House) -> None:
    house.share()
    house.visit(1)
    reader = house.reader()
    for question in ({"version": 0}, {"timestamp": "2099-01-01T00:00:00Z"}, {"startingVersion": 0}):
        refused(
            reader.query(**question), 400, "INVALID_PARAMETER_VALUE", "the history of table web.visits is not shared"
        )
    refused(reader.get(f"{TABLE}/changes", startingVersion=0), 400, "INVALID_PARAMETER_VALUE", "is not shared")
    refused(
        reader.get(f"{TABLE}/version", startingTimestamp="2020-01-01T00:00:00Z"),
        400,
        "INVALID_PARAMETER_VALUE",
        "is not",
    )


def test_an_earlier_version_is_read_by_number_and_by_time(house: House) -> None:
    house.share(with_history=True)
    times = [house.visit(n) and house.lake.history(VISITS.name)[0].time for n in (1, 2, 3)]
    reader = house.reader()
    for version, time in enumerate(times, 1):
        assert isinstance(time, datetime)
        answer = reader.query(version=version)
        assert answer.headers["delta-table-version"] == str(version)
        files = [line["file"] for line in lines(answer)[2:]]
        assert rows_of(files) == list(range(1, version + 1))
        at = {(file["version"], file["timestamp"]) for file in files}
        assert at == {(version, round(time.timestamp() * 1000))}
        assert lines(answer)[1]["metaData"]["version"] == version
        iso = time.isoformat(timespec="milliseconds")
        for text in (iso, f"{time:%Y-%m-%d %H:%M:%S.%f}", iso.replace("+00:00", "Z")):
            assert rows_of(reader.files(timestamp=text)) == list(range(1, version + 1))
        since = reader.get(f"{TABLE}/version", startingTimestamp=iso)
        assert since.headers["delta-table-version"] == str(version)
    assert rows_of(reader.files(timestamp="2999-01-01 1:02:03")) == [1, 2, 3]


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ({"version": 9}, "there is no version 9; the newest is 1"),
        ({"version": 2**63 - 1}, "there is no version"),
        ({"version": 1, "timestamp": "2021-01-01T00:00:00Z"}, "not both"),
        ({"timestamp": "1999-01-01T00:00:00Z"}, "no version is as old"),
        ({"timestamp": "yesterday"}, "is not understood"),
        ({"startingVersion": 2}, "there is no version 2"),
        ({"startingVersion": 1, "endingVersion": 0}, "the range is empty"),
        ({"endingVersion": 1}, "give startingVersion"),
    ],
)
def test_a_version_that_cannot_be_read_is_refused(house: House, question: dict[str, Any], says: str) -> None:
    house.share(with_history=True)
    house.visit(1)
    refused(house.reader().query(**question), 400, "INVALID_PARAMETER_VALUE", says)


def test_versions_before_the_first_shared_one_stay_hidden(house: House) -> None:
    house.visit(1)
    DeltaTable(house.lake.uri(VISITS.name)).delete()
    house.visit(2)
    house.share(with_history=True, start_version=3)
    reader = house.reader()
    assert rows_of(reader.files(version=3)) == [2]
    for question in ({"version": 1}, {"startingVersion": 2}):
        refused(reader.query(**question), 400, "INVALID_PARAMETER_VALUE", "is not shared; the earliest is 3")
    since = reader.get(f"{TABLE}/version", startingTimestamp="2000-01-01T00:00:00Z")
    assert since.headers["delta-table-version"] == "3"


def test_a_version_whose_log_was_cleaned_away_is_not_kept(house: House) -> None:
    house.share(with_history=True)
    house.visit(1)
    house.visit(2)
    table = DeltaTable(house.lake.uri(VISITS.name))
    table.create_checkpoint()
    (house.folder(VISITS) / "_delta_log" / f"{0:020}.json").unlink()
    refused(house.reader().query(startingVersion=0), 400, "INVALID_PARAMETER_VALUE", "not kept")


# --- changes


def changed_house(house: House) -> Reader:
    house.share(with_changes=True)
    house.visit(1, 2)
    table = DeltaTable(house.lake.uri(VISITS.name))
    table.update(updates={"page": "'moved'"}, predicate="id = 1")
    table.delete("id = 2")
    return house.reader()


def test_changes_are_files_with_version_and_time(house: House) -> None:
    reader = changed_house(house)
    answer = reader.get(f"{TABLE}/changes", startingVersion=1)
    told = lines(answer)
    assert answer.headers["delta-table-version"] == "1"
    kinds = [(next(iter(line)), next(iter(line.values()))["version"]) for line in told[2:]]
    assert kinds == [("add", 2), ("add", 2), ("cdf", 3), ("cdf", 4)]
    assert told[1]["metaData"]["configuration"] == {"enableChangeDataFeed": "true"}
    history = {commit.version: commit.time for commit in house.lake.history(VISITS.name)}
    for line in told[2:]:
        action = next(iter(line.values()))
        assert action["timestamp"] == round(history[action["version"]].timestamp() * 1000)
        rows = pq.read_table(BytesIO(httpx.get(action["url"]).raise_for_status().content))
        assert rows.num_rows and ("_change_type" in rows.column_names) == ("cdf" in line)
    assert [
        next(iter(line)) for line in lines(reader.get(f"{TABLE}/changes", startingVersion=3, endingVersion=3))[2:]
    ] == ["cdf"]


def test_files_since_a_version_are_told_without_a_change_data_feed(house: House) -> None:
    house.share(with_history=True)
    house.visit(1, 2)
    house.lake.overwrite(VISITS.name, pa.Table.from_pylist([{"id": 5, "day": date(2021, 1, 6)}], VISITS.columns))
    house.lake.compact(VISITS.name)
    told = lines(house.reader().query(startingVersion=1))
    kinds = sorted((next(iter(line)), next(iter(line.values()))["version"]) for line in told[2:])
    assert kinds == [("add", 1), ("add", 1), ("add", 2), ("remove", 2), ("remove", 2)]


def test_the_change_data_feed_must_have_been_on_all_the_time(house: House) -> None:
    reader = changed_house(house)
    refused(
        reader.get(f"{TABLE}/changes", startingVersion=0),
        400,
        "INVALID_PARAMETER_VALUE",
        "cdf is not enabled on table web.visits",
    )
    table = DeltaTable(house.lake.uri(VISITS.name))
    table.alter.set_table_properties({"delta.enableChangeDataFeed": "false"})
    refused(reader.get(f"{TABLE}/changes", startingVersion=1), 400, "INVALID_PARAMETER_VALUE", "at version 5")
    assert lines(reader.get(f"{TABLE}/changes", startingVersion=1, endingVersion=4))


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({}, "give startingVersion or startingTimestamp"),
        ({"startingVersion": 1, "startingTimestamp": "2021-01-01T00:00:00Z"}, "not both"),
        ({"startingVersion": "x"}, "startingVersion"),
        ({"startingTimestamp": "2999-01-01T00:00:00Z"}, "no version is as new"),
        ({"startingVersion": 1, "endingVersion": 77}, "there is no version 77"),
    ],
)
def test_a_range_that_is_none_is_refused(house: House, parameters: dict[str, Any], says: str) -> None:
    reader = changed_house(house)
    refused(reader.get(f"{TABLE}/changes", **parameters), 400, "INVALID_PARAMETER_VALUE", says)


def test_changed_columns_are_told_with_the_version_that_changed_them(house: House) -> None:
    reader = changed_house(house)
    wider = VISITS.columns.append(pa.field("referrer", pa.string()))
    house.lake.ensure(replace(VISITS, columns=wider))
    plain = lines(reader.get(f"{TABLE}/changes", startingVersion=1))
    assert [line["metaData"]["schemaString"].count("referrer") for line in plain if "metaData" in line] == [1]
    told = lines(reader.get(f"{TABLE}/changes", startingVersion=1, includeHistoricalMetadata="True"))
    found = [line["metaData"] for line in told if "metaData" in line]
    assert [(each["version"], each["schemaString"].count("referrer")) for each in found] == [(1, 0), (5, 1)]


# --- the delta format


def test_a_plain_table_is_told_in_delta_s_own_words_only_to_who_wants_nothing_else(house: House) -> None:
    house.share()
    house.visit(1)
    reader = house.reader()
    both = {"delta-sharing-capabilities": "responseformat=delta,parquet;readerfeatures=deletionvectors"}
    answer = reader.http.get(f"{TABLE}/metadata", headers=both)
    assert answer.headers["delta-sharing-capabilities"] == "responseformat=parquet"
    answer = reader.http.post(f"{TABLE}/query", json={}, headers=DELTA)
    assert answer.headers["delta-sharing-capabilities"] == "responseformat=delta"
    protocol, metadata, file = lines(answer)
    assert protocol["protocol"]["deltaProtocol"]["minReaderVersion"] == 1
    assert metadata["metaData"]["deltaMetadata"]["format"] == {"provider": "parquet", "options": {}}
    assert (metadata["metaData"]["numFiles"], metadata["metaData"]["size"]) == (1, file["file"]["size"])
    added = file["file"]["deltaSingleAction"]["add"]
    assert httpx.get(added["path"]).content[:4] == b"PAR1"
    assert added["partitionValues"] == {"day": "2021-01-02"} and added["dataChange"] is True


def test_a_table_that_plain_files_cannot_tell_needs_the_delta_format(house: House) -> None:
    name = "quikapp_ml.web.local_times"
    local = type(VISITS)(name, pa.schema([("at", pa.timestamp("us"))]), ("at",), "Times without a zone.")
    house.lake.ensure(local)
    house.lake.append(name, pa.table({"at": pa.array([datetime(2021, 1, 1)], pa.timestamp("us"))}))
    house.sharing.create_share("sales", "owner")
    house.sharing.add_table("sales", NewTable(name), "owner")
    reader = house.reader()
    table = "/shares/sales/schemas/web/tables/local_times"
    refused(reader.query(table), 400, "INVALID_PARAMETER_VALUE", "readerfeatures=timestampntz")
    refused(reader.http.post(f"{table}/query", json={}, headers=DELTA), 400, "INVALID_PARAMETER_VALUE", "timestampntz")
    understood = {"delta-sharing-capabilities": "responseformat=parquet,delta;readerfeatures=timestampNtz"}
    protocol = lines(reader.http.post(f"{table}/query", json={}, headers=understood))[0]["protocol"]["deltaProtocol"]
    assert (protocol["minReaderVersion"], protocol["readerFeatures"]) == (3, ["timestampNtz"])


def test_the_change_data_feed_in_delta_s_own_words(house: House) -> None:
    reader = changed_house(house)
    told = lines(reader.http.get(f"{TABLE}/changes", params={"startingVersion": 1}, headers=DELTA))
    assert told[1]["metaData"]["version"] == 1
    kinds = [(next(iter(line["file"]["deltaSingleAction"])), line["file"]["version"]) for line in told[2:]]
    assert kinds == [("add", 2), ("add", 2), ("cdc", 3), ("cdc", 4)]


# --- URLs of files


def changed(url: str, part: Callable[[dict[str, str]], dict[str, str]]) -> str:
    split = urlsplit(url)
    parameters = {name: values[0] for name, values in parse_qs(split.query).items()}
    return urlunsplit(split._replace(query=urlencode(part(parameters))))


def test_a_url_opens_until_it_expires(house: House) -> None:
    house.share()
    house.visit(1)
    url = house.reader().files()[0]["url"]
    house.clock.now += 3599
    assert httpx.get(url).status_code == 200
    house.clock.now += 1
    refused(httpx.get(url), 403, "PERMISSION_DENIED", "has expired")


def test_a_url_that_was_changed_opens_nothing(house: House) -> None:
    house.share()
    house.visit(1, 2)
    one, other = (file["url"] for file in house.reader().files())
    tampered = [
        changed(one, lambda given: {**given, "expires": str(int(given["expires"]) + 1)}),
        changed(one, lambda given: {**given, "expires": "x"}),
        changed(one, lambda given: {**given, "X-Amz-Signature": "0" * 64}),
        changed(one, lambda given: {**given, "X-Amz-Signature": "ü"}),
        changed(one, lambda given: {"expires": given["expires"]}),
        changed(one, lambda _: {}),
        urlunsplit(urlsplit(one)._replace(path=urlsplit(other).path)),
    ]
    for url in tampered:
        refused(httpx.get(url), 403, "PERMISSION_DENIED", "not made by this service")


def test_a_url_made_up_by_somebody_opens_nothing(house: House) -> None:
    house.share()
    table = house.state.shares.share("sales").tables[0]
    house.reader()
    secret = DeltaTable(house.lake.uri(SECRETS.name)).get_add_actions()
    path = f"../secrets/{pa.table(secret).column('path')[0].as_py()}"
    claim = urlsafe_b64encode(orjson.dumps(["acme", "sales", table.table_id, 0, path])).decode().rstrip("=")
    url = f"{house.url}/delta-sharing/files/{claim}.parquet?expires=9999999999&X-Amz-Signature={'a' * 64}"
    refused(httpx.get(url), 403, "PERMISSION_DENIED", "not made by this service")


def test_a_url_dies_with_the_share_and_is_not_born_again(house: House) -> None:
    house.share()
    house.visit(1)
    url = house.reader().files()[0]["url"]
    house.sharing.remove_table("sales", "web.visits")
    assert httpx.get(url).status_code == 403
    house.sharing.add_table("sales", NewTable(SECRETS.name, "web.visits"), "owner")
    assert httpx.get(url).status_code == 403


def test_files_are_read_in_ranges(house: House) -> None:
    house.share()
    house.visit(1)
    file = house.reader().files()[0]
    whole = httpx.get(file["url"]).content
    part = httpx.get(file["url"], headers={"range": "bytes=4-11"})
    assert (part.status_code, part.content) == (206, whole[4:12])
    assert part.headers["content-range"] == f"bytes 4-11/{len(whole)}"
    assert httpx.head(file["url"]).headers["content-length"] == str(len(whole))
    assert httpx.get(file["url"], headers={"range": "bytes=-8"}).content == whole[-8:]
    assert httpx.get(file["url"], headers={"range": f"bytes={len(whole)}-"}).status_code == 416


def test_a_file_that_was_vacuumed_says_so(house: House) -> None:
    house.share()
    house.visit(1)
    url = house.reader().files()[0]["url"]
    for file in house.folder(VISITS).rglob("*.parquet"):
        file.unlink()
    refused(httpx.get(url), 404, "RESOURCE_DOES_NOT_EXIST", "was removed since")


@pytest.mark.parametrize("path", ["../secrets/{name}", "%2E%2E/secrets/{name}", "file://{folder}/secrets/{name}"])
def test_a_table_whose_log_names_another_table_s_files_is_not_shared(house: House, path: str) -> None:
    """Whoever writes a table must not read through it what they may not read."""
    house.share()
    house.visit(1)
    secret = next(house.folder(SECRETS).glob("*.parquet"))
    log = house.folder(VISITS) / "_delta_log" / f"{2:020}.json"
    stolen = path.format(name=secret.name, folder=house.folder(SECRETS).parent)
    added = {"path": stolen, "size": 1, "partitionValues": {"day": None}, "modificationTime": 1, "dataChange": True}
    log.write_bytes(orjson.dumps({"add": added}))
    refused(house.reader().query(), 400, "INVALID_PARAMETER_VALUE", "outside of its folder")


def test_links_are_not_followed(house: House) -> None:
    house.share()
    house.visit(1)
    url = house.reader().files()[0]["url"]
    mine = next(house.folder(VISITS).rglob("*.parquet"))
    mine.unlink()
    mine.symlink_to(next(house.folder(SECRETS).glob("*.parquet")))
    assert httpx.get(url).status_code == 403
    refused(house.reader("initech").query(), 400, "INVALID_PARAMETER_VALUE", "symbolic links")


def test_guessing_tokens_and_codes_is_slowed_down(house: House) -> None:
    house.share()
    reader = house.reader()
    assert reader.get("/shares").status_code == 200
    newcomer = house.reader("new")
    for n in range(FAILURES // 2):
        assert house.holder(f"guess-{n}").get("/shares").status_code == 401
        assert reader.http.post(f"/activation/guess-{n}").status_code == 404
    for refused in (newcomer.get("/shares"), reader.http.post("/activation/guess")):
        assert (refused.status_code, refused.json()["errorCode"]) == (429, "REQUEST_LIMIT_EXCEEDED")
        assert int(refused.headers["retry-after"]) > 0
    assert reader.get("/shares").status_code == 200, "who worked before goes on"
    house.clock.now += FAILURE_SECONDS
    assert newcomer.get("/shares").status_code == 200
