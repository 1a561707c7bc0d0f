"""Invented records of the demo that the desk works with: bases, units, contacts, open incidents and their log.

Units are called by function and commune; what they are, carry and do is made up. Times are offsets (see `relative` in
SOURCES.md), so the demo is always "tonight".
"""

import random

from . import geo
from .ground import POST_KEYS

SOURCE = "dữ liệu minh hoạ (bịa)"

# Bases of police and army: key, name, kind, force, commune code, metres east and north of its seat.
BASES = [
    ("cong-an-tinh", "Công an tỉnh (minh hoạ)", "police_station", "police", "03388", 500, 350),
    ("bo-chqs-tinh", "Bộ CHQS tỉnh (minh hoạ)", "military_post", "military", "03408", 400, -300),
    ("kho-cuu-ho", "Kho cứu hộ tỉnh (minh hoạ)", "depot", "military", "03388", -700, 500),
    ("bch-bdbp", "Ban Chỉ huy BĐBP tỉnh (minh hoạ)", "military_post", "border_guard", "03388", 900, -450),
    ("dai-doi-cong-binh", "Đại đội công binh (minh hoạ)", "military_post", "military", "03388", -900, -650),
]

POLICE = ["03503", "03549", "03388", "03390", "03595", "03598", "03433", "03466", "03478", "03434", "03562", "03571",
          "03394", "03405", "03472", "03460"]  # fmt: skip
SHOCK = ["03466", "03503", "03562", "03571", "03405", "03601", "03618", "03640", "03529", "03487", "03433", "03460",
         "03472", "03434"]  # fmt: skip
MILITIA = ["03466", "03472", "03503", "03571", "03640"]

# Units of the province: code, name, force, kind, base, capabilities, crew, vehicle, status.
PROVINCIAL = [
    ("CB-01", "Đại đội công binh", "military", "engineer", "base:dai-doi-cong-binh",
     ["excavator", "truck", "chainsaw", "generator"], 24, "máy xúc, 2 xe tải", "available"),
    ("CB-02", "Tổ công binh vượt sông", "military", "boat_team", "base:kho-cuu-ho",
     ["boat", "swift_water", "search"], 8, "2 xuồng, xe bán tải", "available"),
    ("QS-01", "Trung đội cơ động Bộ CHQS tỉnh", "military", "mobile_team", "base:bo-chqs-tinh",
     ["truck", "search", "satellite_phone"], 20, "xe tải", "available"),
    ("QS-02", "Tổ quân y Bộ CHQS tỉnh", "military", "medical", "base:bo-chqs-tinh",
     ["first_aid", "ambulance"], 5, "xe cứu thương", "available"),
    ("QS-03", "Tổ máy bay không người lái", "military", "drone_team", "base:bo-chqs-tinh",
     ["drone", "search"], 3, "xe bán tải", "resting"),
    ("QS-04", "Tổ vận tải Bộ CHQS tỉnh", "military", "transport", "base:kho-cuu-ho",
     ["truck", "generator"], 6, "3 xe tải", "available"),
    ("CA-01", "Đội CNCH Công an tỉnh", "police", "rescue_team", "base:cong-an-tinh",
     ["rope_rescue", "search", "first_aid", "generator"], 9, "xe cứu nạn", "available"),
    ("CA-02", "Tổ CSGT quốc lộ 12", "police", "traffic_police", "base:cong-an-tinh",
     ["traffic_control", "motorbike"], 4, "2 mô tô", "on_patrol"),
    ("CA-03", "Tổ CSGT quốc lộ 4D", "police", "traffic_police", "base:cong-an-tinh",
     ["traffic_control", "motorbike"], 4, "ô tô tuần tra", "on_patrol"),
    ("CA-04", "Tổ Cảnh sát cơ động", "police", "armed_team", "base:cong-an-tinh",
     ["arrest", "dog"], 8, "ô tô tuần tra", "available"),
    ("BP-20", "Đội cơ động BĐBP tỉnh", "border_guard", "mobile_team", "base:bch-bdbp",
     ["search", "dog", "satellite_phone", "truck"], 10, "xe bán tải, xe tải", "available"),
    ("BP-21", "Tổ quân y BĐBP tỉnh", "border_guard", "medical", "base:bch-bdbp",
     ["first_aid", "ambulance"], 4, "xe cứu thương", "resting"),
    ("CH-01", "Sở chỉ huy tiền phương", "military", "command", "base:bo-chqs-tinh",
     ["satellite_phone", "generator"], 7, "xe chỉ huy", "off_duty"),
]  # fmt: skip

PATROLS = [("pa-u", "BP-13"), ("thu-lum", "BP-14"), ("si-lo-lau", "BP-15"), ("ma-lu-thang", "BP-16")]

# What some units do at the start, beside "available": code to (status, incident, minutes since).
AT_WORK = {
    "BP-09": ("en_route", "ql12", -9),
    "BP-16": ("en_route", "ql12", -11),
    "XK-03472": ("on_scene", "muong-mo", -31),
    "XK-03434": ("on_scene", "muong-mo", -24),
    "DQ-03472": ("searching", "muong-mo", -36),
    "CA-03640": ("available", None, -200),
    "BP-05": ("on_patrol", None, -95),
    "BP-10": ("resting", None, -140),
    "XK-03601": ("resting", None, -160),
    "CA-03562": ("on_patrol", None, -50),
}

# First positions, told as fixes: code to (lon, lat, minutes ago, accuracy). Those within 1.5 km of a road are put on it.
FIXES = {
    "BP-08": (103.191, 22.538, -2, 15),
    "BP-09": (103.262, 22.512, -1, 12),
    "BP-16": (103.282, 22.552, -1, 10),
    "BP-05": (102.8171, 22.5489, -4, 20),
    "BP-20": (103.4441, 22.4063, -2, 10),
    "CB-01": (103.4503, 22.3908, -18, 25),
    "CA-02": (103.2652, 22.5721, -3, 12),
    "CA-03": (103.5561, 22.3902, -2, 12),
    "XK-03472": (102.8755, 22.1395, -6, 30),
    "XK-03434": (102.8671, 22.1338, -7, 30),
    "DQ-03472": (102.8602, 22.1427, -5, 25),
    "BP-13": (102.6512, 22.6402, -13, 40),
    "BP-14": (102.4633, 22.7246, -47, 60),
}

DUTY_OFFICER = "Sĩ quan trực (minh hoạ)"

# Open incidents: key, point or None, properties, offsets in minutes.
INCIDENTS = [
    ("pa-ha", (102.8462, 22.5361), {
        "kind": "landslide", "severity": 4, "title": "Sạt lở đất vùi lấp nhà", "state": "reported",
        "description": "Người dân báo đất đá tràn xuống, một nhà bị vùi, chưa rõ người trong nhà.",
        "place_text": "Bản Pá Hạ, xã Bum Nưa", "located_by": "place_name", "accuracy_m": 900.0, "channel": "phone",
        "reporter_phone": "0000 900 001", "reporter_name": "Người báo số 1 (bịa)",
    }, {"occurred_min": -9, "reported_min": -2, "state_min": -2}),
    ("ql12", (103.16, 22.47), {
        "kind": "landslide", "severity": 3, "title": "Sạt lở đất chia cắt QL12, Km46+300", "state": "dispatched",
        "description": "Ta-luy dương sạt khoảng 40 m, ô tô không qua được, xe máy còn qua được.",
        "place_text": "QL12 Km46+300, xã Pa Tần", "located_by": "road_ref", "road_ref": "QL12", "road_km": 46.3,
        "accuracy_m": 40.0, "channel": "phone", "lead_force": "border_guard",
        "support_forces": ["military", "police"], "acknowledged_by": DUTY_OFFICER,
        "reporter_phone": "0000 900 002", "reporter_name": "Người báo số 2 (bịa)",
    }, {"occurred_min": -25, "reported_min": -14, "acknowledged_min": -13, "verified_min": -12,
        "first_assigned_min": -11, "state_min": -11}),
    ("muong-mo", (102.8683, 22.1378), {
        "kind": "flash_flood", "severity": 3, "title": "Lũ quét, 1 người mất tích", "state": "in_progress",
        "description": "Lũ quét trên suối, một người đi nương chưa về.", "place_text": "Bản Mường Mô 2, xã Mường Mô",
        "located_by": "map", "accuracy_m": 300.0, "channel": "radio", "lead_force": "military",
        "support_forces": ["civil"], "missing": 1, "acknowledged_by": DUTY_OFFICER,
    }, {"occurred_min": -70, "reported_min": -51, "acknowledged_min": -50, "verified_min": -44,
        "first_assigned_min": -48, "first_on_scene_min": -36, "state_min": -36}),
    ("ma-lu-thang", (103.1662, 22.6052), {
        "kind": "illegal_crossing", "severity": 2, "title": "Qua lại biên giới không làm thủ tục",
        "state": "handed_over", "description": "Tổ tuần tra gặp ba người; đã bàn giao một trường hợp.",
        "place_text": "Đoạn Ma Lù Thàng", "located_by": "coordinates", "accuracy_m": 100.0, "channel": "field",
        "lead_force": "border_guard", "receiving_agency": "Đồn BP Cửa khẩu Ma Lù Thàng",
        "record_no": "BB-MH-001", "acknowledged_by": DUTY_OFFICER,
    }, {"occurred_min": -80, "reported_min": -65, "acknowledged_min": -64, "verified_min": -60,
        "state_min": -20}),
    ("khoen-on", (103.8485, 21.7752), {
        "kind": "bridge_damage", "severity": 2, "title": "Cầu treo hư hỏng", "state": "monitoring",
        "description": "Đứt một cáp chủ, đã cấm qua lại.", "place_text": "Xã Khoen On", "located_by": "map",
        "accuracy_m": 500.0, "channel": "phone", "lead_force": "civil", "acknowledged_by": DUTY_OFFICER,
    }, {"occurred_min": -230, "reported_min": -182, "acknowledged_min": -180, "state_min": -150}),
    ("hong-thu", None, {
        "kind": "missing_person", "severity": 1, "title": "Người đi rừng lạc đường", "state": "reported",
        "description": "Người nhà báo một người đi rừng chưa về; chưa rõ khu vực.",
        "place_text": "Chỉ biết xã Hồng Thu", "located_by": "admin_unit", "commune_code": "03508", "channel": "phone",
        "acknowledged_by": DUTY_OFFICER, "reporter_phone": "0000 900 003",
    }, {"occurred_min": -660, "reported_min": -301, "acknowledged_min": -299, "state_min": -301}),
    ("doan-ket", (103.401, 22.4568), {
        "kind": "rockfall", "severity": 1, "title": "Đá lăn, đã thông một làn", "state": "contained",
        "description": "Đá lăn xuống mặt đường, đã dọn một làn.", "place_text": "QL4D, phường Đoàn Kết",
        "located_by": "map", "accuracy_m": 200.0, "channel": "phone", "lead_force": "police",
        "acknowledged_by": DUTY_OFFICER,
    }, {"occurred_min": -500, "reported_min": -482, "acknowledged_min": -480, "verified_min": -470,
        "first_assigned_min": -468, "first_on_scene_min": -430, "contained_min": -380, "state_min": -380}),
]  # fmt: skip


# The course of the open incidents: incident, kind, minutes ago, unit, text.
DUTY_LOG = [
    ("pa-ha", "reported", -2, None, "Người dân báo qua điện thoại: sạt lở vùi một nhà ở bản Pá Hạ"),
    ("ql12", "reported", -14, None, "Người dân báo qua 113"),
    ("ql12", "acknowledged", -13, None, "Sĩ quan trực tiếp nhận"),
    ("ql12", "verified", -12, None, "Đồn Pa Tần xác minh tại chỗ"),
    ("ql12", "assigned", -11, "BP-16", "Giao nhiệm vụ Tổ tuần tra Đồn BP Cửa khẩu Ma Lù Thàng"),
    ("ql12", "assigned", -10, "BP-09", "Giao nhiệm vụ Tổ công tác Đồn BP CK Ma Lù Thàng"),
    ("ql12", "updated", -5, None, "Tắc đường QL12 Km45+600–Km46+300: ô tô không qua được, xe máy còn qua được"),
    ("ql12", "unit_status", -2, "BP-09", "Đã nhận lệnh qua bộ đàm (sĩ quan trực ghi)"),
    ("muong-mo", "reported", -51, None, "Xung kích xã báo qua bộ đàm: lũ quét, một người mất tích"),
    ("muong-mo", "acknowledged", -50, None, "Sĩ quan trực tiếp nhận"),
    ("muong-mo", "assigned", -48, "DQ-03472", "Giao nhiệm vụ Dân quân thường trực xã Mường Mô"),
    ("muong-mo", "assigned", -47, "XK-03472", "Giao nhiệm vụ Xung kích PCTT xã Mường Mô"),
    ("muong-mo", "assigned", -40, "XK-03434", "Giao nhiệm vụ Xung kích PCTT xã Nậm Hàng"),
    ("muong-mo", "started", -36, "DQ-03472", "Dân quân đã tới hiện trường, tìm dọc suối"),
    ("ma-lu-thang", "reported", -65, None, "Tổ tuần tra báo: ba người qua lại không làm thủ tục"),
    ("ma-lu-thang", "handed_over", -20, None, "Bàn giao một trường hợp, biên bản BB-MH-001"),
    ("khoen-on", "reported", -182, None, "Trưởng bản báo cầu treo đứt một cáp chủ"),
    ("khoen-on", "monitoring", -150, None, "Đã cấm qua lại, theo dõi"),
    ("hong-thu", "reported", -301, None, "Người nhà báo một người đi rừng chưa về"),
    ("doan-ket", "reported", -482, None, "Lái xe báo đá lăn trên QL4D"),
    ("doan-ket", "contained", -380, None, "Đã dọn một làn, còn trực điều tiết"),
    (None, "note", -420, None, "Nhận ca. Mưa vừa ở Mường Tè, Phong Thổ; trực 100 % ở các đồn biên giới"),
    (None, "instruction", -45, None, "Yêu cầu các xã báo số hộ đã sơ tán trước 04:00"),
]


def build(home, hamlets, files):
    """Bases, units, contacts, incidents."""
    full = {c["code"]: c["full_name"] for c in home}
    seats = {
        f["id"]: f["geometry"]["coordinates"]
        for f in files["ground/places.geojson"]
        if f["properties"]["kind"] == "commune_seat"
    }
    seat_of = {code: seats[geo.feature_id("places", f"commune-seat/{code}")] for code in full}
    post_names = {
        POST_KEYS[f["properties"]["name"].removeprefix("Đồn Biên phòng ")]: f["properties"]["name"].replace(
            "Biên phòng", "BP"
        )
        for f in files["ground/stations.geojson"]
        if f["properties"]["kind"] == "border_post"
    }
    units = _units(full, post_names)
    _put_on_roads(units, files["ground/roads.geojson"])
    return {
        "stations": _stations(full, seat_of),
        "units": units,
        "contacts": _contacts(full, post_names, hamlets, seat_of),
        "incidents": _incidents(units),
        "duty_log": _duty_log(),
    }


def _lower(name):
    return name[0].lower() + name[1:]


def _stations(full, seat_of):
    def near(spot, east, north):
        x, y = geo.plane_xy(*spot)
        return geo.point(*geo.wgs_lonlat(x + east, y + north))

    def one(key, name, kind, force, geometry):
        properties = {"name": name, "kind": kind, "force": force, "accuracy_m": 3000.0, "source": SOURCE}
        return geo.feature("stations", f"demo/{key}", geometry, properties)

    out = [one(f"base:{k}", n, kind, force, near(seat_of[c], e, no)) for k, n, kind, force, c, e, no in BASES]
    for code in POLICE + ["03640"]:
        name = f"Trụ sở Công an {_lower(full[code])} (minh hoạ)"
        out.append(one(f"police:{code}", name, "police_station", "police", near(seat_of[code], 180, 120)))
    for code in sorted(set(SHOCK + MILITIA)):
        name = f"Ban CHQS {_lower(full[code])} (minh hoạ)"
        out.append(one(f"army:{code}", name, "military_post", "military", near(seat_of[code], -160, 140)))
    return out


def _units(full, post_names):
    rows = []
    for index, (key, name) in enumerate(post_names.items()):
        tools = [["search", "motorbike", "first_aid"], ["search", "boat", "chainsaw"], ["search", "dog", "interpreter"],
                 ["rope_rescue", "search", "satellite_phone"]][index % 4]  # fmt: skip
        vehicle = ("xe bán tải", "xe bán tải, 2 mô tô", "3 mô tô")[index % 3]
        short = name.replace("Đồn BP Cửa khẩu", "Đồn BP CK")
        rows.append((f"BP-{index + 1:02d}", f"Tổ công tác {short}", "border_guard", "mobile_team",
                     f"post/{key}", tools, 5 + index % 4, vehicle, "available"))  # fmt: skip
    for key, code in PATROLS:
        rows.append((code, f"Tổ tuần tra {post_names[key]}", "border_guard", "patrol", f"post/{key}",
                     ["search", "motorbike", "satellite_phone"], 6, "đi bộ, mô tô", "on_patrol"))  # fmt: skip
    for code, name, force, kind, base, tools, crew, vehicle, status in PROVINCIAL:
        rows.append((code, name, force, kind, f"demo/{base}", tools, crew, vehicle, status))
    for index, code in enumerate(POLICE + ["03640"]):
        rows.append((f"CA-{code}", f"Công an {_lower(full[code])}", "police", "commune_police", f"demo/police:{code}",
                     ["motorbike", "traffic_control", "arrest"], 3 + index % 4, "2 mô tô", "available"))  # fmt: skip
    for index, code in enumerate(SHOCK):
        rows.append((f"XK-{code}", f"Xung kích PCTT {_lower(full[code])}", "civil", "commune_shock_force",
                     f"demo/army:{code}", ["search", "chainsaw", "first_aid"][: 2 + index % 2], 8 + index % 7,
                     "mô tô", "available"))  # fmt: skip
    for code in MILITIA:
        rows.append((f"DQ-{code}", f"Dân quân thường trực {_lower(full[code])}", "military", "militia",
                     f"demo/army:{code}", ["search", "interpreter"], 7, "mô tô", "available"))  # fmt: skip
    return [_unit(row) for row in rows]


def _unit(row):
    code, name, force, kind, station, tools, crew, vehicle, status = row
    walk = random.Random(f"trucban/unit/{code}")
    status, incident, minutes = AT_WORK.get(code, (status, None, -walk.randint(20, 420)))
    relative = {"state_min": minutes}
    if code in FIXES:
        lon, lat, ago, accuracy = FIXES[code]
        relative["fix"] = {"lon": lon, "lat": lat, "min": ago, "accuracy_m": float(accuracy)}
    properties = {
        "code": code,
        "name": name,
        "force": force,
        "kind": kind,
        "capabilities": sorted(tools),
        "crew": crew,
        "vehicle": vehicle,
        "radio": f"{code}, kênh {3 + sum(map(ord, code)) % 9}",
        "duty_phone": f"0000 800 {sum(ord(c) * (i + 3) for i, c in enumerate(code)) % 1000:03d}",
        "station_id": geo.feature_id("stations", station),
        "status": status,
        "status_source": "radio" if incident else "own",
        "incident_id": geo.feature_id("incidents", f"demo/{incident}") if incident else None,
        "source": SOURCE,
    }
    return geo.feature("units", f"demo/{code}", None, properties, relative)


def _put_on_roads(units, roads):
    vertices = [tuple(c) for road in roads for c in road["geometry"]["coordinates"]]
    for unit in units:
        fix = unit["relative"].get("fix")
        if fix:
            here = (fix["lon"], fix["lat"])
            nearest = min(vertices, key=lambda v: (v[0] - here[0]) ** 2 + (v[1] - here[1]) ** 2)
            if geo.distance_m(nearest, here) < 1500.0:
                fix["lon"], fix["lat"] = nearest


def _incidents(units):
    out = []
    for key, spot, properties, offsets in INCIDENTS:
        own = geo.feature_id("incidents", f"demo/{key}")
        assigned = [u["id"] for u in units if u["properties"].get("incident_id") == own]
        properties = {**properties, "unit_ids": sorted(assigned) or None, "source": SOURCE}
        geometry = geo.point(*spot) if spot else None
        out.append(geo.feature("incidents", f"demo/{key}", geometry, properties, offsets))
    return out


def _duty_log():
    out = []
    for number, (incident, kind, minutes, unit, text) in enumerate(DUTY_LOG, start=1):
        properties = {
            "kind": kind,
            "text": text,
            "incident_id": geo.feature_id("incidents", f"demo/{incident}") if incident else None,
            "unit_id": geo.feature_id("units", f"demo/{unit}") if unit else None,
            "owner": "Trực ban UBND các xã (minh hoạ)" if kind == "instruction" else None,
        }
        relative = {"occurred_min": minutes}
        if kind == "instruction":
            relative["due_min"] = 90
        out.append(geo.feature("duty_log", f"demo/{number:02d}", None, properties, relative))
    return out


def _contacts(full, post_names, hamlets, seat_of):
    rows = []
    for hamlet in hamlets:
        if not hamlet.get("numbered") or hamlet["name"].startswith("Bản 1 "):
            at = geo.wgs_lonlat(*hamlet["at"])
            rows.append((f"Trưởng bản {hamlet['name'].removeprefix('Bản ')}", "village_head", at,
                         {"hamlet": hamlet["name"], "commune_code": hamlet["commune"]}))  # fmt: skip
    for code in sorted({h["commune"] for h in hamlets}):
        rows.append((f"Trực UBND {_lower(full[code])}", "commune", seat_of[code],
                     {"commune_code": code, "force": "civil", "organisation": f"UBND {_lower(full[code])}"}))  # fmt: skip
    for key, name in post_names.items():
        rows.append((f"Trực ban {name}", "border_post", None,
                     {"station_id": geo.feature_id("stations", f"post/{key}"), "force": "border_guard"}))  # fmt: skip
    for name, kind, force in [
        ("Trực ban Công an tỉnh", "police", "police"),
        ("Trực ban Bộ CHQS tỉnh", "military", "military"),
        ("Trực ban BĐBP tỉnh", "duty_shift", "border_guard"),
        ("Trực PCTT tỉnh", "duty_shift", "civil"),
        ("Đài khí tượng thuỷ văn tỉnh", "hydromet", "civil"),
        ("Trực cấp cứu bệnh viện tỉnh", "clinic", "civil"),
        ("Trực điều độ điện lực", "power", "civil"),
        ("Trực mạng viễn thông", "telecom", "civil"),
    ]:
        rows.append((name, kind, seat_of["03388"], {"force": force}))
    out = []
    for number, (name, kind, at, more) in enumerate(rows, start=1):
        properties = {
            "name": name,
            "kind": kind,
            "duty_hours": "24/24" if kind not in ("village_head", "commune") else "khi có thiên tai: 24/24",
            "duty_phone": f"0000 700 {number:03d}",
            "source": SOURCE,
            **more,
        }
        out.append(geo.feature("contacts", f"demo/{number:03d}", geo.point(*at) if at else None, properties))
    return out
