"""Tokens by `w.tokens`: make one, use it, see it listed, end it, and be refused. Prints JSON."""

import json
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound
from databricks.sdk.service.settings import PublicTokenInfo


def main() -> None:
    w = WorkspaceClient()
    made = w.tokens.create(comment="for an hour", lifetime_seconds=3600)
    info = made.token_info
    assert info is not None and info.token_id is not None
    found: dict[str, Any] = {
        "seconds": ((info.expiry_time or 0) - (info.creation_time or 0)) // 1000,
        "same": PublicTokenInfo.from_dict(info.as_dict()).as_dict() == info.as_dict(),
        "who": WorkspaceClient(host=w.config.host, token=made.token_value).current_user.me().user_name,
        "asker": w.current_user.me().user_name,
        "listed": [token.comment for token in w.tokens.list()],
    }
    w.tokens.delete(info.token_id)
    found["left"] = [token.comment for token in w.tokens.list()]
    try:
        w.tokens.delete(info.token_id)
    except NotFound as error:
        found["again"] = error.error_code
    print(json.dumps(found))  # noqa: T201


main()
