"""Common ground of the builder: projection, geodesic lengths, identities, and the one way a file is written.

All coordinates are WGS 84 (EPSG:4326), longitude before latitude, degrees. Plane work is done in metres in a
transverse Mercator around the province, whose scale error stays under 0.03 %.
"""

import json
import uuid

import pyproj
import shapely

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://trucban.invalid/geodata")
GEOD = pyproj.Geod(ellps="WGS84")
_PLANE = pyproj.Proj("+proj=tmerc +lat_0=0 +lon_0=103.15 +k=0.9999 +x_0=500000 +y_0=0 +ellps=WGS84")
DECIMALS = 6


def feature_id(collection, key):
    """The fixed UUID (version 5) of a shipped record, the same on every machine."""
    return str(uuid.uuid5(NAMESPACE, f"{collection}/{key}"))


def to_plane(geometry):
    """WGS 84 degrees to plane metres."""
    return shapely.transform(geometry, lambda c: _stack(*_PLANE(c[:, 0], c[:, 1])))


def to_wgs(geometry):
    """Plane metres to WGS 84 degrees."""
    return shapely.transform(geometry, lambda c: _stack(*_PLANE(c[:, 0], c[:, 1], inverse=True)))


def plane_xy(lon, lat):
    """One position in plane metres."""
    return _PLANE(lon, lat)


def wgs_lonlat(x, y):
    """One plane position in degrees."""
    return _PLANE(x, y, inverse=True)


def _stack(x, y):
    import numpy

    return numpy.column_stack([x, y])


def length_km(coordinates):
    """Geodesic length of a list of (lon, lat), kilometres."""
    return GEOD.line_length([c[0] for c in coordinates], [c[1] for c in coordinates]) / 1000.0


def distance_m(a, b):
    """Geodesic distance of two (lon, lat), metres."""
    return GEOD.inv(a[0], a[1], b[0], b[1])[2]


def area_km2(geometry):
    """Geodesic area of a polygon or multipolygon, square kilometres."""
    return abs(GEOD.geometry_area_perimeter(geometry)[0]) / 1e6


def cumulative_km(coordinates):
    """Geodesic kilometres from the first vertex to each vertex."""
    total, sums = 0.0, [0.0]
    for a, b in zip(coordinates, coordinates[1:]):
        total += distance_m(a, b) / 1000.0
        sums.append(total)
    return sums


def measure_along(coordinates, point):
    """Kilometres along the line to the spot nearest to `point`, and that spot as (lon, lat)."""
    line = to_plane(shapely.LineString(coordinates))
    spot = line.interpolate(line.project(shapely.Point(plane_xy(*point))))
    sums = cumulative_km(coordinates)
    plane = shapely.get_coordinates(line)
    best = None
    for i, (a, b) in enumerate(zip(plane, plane[1:])):
        d = shapely.LineString([a, b]).distance(spot)
        if best is None or d < best[0] - 1e-9:
            best = (d, i)
    i = best[1]
    lonlat = wgs_lonlat(spot.x, spot.y)
    return sums[i] + distance_m(coordinates[i], lonlat) / 1000.0, lonlat


def cut(coordinates, from_km, to_km):
    """The part of a line between two measured kilometres, end points made."""
    sums = cumulative_km(coordinates)
    part = [point_at(coordinates, sums, from_km)]
    part += [c for c, s in zip(coordinates, sums) if from_km + 1e-4 < s < to_km - 1e-4]
    part.append(point_at(coordinates, sums, to_km))
    return part


def point_at(coordinates, sums, km):
    """Position at a measured kilometre of a line (linear within an edge)."""
    km = min(max(km, 0.0), sums[-1])
    for i in range(len(sums) - 1):
        if km <= sums[i + 1]:
            span = sums[i + 1] - sums[i]
            f = 0.0 if span == 0 else (km - sums[i]) / span
            a, b = coordinates[i], coordinates[i + 1]
            return (a[0] + (b[0] - a[0]) * f, a[1] + (b[1] - a[1]) * f)
    return tuple(coordinates[-1])


def linear(x, pairs):
    """Piecewise linear map through (x, y) pairs, x ascending."""
    for (x0, y0), (x1, y1) in zip(pairs, pairs[1:]):
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return pairs[-1][1]


def rounded(value):
    """A coordinate tree with the committed number of decimals, no negative zero."""
    if isinstance(value, (list, tuple)):
        return [rounded(v) for v in value]
    return round(float(value), DECIMALS) + 0.0


def no_repeats(coordinates):
    """Rounded vertices without equal neighbours."""
    out = []
    for c in rounded([list(c)[:2] for c in coordinates]):
        if not out or out[-1] != c:
            out.append(c)
    return out


def point(lon, lat):
    """GeoJSON point."""
    return {"type": "Point", "coordinates": rounded([lon, lat])}


def line(coordinates):
    """GeoJSON line."""
    return {"type": "LineString", "coordinates": no_repeats(coordinates)}


def area(geometry):
    """GeoJSON polygon or multipolygon, outer rings counter-clockwise (RFC 7946)."""
    parts = [geometry] if geometry.geom_type == "Polygon" else sorted(geometry.geoms, key=lambda p: -p.area)
    rings = []
    for part in parts:
        part = shapely.geometry.polygon.orient(part, 1.0)
        rings.append([rounded([list(c) for c in ring.coords]) for ring in [part.exterior, *part.interiors]])
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings[0]}
    return {"type": "MultiPolygon", "coordinates": rings}


def feature(collection, key, geometry, properties, relative=None):
    """One feature; properties without empty values, in the order of their names."""
    out = {
        "type": "Feature",
        "id": feature_id(collection, key),
        "properties": {k: properties[k] for k in sorted(properties) if properties[k] not in (None, "")},
        "geometry": geometry,
    }
    if relative:
        out["relative"] = relative
    return out


def write(path, features):
    """One feature a line, so that a change shows as a changed line."""
    lines = [json.dumps(f, ensure_ascii=False, separators=(",", ":")) for f in features]
    text = '{"type":"FeatureCollection","features":[\n' + ",\n".join(lines) + "\n]}\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    return len(text.encode("utf-8"))


def plain(text):
    """Vietnamese text without diacritics."""
    import unicodedata

    text = text.replace("đ", "d").replace("Đ", "D")
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def filled(polygon):
    """A polygon without its holes (lakes in a country's outline are no frontier)."""
    return shapely.Polygon(polygon.exterior)
