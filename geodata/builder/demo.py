"""Invented records of the demo: households in hamlets under slopes, danger zones, shelters. Nobody here exists.

Everything comes from one seeded walk a commune, so a change in one commune leaves the others as they were. Names and
telephone numbers cannot be real: households are numbered, numbers begin with 0000.
"""

import math
import random

import shapely
from shapely.geometry import shape

from . import demo_desk, geo

SOURCE = "dữ liệu minh hoạ (bịa)"

# Communes the press names, how many households each gets, and hamlets whose rough place is known.
# A hamlet: (name, lon, lat, households); those without a place are put beside roads and numbered.
COMMUNES = {
    "03601": (230, []),
    "03405": (240, [("Bản Phô Hồ Thầu", 103.6, 22.385, 39)]),
    "03562": (230, [("Bản Vàng Ma Chải", 103.322, 22.712, 52)]),
    "03571": (250, [("Bản Sín Chải", 103.36, 22.66, 44), ("Bản Sin Chải (Mù Sang)", 103.285, 22.652, 31)]),
    "03503": (230, [("Bản Pa Tần 1", 103.166, 22.462, 48)]),
    "03466": (
        210,
        [
            ("Bản Pá Hạ", 102.845, 22.535, 29),
            ("Bản Nậm Sì Lường", 102.866, 22.405, 11),
        ],
    ),
    "03433": (220, [("Bản Chà Dì", 102.775, 22.455, 72)]),
    "03529": (200, [("Bản Tà Cù Nhè", 103.28, 22.226, 34)]),
    "03487": (200, [("Bản Nậm Đắc", 103.115, 22.165, 32)]),
    "03618": (210, []),
    "03640": (200, []),
    "03394": (220, [("Bản Sin Suối Hồ", 103.53, 22.505, 58)]),
    "03460": (180, [("Bản Nà Phầy", 102.94, 22.345, 37)]),
    "03388": (180, [("Bản Sùng Chô", 103.425, 22.44, 30)]),
    "03472": (60, [("Bản Mường Mô 2", 102.872, 22.142, 26)]),
}

# Danger zones in force: name, hazard, level, around which hamlet, half length and half width (m), turned by degrees.
ZONES = [
    ("pa-ha", "Sườn Pá Hạ", "landslide", 3, "Bản Pá Hạ", 1500, 950, 25, -5, 36),
    ("nam-si-luong", "Khe Nậm Sì Lường", "flash_flood", 2, "Bản Nậm Sì Lường", 1700, 600, 80, -9, 16),
    ("pho-ho-thau", "Sườn Phô Hồ Thầu", "rockfall", 2, "Bản Phô Hồ Thầu", 1100, 700, -15, -3, 24),
    ("sung-cho", "Sụt lún Sùng Chô", "subsidence", 1, "Bản Sùng Chô", 900, 700, 40, -30, 60),
]

# How far the two evacuations of the demo have come: states in the order in which households are numbered.
EVACUATION = {
    "Bản Pá Hạ": ["sheltered"] * 8 + ["moving"] * 6 + ["refused"] * 2 + ["notified"] * 13,
    "Bản Nậm Sì Lường": ["sheltered"] * 11,
}

LANGUAGES = {"03571": "Mông", "03562": "Mông", "03529": "Mông", "03487": "Thái", "03601": "Thái", "03433": "La Hủ"}


def build(home, cells, files):
    """All demo files."""
    names = {c["code"]: c["full_name"] for c in home}
    road_vertices = _vertices(files["ground/roads.geojson"]) + _vertices(files["ground/rivers.geojson"])[::3]
    hamlets = []
    for code in COMMUNES:
        hamlets += _hamlets(code, names[code], cells[code], road_vertices)
    zones = [_zone(row, hamlets) for row in ZONES]
    shelters = _shelters(hamlets, names, cells, files)
    households = _households(hamlets, cells, shelters)
    _fill_shelters(shelters, households)
    desk = demo_desk.build(home, hamlets, files)
    return {
        "demo/stations.geojson": desk["stations"],
        "demo/households.geojson": households,
        "demo/risk_zones.geojson": zones,
        "demo/shelters.geojson": shelters,
        "demo/rain_gauges.geojson": _gauges(names, files),
        "demo/units.geojson": desk["units"],
        "demo/contacts.geojson": desk["contacts"],
        "demo/incidents.geojson": desk["incidents"],
        "demo/duty_log.geojson": desk["duty_log"],
    }


def _vertices(features):
    return [tuple(c) for f in features for c in f["geometry"]["coordinates"]]


def _hamlets(code, commune, cell, vertices):
    """Named hamlets, then numbered ones beside roads and rivers, at least 1.3 km apart (0.7 km where room is short), until the count is reached."""
    walk = random.Random(f"trucban/hamlets/{code}")
    total, known = COMMUNES[code]
    out = [
        {"name": name, "commune": code, "commune_name": commune, "at": geo.plane_xy(lon, lat), "size": size}
        for name, lon, lat, size in known
    ]
    inside = geo.to_plane(cell).buffer(-900.0)
    shapely.prepare(inside)
    beside = [v for v in (geo.plane_xy(*v) for v in vertices) if inside.contains(shapely.Point(v))]
    left = total - sum(h["size"] for h in out)
    tries = 0
    while left > 0:
        tries += 1
        if tries < 400 and beside:
            x, y = walk.choice(beside)
            turn, away = walk.uniform(0, 2 * math.pi), walk.uniform(180, 1500)
            spot = (x + away * math.cos(turn), y + away * math.sin(turn))
        else:
            x0, y0, x1, y1 = inside.bounds
            spot = (walk.uniform(x0, x1), walk.uniform(y0, y1))
        gap = 1300.0 if tries < 2000 else 700.0
        far_enough = all(math.dist(spot, h["at"]) > max(gap, 3200.0 if h["name"] in EVACUATION else 0) for h in out)
        if not inside.contains(shapely.Point(spot)) or not far_enough:
            continue
        size = min(left, walk.randint(14, 38))
        size = left if left - size < 12 else size
        number = sum(1 for h in out if h.get("numbered")) + 1
        out.append(
            {
                "name": f"Bản {number} {commune.split(' ', 1)[1]}",
                "commune": code,
                "commune_name": commune,
                "at": spot,
                "size": size,
                "numbered": True,
            }
        )
        left -= size
    for hamlet in out:
        hamlet["slope"] = walk.uniform(0, math.pi)
    return out


def _households(hamlets, cells, shelters):
    """Houses in loose groups along the slope's contour, 18 m apart at least, inside their commune."""
    features = []
    shelter_of = {s["properties"]["note"]: s["id"] for s in shelters if "note" in s["properties"]}
    for hamlet in hamlets:
        walk = random.Random(f"trucban/houses/{hamlet['commune']}/{hamlet['name']}")
        cell = geo.to_plane(cells[hamlet["commune"]])
        shapely.prepare(cell)
        along = (math.cos(hamlet["slope"]), math.sin(hamlet["slope"]))
        groups = []
        for _ in range(1 + hamlet["size"] // 18):
            u, v = walk.gauss(0, 300), walk.gauss(0, 110)
            groups.append((hamlet["at"][0] + u * along[0] - v * along[1], hamlet["at"][1] + u * along[1] + v * along[0]))
        houses = []
        while len(houses) < hamlet["size"]:
            x, y = walk.choice(groups)
            u, v = walk.gauss(0, 110), walk.gauss(0, 50)
            spot = (x + u * along[0] - v * along[1], y + u * along[1] + v * along[0])
            if cell.contains(shapely.Point(spot)) and all(math.dist(spot, h) > 18.0 for h in houses):
                houses.append(spot)
        states = EVACUATION.get(hamlet["name"], [])
        for index, spot in enumerate(houses):
            number = len(features) + 1
            state = states[index] if index < len(states) else "registered"
            shelter = shelter_of.get(hamlet["name"]) if states else None
            features.append(_household(number, hamlet, spot, state, shelter, walk))
    return features


def _household(number, hamlet, spot, state, shelter, walk):
    members = walk.choices(range(1, 11), (2, 6, 12, 20, 22, 16, 10, 6, 4, 2))[0]
    children = min(max(members - 2, 0), walk.choices(range(0, 6), (14, 24, 30, 20, 9, 3))[0])
    elderly = min(members - children, walk.choices((0, 1, 2), (62, 28, 10))[0])
    adults = members - children - elderly
    nursing = 1 if adults > 0 and children > 0 and walk.random() < 0.09 else 0
    disabled = 1 if walk.random() < 0.045 else 0
    ill = 1 if walk.random() < 0.02 else 0
    carry = disabled + ill > 0 and walk.random() < 0.7 or elderly > 0 and walk.random() < 0.08
    language = LANGUAGES.get(hamlet["commune"])
    minutes = {"sheltered": -70, "moving": -18, "refused": -25, "notified": -55}.get(state)
    properties = {
        "code": f"MH-{hamlet['commune']}-{number:04d}",
        "hamlet": hamlet["name"],
        "member_count": members,
        "children": children or None,
        "elderly": elderly or None,
        "pregnant_or_nursing": nursing or None,
        "disabled": disabled or None,
        "gravely_ill": ill or None,
        "poor": True if walk.random() < 0.34 else None,
        "needs_carry": True if carry else None,
        "needs_oxygen": True if ill and walk.random() < 0.3 else None,
        "alert_language": language if language and walk.random() < 0.4 else None,
        "susceptibility": walk.choices((1, 2, 3, 4), (10, 38, 37, 15))[0],
        "shelter_id": shelter,
        "state": state,
        "accuracy_m": float(walk.choice((10, 15, 25, 40))),
        "source": SOURCE,
        "head_name": f"Hộ số {number:04d}",
        "phone": f"0000 {number // 1000:03d} {number % 1000:03d}",
    }
    relative = {"state_min": minutes + (number % 7)} if minutes else None
    return geo.feature("households", f"demo/{number:04d}", geo.point(*geo.wgs_lonlat(*spot)), properties, relative)


def _zone(row, hamlets):
    """An uneven blob around a hamlet: an ellipse whose radius wanders, as a planner would draw by hand."""
    key, name, kind, level, hamlet_name, length, width, turn, from_h, to_h = row
    hamlet = next(h for h in hamlets if h["name"] == hamlet_name)
    walk = random.Random(f"trucban/zone/{key}")
    angle = math.radians(turn)
    ring = []
    for i in range(28):
        t = 2 * math.pi * i / 28
        r = 1.0 + walk.uniform(-0.14, 0.14)
        u, v = r * length * math.cos(t), r * width * math.sin(t)
        ring.append(
            geo.wgs_lonlat(
                hamlet["at"][0] + u * math.cos(angle) - v * math.sin(angle),
                hamlet["at"][1] + u * math.sin(angle) + v * math.cos(angle),
            )
        )
    polygon = shapely.Polygon(geo.rounded(ring))
    return geo.feature(
        "risk_zones",
        f"demo/{key}",
        geo.area(polygon),
        {
            "name": name,
            "kind": kind,
            "level": level,
            "state": "in_force",
            "susceptibility": min(level + 1, 4),
            "owner": f"UBND {hamlet['commune_name'][0].lower()}{hamlet['commune_name'][1:]} (minh hoạ)",
            "source": SOURCE,
        },
        {"valid_from_h": from_h, "valid_to_h": to_h},
    )


def _shelters(hamlets, names, cells, files):
    """Two shelters a commune: the school beside its seat and the house of culture nearest its first hamlet."""
    seats = {
        f["id"]: f["geometry"]["coordinates"]
        for f in files["ground/places.geojson"]
        if f["properties"]["kind"] == "commune_seat"
    }
    features = []
    for code in COMMUNES:
        walk = random.Random(f"trucban/shelter/{code}")
        first = next(h for h in hamlets if h["commune"] == code)
        seat = seats[geo.feature_id("places", f"commune-seat/{code}")]
        short = names[code].split(" ", 1)[1]
        rows = [
            ("school", f"Trường PTDT bán trú {short} (minh hoạ)", geo.plane_xy(*seat), walk.randint(16, 40) * 10, None),
            ("community_house", f"Nhà văn hoá {first['name']} (minh hoạ)", first["at"], 60 + walk.randint(0, 8) * 10, first["name"]),
        ]
        for kind, name, (x, y), capacity, hamlet in rows[: 1 if code == "03472" else 2]:
            away = 2400.0 if hamlet else 350.0
            spot = _inside(geo.to_plane(cells[code]), x, y, away, walk)
            features.append(
                geo.feature(
                    "shelters",
                    f"demo/{code}/{kind}",
                    geo.point(*geo.wgs_lonlat(*spot)),
                    {
                        "name": name,
                        "kind": kind,
                        "capacity": capacity,
                        "occupied": 0,
                        "is_open": hamlet in EVACUATION if hamlet else False,
                        "accuracy_m": 50.0,
                        "source": SOURCE,
                        "note": hamlet,
                    },
                )
            )
        if code == "03466":
            features.append(_second_shelter(code, hamlets, cells))
    return features


def _gauges(names, files):
    """A rain gauge beside the seat of each commune with households. Their rain comes from the simulation."""
    seats = {
        f["id"]: f["geometry"]["coordinates"]
        for f in files["ground/places.geojson"]
        if f["properties"]["kind"] == "commune_seat"
    }
    features = []
    for code in COMMUNES:
        lon, lat = seats[geo.feature_id("places", f"commune-seat/{code}")]
        features.append(
            geo.feature(
                "rain_gauges",
                f"demo/{code}",
                geo.point(round(lon + 0.004, 6), round(lat + 0.003, 6)),
                {
                    "name": f"Trạm đo mưa {names[code].split(' ', 1)[1]} (minh hoạ)",
                    "code": f"MH-{code}",
                    "owner": "Đài KTTV (minh hoạ)",
                    "accuracy_m": 50.0,
                    "source": SOURCE,
                },
            )
        )
    return features


def _second_shelter(code, hamlets, cells):
    hamlet = next(h for h in hamlets if h["name"] == "Bản Nậm Sì Lường")
    walk = random.Random("trucban/shelter/nam-si-luong")
    spot = _inside(geo.to_plane(cells[code]), *hamlet["at"], 2600.0, walk)
    return geo.feature(
        "shelters",
        f"demo/{code}/nam-si-luong",
        geo.point(*geo.wgs_lonlat(*spot)),
        {
            "name": "Điểm trường Nậm Sì Lường (minh hoạ)",
            "kind": "school",
            "capacity": 80,
            "occupied": 0,
            "is_open": True,
            "accuracy_m": 50.0,
            "source": SOURCE,
            "note": hamlet["name"],
        },
    )


def _inside(cell, x, y, away, walk):
    for _ in range(200):
        turn = walk.uniform(0, 2 * math.pi)
        spot = (x + away * math.cos(turn), y + away * math.sin(turn))
        if cell.contains(shapely.Point(spot)):
            return spot
    return (x, y)


def _fill_shelters(shelters, households):
    """Everyone who has arrived is counted in the shelter; the note that tied both together goes."""
    arrived = {}
    for h in households:
        p = h["properties"]
        if p["state"] == "sheltered":
            arrived[p["shelter_id"]] = arrived.get(p["shelter_id"], 0) + p["member_count"]
    for s in shelters:
        s["properties"]["occupied"] = arrived.get(s["id"], 0)
        s["properties"].pop("note", None)


def check(files, need):
    """Counts of the demo, and what the screens are drawn from."""
    households = files["demo/households.geojson"]
    need(2900 <= len(households) <= 3100, f"{len(households)} households")
    need(55 <= len(files["demo/units.geojson"]) <= 65, f"{len(files['demo/units.geojson'])} units")
    need(len(files["demo/rain_gauges.geojson"]) == len(COMMUNES), "a gauge beside each seat")
    need(28 <= len(files["demo/shelters.geojson"]) <= 32, f"{len(files['demo/shelters.geojson'])} shelters")
    need(55 <= len(files["demo/contacts.geojson"]) <= 70, f"{len(files['demo/contacts.geojson'])} contacts")
    need(len(files["demo/risk_zones.geojson"]) == 4, "zones")
    need(len(files["demo/incidents.geojson"]) == 7, "incidents")
    points = [(shapely.Point(h["geometry"]["coordinates"]), h["properties"]) for h in households]
    figures = {}
    for zone in files["demo/risk_zones.geojson"]:
        area = shape(zone["geometry"])
        inside = [p for point, p in points if area.contains(point)]
        figures[zone["properties"]["name"]] = f"{len(inside)} hộ, {sum(p['member_count'] for p in inside)} người"
    need(figures["Sườn Pá Hạ"].startswith("29 hộ"), f"Pá Hạ: {figures['Sườn Pá Hạ']}")
    need(figures["Khe Nậm Sì Lường"].startswith("11 hộ"), f"Nậm Sì Lường: {figures['Khe Nậm Sì Lường']}")
    for p in [p for _, p in points]:
        classes = p.get("children", 0) + p.get("elderly", 0)
        need(classes <= p["member_count"], f"{p['code']}: more children and elderly than members")
        need(p["phone"].startswith("0000 ") and p["head_name"].startswith("Hộ số "), f"{p['code']}: looks real")
    units = {u["id"]: u["properties"] for u in files["demo/units.geojson"]}
    codes = [u["code"] for u in units.values()]
    need(len(set(codes)) == len(codes), "call signs are not unique")
    for incident in files["demo/incidents.geojson"]:
        for unit in incident["properties"].get("unit_ids", []):
            need(units[unit].get("incident_id") == incident["id"], f"{units[unit]['code']}: assignment on one side only")
    return figures
