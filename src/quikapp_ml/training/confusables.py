"""The letters of other scripts that look like Latin ones, from the data of UTS 39 that `confusable-homoglyphs` carries.

    uv run --no-project --with confusable-homoglyphs==3.3.1 python src/quikapp_ml/training/confusables.py FOLDER

FOLDER is that of the installed package, with `confusables.json` (its data: Unicode licence V3; the package: MIT). Only
single letters that UTS 39 takes for one or two ASCII letters are kept; whatever Unicode's decompositions give is left
out.
"""

import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

HEAD = (
    "# UTS 39 (Unicode security mechanisms): code point of a letter, and the ASCII letters that it is confused with.\n"
)
MAX_LETTERS = 2


def look_alikes(confusables: Mapping[str, Sequence[Mapping[str, str]]]) -> dict[str, str]:
    """A letter, and the ASCII letters that it looks like."""
    found = {}
    for sign, others in confusables.items():
        latin = [other["c"] for other in others if other["c"].isascii() and other["c"].isalpha()]
        is_letter = len(sign) == 1 and not sign.isascii() and sign.isalpha()
        if is_letter and latin and not unicodedata.normalize("NFKD", sign)[0].isascii():
            found[sign] = min(latin, key=len)
    return {sign: letters for sign, letters in sorted(found.items()) if len(letters) <= MAX_LETTERS}


def main() -> None:
    """Write the table anew."""
    given = json.loads((Path(sys.argv[1]) / "confusables.json").read_text(encoding="utf-8"))
    lines = [f"{ord(sign):04X} {letters}\n" for sign, letters in look_alikes(given).items()]
    into = Path(__file__).parents[1] / "models" / "reading" / "confusables.txt"
    into.write_text(HEAD + "".join(lines), encoding="ascii")


if __name__ == "__main__":
    main()
