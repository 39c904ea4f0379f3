"""Spam in the sample: taken or fresh accounts flood channels, people report, a moderator cleans up."""

from quikapp_ml.importers.sample.chat import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Channel, Chat, Pace, Sent
from quikapp_ml.importers.sample.people import Person, Team, draw_name
from quikapp_ml.importers.sample.texts import Writer

_PEOPLE_A_CAMPAIGN = 750
"""People times days for one campaign."""
_PEOPLE_A_LOOKALIKE = 330
_REACH = ("general", "random", "interest", "help", "project", "team")


class Campaigns:
    """Spam with what follows, and honest messages that look like it."""

    def __init__(self, chat: Chat, writer: Writer, people: list[Person]) -> None:
        self._chat = chat
        self._writer = writer
        self._rng = chat.rng
        self._people = people
        self._moderators = [person for person in people if person.role in ("moderator", "admin", "owner")]
        self._digits = len(people[0].user_id) - 1
        self._pace, self._pace_of_lookalikes = Pace(self._rng), Pace(self._rng)
        self._n_fresh = 0

    def plan_day(self, day_ms: int, n_people: int) -> None:
        """Some days have a campaign, some a look-alike."""
        for _ in range(self._pace.draw(n_people / _PEOPLE_A_CAMPAIGN)):
            start = self._start_taken if self._rng.random() < 0.55 else self._start_fresh
            self._chat.at(day_ms + int(self._rng.random() * DAY_MS), start)
        for _ in range(self._pace_of_lookalikes.draw(n_people / _PEOPLE_A_LOOKALIKE)):
            self._chat.at(day_ms + 7 * HOUR_MS + int(self._rng.random() * 11 * HOUR_MS), self._post_lookalike)

    def _start_taken(self) -> None:
        """Somebody's account is in the wrong hands for some minutes."""
        victim = self._people[int(self._rng.random() * len(self._people))]
        if victim.is_here:
            self._flood(victim, [c for c in victim.channels if c.kind in _REACH], closes_account=False)

    def _start_fresh(self) -> None:
        """A new account joins what is open and begins."""
        self._n_fresh += 1
        intruder = self._intruder()
        intruder.is_here = True
        self._chat.emit("user_updated", intruder.user_id, name=intruder.name)
        reachable = [channel for channel in self._chat.channels[:400] if channel.kind in _REACH]
        open_channels = [channel for channel in reachable if not (channel.is_private or channel.is_archived)]
        wanted = self._rng.sample(open_channels, min(len(open_channels), 3 + int(self._rng.random() * 7)))
        for channel in wanted:
            self._chat.join(intruder, channel)
        self._chat.after(20 * MINUTE_MS, lambda: self._flood(intruder, list(intruder.channels), closes_account=True))

    def _flood(self, sender: Person, channels: list[Channel], *, closes_account: bool) -> None:
        if not channels:
            return
        text = self._writer.campaign(self._rng)
        when = self._chat.now_ms
        for _ in range(6 + int(self._rng.random() * 20)):
            channel = channels[int(self._rng.random() * len(channels))]
            when += int(self._rng.expovariate(1.0) * 25 * SECOND_MS) + 900
            self._chat.at(when, self._send, sender, channel, self._writer.vary(self._rng, text))
        if closes_account:
            self._chat.at(when + 50 * MINUTE_MS, self._close_account, sender)

    def _send(self, sender: Person, channel: Channel, text: str) -> None:
        if not self._chat.may_write(sender, channel):
            return
        sent = self._chat.post(sender, channel, text, "neutral")
        if self._rng.random() < 0.8:
            for _ in range(1 + int(self._rng.random() * 3)):
                self._chat.after(9 * MINUTE_MS, self._report, sent, "spam")
        if self._rng.random() < 0.95:
            self._chat.after(30 * MINUTE_MS, self._clean, sent)

    def _report(self, sent: Sent, reason: str) -> None:
        person = self._reader(sent)
        if person is None or sent.is_deleted:
            return
        place = {"channel_id": sent.channel.channel_id, "message_id": sent.message_id}
        self._chat.emit("report", person.user_id, **place, reason=reason if self._rng.random() < 0.92 else "other")
        if sent.author.title == "" and self._rng.random() < 0.15 and sent.author not in person.blocked:
            person.blocked.add(sent.author)
            self._chat.emit("block", person.user_id, target_user_id=sent.author.user_id)

    def _reader(self, sent: Sent) -> Person | None:
        """A member who has not written it and is awake."""
        for _ in range(4):
            if not sent.channel.members:
                return None
            person = sent.channel.members[int(self._rng.random() * len(sent.channel.members))]
            if person.is_here and not person.is_bot and person is not sent.author and person.title:
                return person
        return None

    def _clean(self, sent: Sent) -> None:
        moderator = self._moderators[int(self._rng.random() * len(self._moderators))]
        if moderator.is_here and not sent.channel.is_archived:
            self._chat.delete(moderator, sent)

    def _close_account(self, sender: Person) -> None:
        if sender.is_here:
            sender.is_here = False
            self._chat.emit("user_updated", sender.user_id, name=sender.name, is_deleted=True)

    def _post_lookalike(self) -> None:
        person = self._people[int(self._rng.random() * len(self._people))]
        channel = person.draw_channel(self._rng)
        if channel is None or not self._chat.may_write(person, channel):
            return
        text = self._writer.looks_like_spam(self._rng)
        text = self._writer.in_manner(self._rng, text, "neutral", 0.2, person.is_casual)
        sent = self._chat.post(person, channel, text, "neutral")
        if self._rng.random() < 0.2:
            self._chat.after(20 * MINUTE_MS, self._report, sent, "spam")

    def _intruder(self) -> Person:
        """An account of nobody: no title, no team worth the name, no friends."""
        nowhere = Team("", "", "", 0.0, ())
        return Person(
            f"U9{self._n_fresh:0{self._digits}d}", draw_name(self._rng), nowhere, "", 1, 0.0, 0.2, 0.0, 0.0, True, ()
        )
