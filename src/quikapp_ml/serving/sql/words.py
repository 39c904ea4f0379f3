"""Reads statements about the catalog word by word; sqlglot's parser takes most of them for texts it does not know."""

from sqlglot import Dialect
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from quikapp_ml.serving.sql.errors import SqlError, syntax_error, unsupported

DIALECT = "databricks"
_MOST = 500_000
_MOST_TOKENS = 20_000
"""The parser takes a second for so many, and holds up other threads."""


def tokens_of(text: str) -> list[Token]:
    """The tokens of one statement, comments left out, a semicolon at the end allowed. Raises SqlError."""
    if len(text) > _MOST:
        raise syntax_error(f"a statement has {_MOST} characters at most.")
    dialect = Dialect.get_or_raise(DIALECT)
    try:
        tokens = dialect.tokenize(text)
        if len(tokens) > 1 and tokens[0].text.upper() == "SHOW":  # the tokenizer keeps the rest of it as one text
            tokens = [tokens[0], *dialect.tokenize(text[tokens[0].end + 1 :])]
    except TokenError as error:
        raise syntax_error(f"the statement cannot be read: {str(error)[:300]}") from None
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise syntax_error("the statement is empty.")
    if len(tokens) > _MOST_TOKENS:
        raise syntax_error(f"a statement has {_MOST_TOKENS} words and signs at most; many rows come in by Spark.")
    if any(token.token_type is TokenType.SEMICOLON for token in tokens):
        raise syntax_error("one statement at a time: there is a ';' within the text.")
    return tokens


class WordReader:
    """The words of a statement, one after the other."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def take(self, *words: str) -> bool:
        """Whether these words come next; then they are read."""
        if not self.comes(*words):
            return False
        self._at += len(words)
        return True

    def comes(self, *words: str) -> bool:
        """Whether these words come next."""
        next_ones = self._tokens[self._at : self._at + len(words)]
        return [self._word(token) for token in next_ones] == list(words)

    def one_of(self, *words: str) -> str:
        """The word that comes next, of these; empty when it is none of them."""
        return next((word for word in words if self.take(*word.split())), "")

    def expect(self, *words: str) -> None:
        """Read these words. Raises SqlError when others come."""
        if not self.take(*words):
            raise self.wrong(" ".join(words))

    def name(self) -> tuple[str, ...]:
        """A name of one or more parts, in lower case."""
        parts = [self.identifier().lower()]
        while self.take("."):
            parts.append(self.identifier().lower())
        return tuple(parts)

    def identifier(self) -> str:
        """One identifier, as it is written."""
        token = self._next()
        if token is None or token.token_type in (TokenType.STRING, TokenType.NUMBER) or not _is_word(token):
            raise self.wrong("a name")
        self._at += 1
        return token.text

    def string(self) -> str:
        """A text in quotes."""
        token = self._next()
        if token is None or token.token_type is not TokenType.STRING:
            raise self.wrong("a text in quotes")
        self._at += 1
        return token.text

    def number(self) -> int:
        """A whole number."""
        token = self._next()
        if token is None or token.token_type is not TokenType.NUMBER or not token.text.isdecimal():
            raise self.wrong("a whole number")
        self._at += 1
        return int(token.text)

    def words_until(self, *ends: str) -> list[str]:
        """Phrases with commas between them, until one of these words comes."""
        phrases: list[str] = []
        words: list[str] = []
        while not any(self.comes(end) for end in ends):
            if self.take(","):
                phrases.append(" ".join(words))
                words = []
            else:
                words.append(self.identifier().upper())
        return [*phrases, " ".join(words)]

    def properties(self) -> dict[str, str]:
        """`('a' = 'b', c.d = 'e')`."""
        self.expect("(")
        found: dict[str, str] = {}
        while not self.take(")"):
            if found:
                self.expect(",")
            token = self._next()
            is_text = token is not None and token.token_type is TokenType.STRING
            key = self.string() if is_text else ".".join(self.name())
            self.take("=")
            found[key] = self.string()
        return found

    def end(self) -> None:
        """Raises SqlError when more words come."""
        if self._next() is not None:
            raise self.wrong("the end of the statement")

    def is_at_end(self) -> bool:
        """Whether no word is left."""
        return self._next() is None

    def wrong(self, expected: str) -> SqlError:
        """The error at this place."""
        token = self._next()
        given = f"{token.text[:80]!r} at line {token.line}" if token is not None else "the end"
        return syntax_error(f"{expected} is expected, not {given}.")

    def refuse(self, what: str, instead: str) -> SqlError:
        """The error for what is not done here."""
        return unsupported(what, instead)

    def _next(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    @staticmethod
    def _word(token: Token) -> str:
        return "" if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER) else token.text.upper()


def _is_word(token: Token) -> bool:
    return token.token_type is TokenType.IDENTIFIER or token.text.replace("_", "").isalnum()
