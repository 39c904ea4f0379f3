TOPICS: dict[str, str] = {
    "coffee": "Beans, grinders and the machine on the third floor",
    "running": "Slow and fast, together",
    "boardgames": "Who plays what, when",
    "gaming": "Press any key",
    "music": "Play it, hear it, share it",
    "plants": "Green things and how to keep them so",
    "cooking": "Recipes and results",
    "cycling": "Rides, repairs, routes",
    "photography": "Show what you saw",
    "pets": "Pictures are mandatory",
    "parents": "You are not alone",
    "film": "No spoilers outside threads",
    "climbing": "Belay partners wanted",
    "books": "One a month",
    "languages": "Practice without fear",
    "football": "Tuesdays on pitch 3",
    "investing": "No advice, only questions",
    "outdoors": "Hills, lakes, huts",
    "art": "Draw, look, wonder",
    "science": "Things we did not learn at school",
}
"""What people like besides work, the most common first, with the topic of its channel."""
INTERESTS = tuple(TOPICS)
