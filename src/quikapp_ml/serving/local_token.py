"""The token of the person at this machine: made by the first start, kept in the home for `quikapp-ml env`."""

import getpass
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from quikapp_ml.errors import NotFound, StorageFailed
from quikapp_ml.serving.access import ALL_APIS, create_token, digest_of
from quikapp_ml.stores.files import write_whole
from quikapp_ml.stores.state.tokens import Token, Tokens

TOKEN_FILE = "token"  # noqa: S105  the name of a file
DAYS = 90
RENEWED_DAYS_BEFORE = 30
COMMENT = "made by the service for the person at this machine"


def local_user() -> str:
    """Name of the account that runs this process: it owns the home, and administers the service."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        return f"uid-{os.getuid()}"


def keep_local_token(home: Path, tokens: Tokens, owner: str) -> None:
    """See to it that `home`/token (mode 0600) holds a token that opens everything for at least another month."""
    file = home / TOKEN_FILE
    now = datetime.now(UTC)
    current = _find(file, tokens)
    if current is not None and current.is_valid(now + timedelta(days=RENEWED_DAYS_BEFORE)) and current.owner == owner:
        return
    text, _ = create_token(tokens, owner, (ALL_APIS,), timedelta(days=DAYS), COMMENT)
    try:
        write_whole(file, text.encode())
    except OSError as error:
        raise StorageFailed(f"{file} cannot be written: {error.strerror}") from error
    if current is not None:
        tokens.revoke(current.token_id, now)


def read_local_token(home: Path) -> str:
    """The token in the home. Raises NotFound before the first start of the service."""
    try:
        return (home / TOKEN_FILE).read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise NotFound(f"{home / TOKEN_FILE} holds no token; the service makes it when it starts") from error


def _find(file: Path, tokens: Tokens) -> Token | None:
    try:
        digest = digest_of(file.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None
    return next((token for token in tokens.all() if token.digest == digest), None)
