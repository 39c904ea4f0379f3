"""A recipient's own program: the official client, its profile file, one question; the answer is JSON on one line."""

import json
import os
import sys

import delta_sharing  # type: ignore[import-untyped]


def main() -> None:
    """Called with PROFILE FUNCTION TABLE ARGUMENTS, call `delta_sharing.FUNCTION(PROFILE#TABLE, **ARGUMENTS)`."""
    profile, function, table, arguments = sys.argv[1:]
    if function == "list_all_tables":
        found = [
            f"{each.share}.{each.schema}.{each.name}" for each in delta_sharing.SharingClient(profile).list_all_tables()
        ]
        tell(found)
        return
    answer = getattr(delta_sharing, function)(f"{profile}#{table}", **json.loads(arguments))
    if hasattr(answer, "to_json"):
        tell(json.loads(answer.to_json(orient="records", date_format="iso")))
    elif isinstance(answer, int):
        tell(answer)
    else:
        tell(vars(answer))


def tell(answer: object) -> None:
    """Apart from what the client itself prints."""
    sys.stdout.write(f"\nanswer: {json.dumps(answer, default=vars)}\n")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # threads of the client's native half sometimes abort the interpreter's own end, with the answer told
