"""The road network, sketched by us: hand-placed way-points between known places, bends made up, nothing surveyed.

A bend follows the river where the road is known to follow it; elsewhere it is drawn by a fixed pseudo-random walk, so
that the sketch looks like a valley road and stays the same on every run. Way-points are kept as vertices: roads meet
at equal vertices, and the kilometre posts sit on them.
"""

import json
import random

import numpy
import shapely

from . import geo

WINDING = 1.25  # kilometres of road for one kilometre of sketch, where no post is known


def network(folder, river_lines, seats, posts, home):
    """Road features: the named roads of the sketch, then one access road to every seat and post still unconnected.

    `home` is Vietnam's polygon: no sketched road may cross the border."""
    shapely.prepare(home)
    rows = json.loads((folder / "sketch" / "roads.json").read_text("utf-8"))
    known = {f"seat:{code}": spot for code, (spot, _, _) in seats.items()}
    known |= {f"post:{key}": spot for key, (spot, _) in posts.items()}
    features, vertices = [], {}
    for row in rows:
        coordinates = _draw(row["key"], _waypoints(row["way"], known, river_lines), home)
        features.append(_named(row, coordinates, known))
        vertices.update(dict.fromkeys(map(tuple, coordinates)))
    waiting = {}
    for code, (spot, name, _) in seats.items():
        waiting[f"seat:{code}"] = (spot, f"Đường vào {name}", "paved")
    for key, (spot, name) in posts.items():
        waiting[f"post:{key}"] = (spot, f"Đường vào {name}", "unpaved")
    waiting = {k: v for k, v in sorted(waiting.items()) if tuple(geo.rounded(v[0])) not in vertices}
    while waiting:
        options = []
        for key, (spot, name, surface) in waiting.items():
            x, y = geo.plane_xy(*spot)
            joint = min(vertices, key=lambda v: _square(geo.plane_xy(*v), (x, y)))
            options.append((_square(geo.plane_xy(*joint), (x, y)), key, joint))
        _, key, joint = min(options)
        spot, name, surface = waiting.pop(key)
        coordinates = _draw(key, [joint, spot], home)
        features.append(
            geo.feature(
                "roads",
                f"access/{key.replace(':', '-')}",
                geo.line(coordinates),
                {
                    "name": name,
                    "kind": "road",
                    "class": "commune",
                    "surface": surface,
                    "accuracy_m": 5000.0,
                    "source": "sketch",
                },
            )
        )
        vertices.update(dict.fromkeys(map(tuple, coordinates)))
    return features


def _square(a, b):
    return (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2


def _named(row, coordinates, known):
    posts = [(km, geo.rounded(list(_spot(at, known)))) for km, at in row.get("posts", [])]
    if not posts and row.get("road_ref"):
        length = round(geo.length_km(coordinates) * WINDING, 1)
        posts = [(0.0, coordinates[0]), (length, coordinates[-1])]
    return geo.feature(
        "roads",
        row["key"],
        geo.line(coordinates),
        {
            "name": row["name"],
            "kind": "road",
            "road_ref": row.get("road_ref"),
            "class": row["class"],
            "surface": row["surface"],
            "km_from": float(posts[0][0]) if posts else None,
            "km_to": float(posts[-1][0]) if posts else None,
            "km_posts": [[km, *at] for km, at in posts] or None,
            "accuracy_m": float(row["accuracy_m"]),
            "source": "sketch",
            "note": row.get("note"),
        },
    )


def _spot(at, known):
    return known[at] if isinstance(at, str) else tuple(at)


def _waypoints(way, known, river_lines):
    out = []
    for step in way:
        if isinstance(step, dict):
            out += _beside_river(river_lines[step["along"]], step["from"], step["to"])
        else:
            out.append(_spot(step, known))
    return out


def _beside_river(line, start, end, offset_m=260.0, step_m=1800.0):
    """Way-points on the right bank of a river between the spots nearest to `start` and `end`."""
    plane = geo.to_plane(shapely.LineString(line))
    a = plane.project(shapely.Point(geo.plane_xy(*start)))
    b = plane.project(shapely.Point(geo.plane_xy(*end)))
    count = max(2, round(abs(b - a) / step_m))
    out = []
    for i in range(count + 1):
        at = a + (b - a) * i / count
        here, ahead, back = plane.interpolate(at), plane.interpolate(at + 80), plane.interpolate(max(at - 80, 0))
        dx, dy = ahead.x - back.x, ahead.y - back.y
        norm = max((dx * dx + dy * dy) ** 0.5, 1.0)
        out.append(geo.wgs_lonlat(here.x + dy / norm * offset_m, here.y - dx / norm * offset_m))
    return out


def _draw(key, waypoints, home):
    """Bends between the way-points; smaller bends where the drawn leg would leave the country."""
    corners = [numpy.array(geo.plane_xy(*w)) for w in waypoints]
    for bend in (0.16, 0.08, 0.03, 0.0):
        walk = random.Random(f"trucban/{key}")
        control = [corners[0]]
        for a, b in zip(corners, corners[1:]):
            control += _bend(a, b, bend, walk)[1:]
        coordinates = _round_off(control, corners)
        line = shapely.LineString(coordinates)
        if shapely.contains_properly(home, shapely.LineString(coordinates[1:])) or bend == 0.0:
            return [list(c) for c in geo.no_repeats(line.coords)]
    raise AssertionError("the last bend is nought")


def winding(key, waypoints):
    """A line with made-up bends through way-points, for courses that need not stay in the country."""
    corners = [numpy.array(geo.plane_xy(*w)) for w in waypoints]
    walk = random.Random(f"trucban/{key}")
    control = [corners[0]]
    for a, b in zip(corners, corners[1:]):
        control += _bend(a, b, 0.2, walk)[1:]
    return _round_off(control, corners)


def _bend(a, b, bend, walk):
    length = float(numpy.hypot(*(b - a)))
    if length < 900.0:
        return [a, b]
    across = numpy.array([a[1] - b[1], b[0] - a[0]]) / length
    middle = (a + b) / 2 + across * walk.uniform(-1.0, 1.0) * min(length * bend, 1500.0)
    return _bend(a, middle, bend, walk) + _bend(middle, b, bend, walk)[1:]


def _round_off(control, corners):
    """A Catmull-Rom curve through all control points; the way-points keep their exact coordinates."""
    fixed = {tuple(c): geo.rounded(list(geo.wgs_lonlat(*c))) for c in corners}
    points = [control[0], *control, control[-1]]
    out = []
    for p0, p1, p2, p3 in zip(points, points[1:], points[2:], points[3:]):
        out.append(fixed.get(tuple(p1)) or geo.rounded(list(geo.wgs_lonlat(*p1))))
        for t in (0.25, 0.5, 0.75):
            spot = 0.5 * (
                2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t * t + (3 * p1 - p0 - 3 * p2 + p3) * t**3
            )
            out.append(geo.rounded(list(geo.wgs_lonlat(*spot))))
    out.append(geo.rounded(list(geo.wgs_lonlat(*control[-1]))))
    return out
