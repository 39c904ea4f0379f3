"""GRANT, REVOKE and SHOW GRANTS."""

import pyarrow as pa

from quikapp_ml.serving.catalog.access import CallerAccess
from quikapp_ml.serving.catalog.grants import GrantChange
from quikapp_ml.serving.catalog.rules import Kind, Privilege, Securable, read_privilege
from quikapp_ml.serving.catalog.unity import UnityCatalog
from quikapp_ml.serving.sql.answers import NOTHING, text_rows
from quikapp_ml.serving.sql.errors import syntax_error
from quikapp_ml.serving.sql.session import SqlSession
from quikapp_ml.serving.sql.words import WordReader

KINDS = {
    "METASTORE": Kind.METASTORE,
    "CATALOG": Kind.CATALOG,
    "SCHEMA": Kind.SCHEMA,
    "DATABASE": Kind.SCHEMA,
    "TABLE": Kind.TABLE,
    "VIEW": Kind.TABLE,
    "VOLUME": Kind.VOLUME,
    "FUNCTION": Kind.FUNCTION,
    "MODEL": Kind.MODEL,
}


def grant(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    """`GRANT privileges ON kind name TO principal`."""
    privileges, on = _privileges(words), _named(session, words)
    words.expect("TO")
    principal = words.identifier()
    words.end()
    unity.grants.change(access, on, [GrantChange(principal, add=privileges)])
    return NOTHING


def revoke(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    """`REVOKE privileges ON kind name FROM principal`."""
    privileges, on = _privileges(words), _named(session, words)
    words.expect("FROM")
    principal = words.identifier()
    words.end()
    unity.grants.change(access, on, [GrantChange(principal, remove=privileges)])
    return NOTHING


def show_grants(unity: UnityCatalog, access: CallerAccess, session: SqlSession, words: WordReader) -> pa.Table:
    """`SHOW GRANTS [principal] ON kind name`: what holds there, and what it was granted on."""
    principal = "" if words.comes("ON") else words.identifier()
    on = _named(session, words)
    words.end()
    rows = [
        (who, privilege.value, where.kind.value.upper(), where.name)
        for who, held in unity.grants.effective(access, on, principal).items()
        for privilege, where in sorted(held.items())
    ]
    return text_rows(("Principal", "ActionType", "ObjectType", "ObjectKey"), rows)


def _privileges(words: WordReader) -> list[Privilege]:
    found = []
    for phrase in words.words_until("ON"):
        privilege = read_privilege(phrase)
        if privilege is None:
            raise syntax_error(f"{phrase[:80]!r} is no privilege; known are {', '.join(Privilege)}.")
        found.append(privilege)
    return found


def _named(session: SqlSession, words: WordReader) -> Securable:
    words.expect("ON")
    kind = KINDS.get(words.one_of(*KINDS), Kind.TABLE)
    return session.securable(kind, () if kind is Kind.METASTORE else words.name())
