import pytest

from quikapp_ml.stores.lake.secrecy import cause, without_keys


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AZURE_STORAGE_SAS_KEY",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "MY_PASSWORD",
    ],
)
def test_values_of_the_environment_named_like_keys_are_left_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "wJalrXUtnFEMI/K7MDENG")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    text = "no access with wJalrXUtnFEMI/K7MDENG in eu-central-1"
    assert without_keys(text) == "no access with … in eu-central-1"
    assert cause(OSError(text)) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "GET https://me.blob.core.windows.net/box/a?sv=2023-11-03&sp=rwl&sig=a%2Bb%3D failed",
            "GET https://me.blob.core.windows.net/box/a?sv=2023-11-03&sp=rwl&sig=… failed",
        ),
        (
            "GET https://b.s3.amazonaws.com/a?X-Amz-Date=1&X-Amz-Credential=AKIA1&X-Amz-Signature=ab12",
            "GET https://b.s3.amazonaws.com/a?X-Amz-Date=1&X-Amz-Credential=…&X-Amz-Signature=…",
        ),
        ("proxy http://user:word@proxy:8080 is away", "proxy http://…@proxy:8080 is away"),
        ("<AWSAccessKeyId>AKIA1</AWSAccessKeyId>", "<AWSAccessKeyId>…</AWSAccessKeyId>"),
        ("sc://spark:15002/;token=abc;x=1", "sc://spark:15002/;token=…;x=1"),
    ],
)
def test_signatures_in_urls_are_left_out(text: str, told: str) -> None:
    assert without_keys(text) == told


def test_what_holds_no_keys_stays_as_it_is_but_for_colours() -> None:
    error = OSError("table \x1b[31m↳\x1b[0m bronze.events: no such file")
    assert without_keys(str(error)) == "table ↳ bronze.events: no such file"
    assert cause(error) is error
