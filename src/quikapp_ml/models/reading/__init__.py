"""Reading a raw text: disguises undone, code and quotes kept apart, and every letter mapped to its original place."""

from quikapp_ml.models.reading.links import Link
from quikapp_ml.models.reading.mapped import Mapped
from quikapp_ml.models.reading.reader import TRICKS, Reading, is_bare, read, reading_tokens
from quikapp_ml.models.reading.spans import with_utf16

__all__ = ["TRICKS", "Link", "Mapped", "Reading", "is_bare", "read", "reading_tokens", "with_utf16"]
