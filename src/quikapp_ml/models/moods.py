"""What emoji, their :shortcodes: and emoticons mean, as one token a mood, so that all spellings are learnt together."""

_MOODS: dict[str, str] = {
    "joy": (
        "😀 😃 😄 😁 😆 😊 🙂 ☺ 😉 😇 😋 😎 🤗 😸 😺 :grinning: :smiley: :smile: :grin: :laughing: "
        ":satisfied: :blush: :slightly_smiling_face: :relaxed: :wink: :simple_smile: "
        ":sunglasses: :hugging_face: :hugs: :yum: :innocent: :smile_cat: :) :-) :] :-] =) :d "
        ":-d =d ;) ;-) :p :-p ;p (: (-: ^^ ^_^ :') :o) 8-)"
    ),
    "laughter": "😂 🤣 😹 :joy: :rofl: :rolling_on_the_floor_laughing: :joy_cat: xd x-d",
    "love": (
        "❤ 💕 💖 💗 💓 💞 💘 💙 💚 💛 🧡 💜 🖤 😍 🥰 😘 😻 💝 :heart: :heart_eyes: "
        ":smiling_face_with_3_hearts: :kissing_heart: :blue_heart: :green_heart: "
        ":yellow_heart: :purple_heart: :sparkling_heart: :two_hearts: :heartbeat: "
        ":heartpulse: <3 &lt;3 :* :-*"
    ),
    "approval": (
        "👍 👏 🙌 💪 ✅ 💯 🙏 👌 🤝 ⭐ 🌟 :+1: :thumbsup: :clap: :raised_hands: :muscle: "
        ":white_check_mark: :100: :pray: :ok_hand: :handshake: :star: :star2: "
        ":heavy_check_mark: :thank_you: :thankyou: :bow:"
    ),
    "celebration": (
        "🎉 🎊 🥳 🚀 🏆 🍾 🥂 ✨ 🔥 :tada: :confetti_ball: :partying_face: :rocket: :trophy: "
        ":champagne: :sparkles: :fire: :party_parrot: :partyparrot: :parrot: :shipit: :boom:"
    ),
    "sadness": (
        "😢 😭 😞 😔 😟 🙁 ☹ 😿 😥 😓 💔 😩 😫 🥺 😪 :cry: :sob: :disappointed: :pensive: :worried: "
        ":slightly_frowning_face: :white_frowning_face: :frowning: :crying_cat_face: "
        ":disappointed_relieved: :sweat: :broken_heart: :weary: :tired_face: :pleading_face: "
        ":( :-( :[ :-[ =( :'( ;( </3"
    ),
    "anger": (
        "😠 😡 🤬 👿 😤 🖕 :angry: :rage: :cursing_face: :face_with_symbols_on_mouth: :triumph: "
        ":imp: :middle_finger: :@ >:( &gt;:("
    ),
    "disapproval": (
        "👎 ❌ 🙄 😒 🤦 🤮 🤢 💩 😑 :-1: :thumbsdown: :x: :face_with_rolling_eyes: :rolling_eyes: "
        ":unamused: :facepalm: :face_palm: :face_vomiting: :nauseated_face: :poop: :hankey: "
        ":expressionless: -_- -.- :/ :-/ :\\ :-\\"
    ),
    "fear": ("😱 😨 😰 😖 😣 😧 😦 :scream: :fearful: :cold_sweat: :confounded: :persevere: :anguished: :dizzy_face:"),
    "doubt": (
        "🤔 😕 🤷 😐 😶 🧐 :thinking_face: :thinking: :confused: :shrug: :neutral_face: "
        ":face_with_monocle: :s :-s :| :-|"
    ),
    "attention": "👀 ⚠ 🚨 🔴 :eyes: :warning: :rotating_light: :red_circle: :exclamation: :question:",
}

MOOD_OF: dict[str, str] = {sign: f"⟨{mood}⟩" for mood, signs in _MOODS.items() for sign in signs.split()}
GOOD_MOODS = frozenset({"⟨joy⟩", "⟨laughter⟩", "⟨love⟩", "⟨approval⟩", "⟨celebration⟩"})
BAD_MOODS = frozenset({"⟨sadness⟩", "⟨anger⟩", "⟨disapproval⟩", "⟨fear⟩"})
EMOTICONS: tuple[str, ...] = tuple(
    sign for sign in MOOD_OF if sign.isascii() and not (sign.startswith(":") and sign.endswith(":") and len(sign) > 2)
)
