"""Lines of work chat that were written for this project: what every spam classifier here must let pass."""

from collections.abc import Sequence
from importlib.resources import as_file, files

from quikapp_ml.training.corpora import Labelled, read_labelled

N_BARE = 100

WORK_HOSTS = (
    "github.com", "gitlab.com", "docs.google.com", "stackoverflow.com", "wiki.example.org", "jira.example.com",
    "en.wikipedia.org", "developer.mozilla.org", "docs.python.org", "figma.com", "notion.so", "medium.com",
    "blog.example.net", "youtube.com", "www.meetup.com", "zoom.us", "news.ycombinator.com", "twitter.com", "arxiv.org",
    "kubernetes.io", "example.io",
)  # fmt: skip


def work_chat(label: str = "spam") -> list[Labelled]:
    """Lines of work chat and of chat spam that were written for this project; rows without that label are left out."""
    with as_file(files("quikapp_ml.training") / "work_chat.tsv") as path:
        return [row for row in read_labelled(path, label) if row.label]


def with_links(rows: Sequence[Labelled]) -> list[Labelled]:
    """The same ordinary texts with a link before or after them: a link alone is no spam.

    Every link leads elsewhere, so that it is links that are learnt to be ordinary, not a few hosts.
    """
    linked = []
    for number, row in enumerate(rows):
        url = f"http://site{number}.example/a"
        linked.append(Labelled("ham", f"{row.text} {url}" if number % 2 else f"<{url}> {row.text}"))
    return linked


def bare_links() -> list[Labelled]:
    """Messages that are nothing but a link, to places of work and to places unheard of."""
    hosts = [*WORK_HOSTS, *(f"bare{number}.example" for number in range(N_BARE))]
    return [Labelled("ham", f"https://{host}/b") for host in hosts]
