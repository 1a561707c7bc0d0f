"""The fourteen historic incidents of the facts: closed, resolved, at commune level."""

from . import geo

# In the order of the facts file: title, kind, severity, place in words, road, km, further counts.
INCIDENTS = [
    ("Sạt lở đất ở huyện Mường Tè", "landslide", 3, "Huyện Mường Tè", {}),
    ("Sạt lở đất vùi lấp nhà, bản Sín Chải", "landslide", 3, "Bản Sín Chải, xã Dào San", {}),
    (
        "Sạt lở nhiều điểm trên QL12, đoạn Điện Biên – Lai Châu",
        "landslide",
        2,
        "QL12, đoạn Điện Biên – Lai Châu",
        {"road_ref": "QL12"},
    ),
    ("Lũ bùn tại Km67+800, Tam Đường", "landslide", 2, "Km67+800, huyện Tam Đường", {"road_km": 67.8}),
    (
        "Lũ và sạt lở đất toàn tỉnh, 23–26/6/2018",
        "flood",
        4,
        "Toàn tỉnh (điểm đặt tại Nậm Tăm)",
        {"missing": 9},
    ),
    ("Sạt lở đất, bản Sin Chải", "landslide", 3, "Bản Sin Chải, xã Mù Sang", {"injured": 4}),
    ("Sạt lở đất, Vàng Ma Chải", "landslide", 4, "Xã Vàng Ma Chải", {"missing": 5}),
    ("Lũ quét Nậm Sì Lường, Bum Nưa", "flash_flood", 3, "Suối Nậm Sì Lường, xã Bum Nưa", {}),
    (
        "Sạt ta-luy đường tỉnh 130 Km12, Thèn Sin",
        "landslide",
        2,
        "ĐT130 Km12, xã Thèn Sin",
        {"road_ref": "ĐT130", "road_km": 12.0, "rescued": 1},
    ),
    ("Đá lăn, bản Phô Hồ Thầu", "rockfall", 3, "Bản Phô Hồ Thầu, xã Hồ Thầu", {}),
    ("Lũ và sạt lở đất, Tà Mung và Khoen On", "landslide", 4, "Tà Mung, Khoen On, huyện Than Uyên", {"injured": 3}),
    (
        "Sụt lún các-tơ QL4D Km25+300, Lản Nhì Thàng",
        "subsidence",
        2,
        "QL4D Km25+300, Lản Nhì Thàng",
        {"road_ref": "QL4D", "road_km": 25.3},
    ),
    (
        "Sạt lở ĐT128 Km12–13, Tà Cù Nhè",
        "landslide",
        2,
        "ĐT128 Km12–13, bản Tà Cù Nhè, Làng Mô",
        {"road_ref": "ĐT128", "road_km": 12.5},
    ),
    (
        "Sạt lở ĐT131 Km7+800, Thèn Sin – Sin Suối Hồ",
        "landslide",
        2,
        "ĐT131 Km7+800",
        {"road_ref": "ĐT131", "road_km": 7.8},
    ),
]

NOTES = [
    "Danh mục trượt lở toàn cầu của NASA, sự kiện 641.",
    "Báo chí 7/2009; cả tỉnh 14 người chết từ 26/6.",
    "Danh mục trượt lở toàn cầu của NASA.",
    "Danh mục trượt lở toàn cầu của NASA, sự kiện 7675.",
    "Báo chí 28/6/2018: 16 người chết, 9 người mất tích.",
    "Báo chí: 4 nhà bị vùi lấp, 4 người bị thương, 10 nhà khác có nguy cơ.",
    "Báo chí 8/2018: 5 người chết, 5 người mất tích ở Vàng Ma Chải; 1 người mất tích ở Dào San.",
    "Báo chí 7/2019: di chuyển hơn 20 nhà; hơn 150 hộ ở Mường Tè phải di dời. Ngày: cuối tháng 6/2019.",
    "Báo chí: một người được đào cứu sống.",
    "Báo chí: 110 hộ; 39 hộ (172 người) trong vùng nguy cơ.",
    "Báo chí 8/2023: 4 người chết, 3 người bị thương.",
    "Báo chí 5/2025; lặp lại ngày 10/6/2025.",
    "Báo chí 10/6/2025. Mưa 7–8/6: Mường Khoa 256,6 mm; Tả Lèng 158,4 mm.",
    "Báo chí 10/6/2025.",
]


def incidents(known):
    """Closed records. The reports name a day, not an hour: noon of that day in Vietnam stands for it."""
    features = []
    for (fact, (lon, lat)), (title, kind, severity, place, more), note in zip(
        known["historic_incident"], INCIDENTS, NOTES, strict=True
    ):
        day = fact["date"]
        noon = f"{day}T05:00:00.000Z"
        properties = {
            "kind": kind,
            "severity": severity,
            "title": title,
            "description": f"{note} Chỉ rõ ngày, không rõ giờ.",
            "state": "closed",
            "state_at": noon,
            "outcome": "resolved",
            "occurred_at": noon,
            "reported_at": noon,
            "closed_at": noon,
            "place_text": place,
            "located_by": "import",
            "channel": "import",
            "dead": fact["dead"],
            "accuracy_m": float(fact["accuracy_m"]),
            "source": "NASA Global Landslide Catalog" if "NASA" in note else "báo chí (geodata/facts)",
            "road_ref": more.get("road_ref"),
            "road_km": more.get("road_km"),
            "missing": more.get("missing"),
            "injured": more.get("injured"),
            "rescued": more.get("rescued"),
        }
        features.append(geo.feature("incidents", f"history/{day}/{geo.plain(title)}", geo.point(lon, lat), properties))
    return features
