"""The traveller's letter: the wish in somebody's own words."""

from __future__ import annotations

from datetime import date
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from random import Random

from examples.trip_desk.story import Story

NUMBERS = {2: "two", 3: "three", 4: "four"}
SUBJECTS = ("A booking for us", "Can you book this for us?", "{trip}", "Our trip in {month}")
OPENINGS = (
    "we would love to join the {trip} on {day}. We are {people} adults.",
    "could you please book the {trip} for {people} adults? The day would be {day}.",
    "on {day} there is the {trip}, and the {people} of us (all adults) would like to go.",
    "please reserve {people} adult places for us on {day}: it is the {trip} we are after.",
)
CLOSINGS = (
    "Put it into the calendar as well, and write me once it is settled and what it costs.",
    "Once it is booked, note it in the calendar and send me a short confirmation with the price.",
    "Please confirm by mail with the total, and add it to the calendar so nobody forgets.",
)


def letter(story: Story, random: Random) -> EmailMessage:
    """The mail that brings the wish to the desk."""
    day = date.fromisoformat(story.wish.day)
    words = {
        "trip": story.wish.product_title,
        "day": random.choice((f"{day:%A}, {day.day} {day:%B %Y}", f"{day.day} {day:%B %Y}", str(day))),
        "month": f"{day:%B}",
        "people": NUMBERS[story.wish.people],
    }
    mail = EmailMessage()
    mail["From"] = f"{story.traveller.name} <{story.traveller.address}>"
    mail["To"] = f"{story.desk.name} <{story.desk.address}>"
    mail["Subject"] = random.choice(SUBJECTS).format(**words)
    mail["Date"] = format_datetime(localtime())
    mail["Message-ID"] = f"<wish.{random.getrandbits(64):016x}@{story.desk.address.split('@')[1]}>"
    opening, closing = random.choice(OPENINGS).format(**words), random.choice(CLOSINGS)
    mail.set_content(f"Dear trip desk,\n\n{opening}\n{closing}\n\nKind regards,\n{story.traveller.name}\n")
    return mail
