"""Which reactions say that a message was good or bad news, and which say that it was plain business.

The names are those of Slack (without colons) and the emoji themselves. Left out on purpose: what agrees or thanks
(`+1`, `100`, `pray`), since people agree with complaints too, and what may comfort or mock (`hugging_face`, `joy`).
"""

_POSITIVE = (
    "tada confetti_ball partying_face heart heart_eyes smiling_face_with_3_hearts star-struck rocket fire trophy clap "
    "raised_hands smile smiley grin grinning simple_smile blush sunglasses sparkles champagne beers "
    "🎉 🎊 🥳 ❤ 😍 🥰 🤩 🚀 🔥 🏆 👏 🙌 😄 😃 😁 😀 😊 😎 ✨ 🍾 🍻"
)
_NEGATIVE = (
    "cry sob disappointed disappointed_relieved pensive worried anguished weary tired_face confounded broken_heart "
    "slightly_frowning_face white_frowning_face angry rage face_with_symbols_on_mouth triumph -1 thumbsdown "
    "face_with_rolling_eyes unamused facepalm nauseated_face "
    "😢 😭 😞 😥 😔 😟 😧 😩 😫 😖 💔 🙁 ☹ 😠 😡 🤬 😤 👎 🙄 😒 🤦 🤢"
)
_PLAIN = (
    "eyes white_check_mark heavy_check_mark ok ok_hand memo thinking_face speech_balloon wave 👀 ✅ ✔ 🆗 👌 📝 🤔 💬 👋"
)

POSITIVE = tuple(_POSITIVE.split())
NEGATIVE = tuple(_NEGATIVE.split())
PLAIN = tuple(_PLAIN.split())
