"""Invented records of how the forces of the demo work together: what one asks another, two briefings with their decisions,
and the plan of a market day at the gate. Times are offsets (see `relative` in SOURCES.md), in minutes; nobody is named.
"""

from . import geo

SOURCE = "dữ liệu minh hoạ (bịa)"
HOUR, DAY = 60, 24 * 60

# From, to, question, purpose, asked, due, then reply, state and when it was given.
REQUESTS = [
    ("border_guard", "police", "Lưu lượng xe tải qua tổ CSGT quốc lộ 12 trong ba đêm gần nhất, theo khung giờ?",
     "Nghị định 03/2019/NĐ-CP: phối hợp bảo vệ biên giới; bố trí ca trực ở cửa khẩu.", -26 * HOUR, -2 * HOUR, None),
    ("police", "border_guard", "Đoạn đường mòn nào quanh mốc 66 còn đi được bằng xe máy sau mưa?",
     "Nghị định 03/2019/NĐ-CP: bố trí chốt kiểm soát tuần tới.", -5 * HOUR, 19 * HOUR, None),
    ("military", "police", "Các điểm ùn tắc dự kiến khi diễu binh qua phường Tân Phong?",
     "Kế hoạch phối hợp quý, mục bảo đảm giao thông.", -4 * DAY, -3 * DAY,
     ("answered", "Ba điểm: ngã ba bưu điện, cầu Tân Phong, cổng chợ. Từ 6 giờ có tổ phân luồng ở cả ba.",
      -4 * DAY + 6 * HOUR)),
]  # fmt: skip

# Held, level, lead, forces, chair, place, commune, summary, decisions (text, force, owner, due, and when it was done).
BRIEFINGS = [
    (-9 * DAY, "province", "police", ["border_guard", "military", "police"], "Phó Giám đốc Công an tỉnh (minh hoạ)",
     "Phòng giao ban Công an tỉnh", None, "Mưa lũ đợt vừa qua; việc bố trí lực lượng dọc quốc lộ 12; diễn tập cuối năm.", [
         ("Lập danh sách hộ ở chân sườn có vết nứt tại năm xã, gửi Bộ CHQS tỉnh", "police", "Phòng Tham mưu", -2 * DAY, None),
         ("Rà lại số máy bộ đàm của các tổ tuần tra chung", "border_guard", "Phòng Tham mưu BĐBP", 5 * DAY, None),
         ("Chuẩn bị máy xúc dự phòng ở Phong Thổ", "military", "Đại đội công binh", -4 * DAY, -5 * DAY),
     ]),
    (-2 * DAY, "commune", "border_guard", ["border_guard", "civil", "police"], "Đồn trưởng (minh hoạ)",
     "Trụ sở UBND xã Dào San", "03571", "Phiên chợ cuối tháng; đường liên thôn còn sạt hai chỗ.", [
         ("Cắm biển cảnh báo ở hai chỗ sạt trên đường liên thôn", "civil", "UBND xã Dào San", 1 * DAY, None),
     ]),
]  # fmt: skip

CENTRE = (103.361, 22.6637)


def build():
    """The demo's requests, briefings, decisions and plans."""
    files = {f"demo/{name}.geojson": [] for name in ("information_requests", "briefings", "decisions", "event_plans")}
    for number, (sender, to, question, purpose, asked, due, reply) in enumerate(REQUESTS):
        properties = {"from_force": sender, "to_force": to, "question": question, "purpose": purpose, "state": "asked",
                      "asked_by": "demo"}  # fmt: skip
        relative = {"asked_min": asked, "due_min": due}
        if reply:
            properties |= {"state": reply[0], "reply": reply[1], "replied_by": "demo"}
            relative["replied_min"] = reply[2]
        files["demo/information_requests.geojson"].append(_feature("information_requests", number, properties, relative))
    for number, (held, level, lead, forces, chair, place, commune, summary, decisions) in enumerate(BRIEFINGS):
        briefing = _feature("briefings", number, {
            "level": level, "lead_force": lead, "forces": forces, "chaired_by": chair, "place_text": place,
            "commune_code": commune, "summary": summary, "entered_by": "demo", "source": SOURCE,
        }, {"held_min": held})  # fmt: skip
        files["demo/briefings.geojson"].append(briefing)
        for place_in_list, (text, force, owner, due, done) in enumerate(decisions):
            properties = {"briefing_id": briefing["id"], "text": text, "force": force, "owner": owner, "state": "open",
                          "entered_by": "demo", "source": SOURCE}  # fmt: skip
            relative = {"decided_min": held, "due_min": due}
            if done is not None:
                properties |= {"state": "done", "closed_by": "demo", "result": "Đã bố trí hai máy."}
                relative["closed_min"] = done
            key = f"{number}/{place_in_list}"
            files["demo/decisions.geojson"].append(_feature("decisions", key, properties, relative))
    east, north = 0.004, 0.003
    corners = [(-east, -north), (east, -north), (east, north), (-east, north), (-east, -north)]
    area = [[round(CENTRE[0] + x, 5), round(CENTRE[1] + y, 5)] for x, y in corners]
    plan = _feature("event_plans", 0, {
        "name": "Phiên chợ cuối năm (minh hoạ)", "lead_force": "police", "state": "issued", "document_no": "12/PA (minh hoạ)",
        "place_text": "Chợ xã Dào San", "commune_code": "03571", "entered_by": "demo", "issued_by": "demo",
        "source": SOURCE,
        "posts": [
            {"name": "Chốt cổng chợ", "force": "police", "persons": 6, "place": "cổng chính"},
            {"name": "Chốt đường lên mốc", "force": "border_guard", "persons": 4, "place": "ngã ba trường học"},
            {"name": "Tổ cơ động", "force": "military", "persons": 8, "place": "sân UBND xã"},
        ],
        "checklist": [
            {"text": "Thử bộ đàm với ba chốt"},
            {"text": "Dọn lối xe cứu thương phía sau chợ"},
            {"text": "Bố trí bãi gửi xe, phân luồng từ 5 giờ"},
        ],
    }, {"starts_min": 30 * HOUR, "finishes_min": 42 * HOUR, "issued_min": -3 * DAY})  # fmt: skip
    plan["geometry"] = {"type": "Polygon", "coordinates": [area]}
    files["demo/event_plans.geojson"].append(plan)
    return files


def _feature(collection, key, properties, relative):
    properties = {name: value for name, value in properties.items() if value is not None}
    return {
        "type": "Feature",
        "id": geo.feature_id(collection, f"demo/{key}"),
        "properties": dict(sorted(properties.items())),
        "relative": relative,
        "geometry": None,
    }


def check(files, need):
    """Every decision has its briefing, and nothing is asked of oneself."""
    briefings = {f["id"] for f in files["demo/briefings.geojson"]}
    decisions = [f["properties"] for f in files["demo/decisions.geojson"]]
    need(all(one["briefing_id"] in briefings for one in decisions), "decisions without a briefing")
    requests = [f["properties"] for f in files["demo/information_requests.geojson"]]
    need(all(one["from_force"] != one["to_force"] for one in requests), "a force that asks itself")
    return {"coordination": f"{len(requests)} yêu cầu, {len(briefings)} buổi giao ban, {len(decisions)} việc"}
