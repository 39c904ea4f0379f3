"""What changed since somebody looked last: what is derived of it has to be made again."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Touched:
    """Ids of people and of channels; never more than there are. One reader empties it."""

    people: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)
    seats: set[str] = field(default_factory=set)
    """Channels whose members changed."""
    messages: set[str] = field(default_factory=set)
    """Channels whose messages changed."""
    everything: bool = True

    def clear(self) -> None:
        """Begin anew."""
        for ids in (self.people, self.channels, self.seats, self.messages):
            ids.clear()
        self.everything = False
