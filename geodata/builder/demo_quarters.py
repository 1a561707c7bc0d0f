"""Invented records of past quarters, which the quarterly report of the demo is counted from.

What they sum up to in Quarter III 2024 is what the forces of the province published (facts: see SOURCES.md): 1,458 turns
of people and 569 of vehicles to storms and floods, 29 households moved from slopes about to slide, 6 drug cases with 6
persons and 2.23 g of heroin handed over, 14 illegal crossings with 14 persons, 121 tip-offs, 12 more than the quarter
before. Each single record, and every other quarter, is made up.
"""

import datetime
import random

from . import geo

SOURCE = "dữ liệu minh hoạ (bịa)"
LOCAL = datetime.timezone(datetime.timedelta(hours=7))
FORCES = ["military", "border_guard", "police"]

# Code and name of communes as in ground/admin_units.geojson, which the invented records name.
COMMUNES = [("03466", "Bum Nưa"), ("03472", "Mường Mô"), ("03478", "Sìn Hồ"), ("03424", "Bản Bo"), ("03430", "Khun Há"),
            ("03601", "Mường Khoa"), ("03637", "Mường Kim"), ("03549", "Phong Thổ")]  # fmt: skip
BORDER = [("03439", "Ka Lăng"), ("03442", "Pa Ủ"), ("03460", "Hua Bum"), ("03549", "Phong Thổ"), ("03571", "Dào San")]

EVENTS = [
    ("disaster", "khắc phục mưa lũ"),
    ("disaster", "thông đường sau sạt lở"),
    ("disaster", "ứng phó bão, hoàn lưu bão"),
    ("search_rescue", "tìm kiếm người mất tích"),
    ("evacuation", "giúp dân di dời khỏi nơi nguy cơ sạt lở"),
]

# Year and quarter: deployments, turns of people, turns of vehicles, households moved and their people, drug cases,
# heroin in grams, other substances, crossings, tip-offs and how many proved right, awareness sessions and people
# reached, briefings.
QUARTERS = {
    (2023, 3): dict(deployments=38, personnel=1105, vehicles=402, moved=(21, 96), drugs=4, heroin_g=1.62,
                    other={"opium": 14.5}, crossings=11, tips=(97, 41), sessions=(34, 2870), briefings=2),
    (2024, 2): dict(deployments=27, personnel=612, vehicles=214, moved=(8, 37), drugs=5, heroin_g=1.87,
                    other={"methamphetamine": 3.4}, crossings=10, tips=(109, 52), sessions=(41, 3315), briefings=2),
    (2024, 3): dict(deployments=52, personnel=1458, vehicles=569, moved=(29, 137), drugs=6, heroin_g=2.23,
                    other={}, crossings=14, tips=(121, 58), sessions=(46, 3940), briefings=3),
}  # fmt: skip


def build():
    """The demo's deployments, cases and tallies."""
    files = {"demo/deployments.geojson": [], "demo/cases.geojson": [], "demo/tallies.geojson": []}
    for (year, quarter), totals in QUARTERS.items():
        one = _Quarter(year, quarter, totals)
        files["demo/deployments.geojson"] += one.deployments()
        files["demo/cases.geojson"] += one.cases()
        files["demo/tallies.geojson"] += one.tallies()
    return files


class _Quarter:
    """One quarter: every draw comes from its own seed, so that another quarter changes nothing here."""

    def __init__(self, year, quarter, totals):
        self.key = f"{year}Q{quarter}"
        self.totals = totals
        self.random = random.Random(self.key)
        month = 3 * quarter - 2
        self.first = datetime.datetime(year, month, 1, tzinfo=LOCAL)
        self.days = 90

    def moment(self):
        """A moment of the quarter, to five minutes."""
        minutes = self.random.randrange(0, self.days * 24 * 12) * 5
        return self.first + datetime.timedelta(minutes=minutes)

    def feature(self, collection, number, properties):
        properties = {name: value for name, value in properties.items() if value is not None}
        properties["source"] = SOURCE
        return {
            "type": "Feature",
            "id": geo.feature_id(collection, f"{self.key}/{number}"),
            "properties": dict(sorted(properties.items())),
            "geometry": None,
        }

    def deployments(self):
        count = self.totals["deployments"]
        people = split(self.random, self.totals["personnel"], count, 4)
        vehicles = split(self.random, self.totals["vehicles"], count, 1)
        made = []
        for number in range(count):
            purpose, task = self.random.choice(EVENTS)
            code, commune = self.random.choice(COMMUNES)
            start = self.moment()
            end = start + datetime.timedelta(hours=self.random.randrange(4, 72))
            made.append(self.feature("deployments", number, {
                "purpose": purpose, "task": f"{task} tại {commune}", "force": FORCES[number % 3],
                "started_at": text(start), "finished_at": text(end), "personnel": people[number],
                "vehicles": vehicles[number], "place_text": commune, "commune_code": code,
            }))  # fmt: skip
        return made

    def cases(self):
        made = []
        grams = split(self.random, round(self.totals["heroin_g"] * 100), self.totals["drugs"], 5)
        others = list(self.totals["other"].items())
        for number, hundredths in enumerate(grams):
            found = self.moment()
            # Handed over within the quarter too: the last days are left for it.
            found = min(found, self.first + datetime.timedelta(days=self.days - 4))
            substances = [{"substance": "heroin", "weight_g": hundredths / 100}]
            if number < len(others):
                substances.append({"substance": others[number][0], "weight_g": others[number][1]})
            code, place = self.random.choice(BORDER)
            made.append(self.feature("cases", f"drugs/{number}", {
                "kind": "drugs", "force": FORCES[(number + 1) % 3], "occurred_at": text(found),
                "handed_over_at": text(found + datetime.timedelta(days=self.random.randrange(1, 4))),
                "handed_over_to": "cơ quan điều tra (minh hoạ)", "persons": 1, "substances": substances,
                "place_text": place, "commune_code": code,
            }))  # fmt: skip
        for number in range(self.totals["crossings"]):
            code, place = self.random.choice(BORDER)
            made.append(self.feature("cases", f"crossing/{number}", {
                "kind": "illegal_crossing", "force": "border_guard", "occurred_at": text(self.moment()), "persons": 1,
                "place_text": place, "commune_code": code,
            }))  # fmt: skip
        return made

    def tallies(self):
        made = []

        def tally(counted, number, properties):
            made.append(self.feature("tallies", f"{counted}/{number}", {"counted": counted, **properties}))

        households, people = self.totals["moved"]
        parts = max(3, households // 6)
        before = 0
        for number, count in enumerate(split(self.random, households, parts, 2)):
            # Each household about as large as the next, and all together as many as there were.
            upto = before + count
            moved = round(people * upto / households) - round(people * before / households)
            before = upto
            code, commune = COMMUNES[number % len(COMMUNES)]
            tally("households_moved", number, {
                "count": count, "people": moved, "force": FORCES[number % 3],
                "occurred_at": text(self.moment()), "place_text": commune, "commune_code": code,
                "topic": "hộ ở chân sườn có vết nứt, xã lập biên bản",
            })  # fmt: skip
        channels = ["hotline", "post", "patrol", "village_meeting"]
        told, right = self.totals["tips"]
        of_right = split(self.random, right, 12, 1)
        for number, count in enumerate(split(self.random, told - right, 12, 1)):
            tally("tips", number, {
                "count": count + of_right[number], "valid": of_right[number], "channel": channels[number % 4],
                "force": FORCES[number % 3], "occurred_at": text(self.moment()),
            })  # fmt: skip
        sessions, reached = self.totals["sessions"]
        of_reached = split(self.random, reached, 9, 60)
        for number, count in enumerate(split(self.random, sessions, 9, 1)):
            code, commune = COMMUNES[(number * 3) % len(COMMUNES)]
            tally("awareness_sessions", number, {
                "count": count, "people": of_reached[number], "force": FORCES[number % 3],
                "occurred_at": text(self.moment()), "place_text": commune, "commune_code": code,
                "topic": "phòng tránh sạt lở, không tiếp tay vượt biên",
            })  # fmt: skip
        for number in range(self.totals["briefings"]):
            tally("briefings", number, {
                "count": 1, "force": FORCES[number % 3], "occurred_at": text(self.moment()), "topic": "giao ban ba lực lượng",
            })  # fmt: skip
        return made


def split(draw, total, parts, least):
    """`total` in so many whole parts, none less than `least`."""
    left = total - parts * least
    if left < 0:
        raise ValueError(f"{total} in {parts} parts of at least {least}")
    cuts = sorted(draw.randrange(left + 1) for _ in range(parts - 1))
    return [least + b - a for a, b in zip([0, *cuts], [*cuts, left], strict=True)]


def text(moment):
    """A moment as the records hold it."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def check(files, need):
    """What the records of each quarter sum up to."""
    figures = {}
    for (year, quarter), totals in QUARTERS.items():
        key, bounds = f"{year}Q{quarter}", _bounds(year, quarter)

        def held(path, field):
            rows = [f["properties"] for f in files[path]]
            return [row for row in rows if bounds[0] <= row.get(field, "") < bounds[1]]

        sent = held("demo/deployments.geojson", "started_at")
        people, vehicles = sum(row["personnel"] for row in sent), sum(row["vehicles"] for row in sent)
        need((people, vehicles) == (totals["personnel"], totals["vehicles"]), f"{key}: {people} and {vehicles} turns")
        drugs = [row for row in held("demo/cases.geojson", "handed_over_at") if row["kind"] == "drugs"]
        need(len(drugs) == totals["drugs"], f"{key}: {len(drugs)} drug cases")
        counted = held("demo/tallies.geojson", "occurred_at")
        tips = sum(row["count"] for row in counted if row["counted"] == "tips")
        need(tips == totals["tips"][0], f"{key}: {tips} tip-offs")
        figures[key] = f"{people} lượt người, {vehicles} lượt phương tiện, {len(drugs)} vụ ma tuý, {tips} tin báo"
    return figures


def _bounds(year, quarter):
    first = datetime.datetime(year, 3 * quarter - 2, 1, tzinfo=LOCAL)
    after = datetime.datetime(year + quarter // 4, (3 * quarter) % 12 + 1, 1, tzinfo=LOCAL)
    return text(first), text(after)
