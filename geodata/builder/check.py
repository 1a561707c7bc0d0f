"""The self-check: counts, names, joins and tiling. Any fault stops the build with what is wrong."""

import json
import pathlib
import re

import shapely
from shapely.geometry import shape

from . import geo

BOUNDS = shapely.box(102.0, 21.45, 104.3, 23.0)

# Rust files that declare the fields; the committed names must be those and no others.
SCHEMAS = {
    "border_sectors": ("ground.rs", "BORDER_SECTOR"),
    "stations": ("ground.rs", "STATION"),
    "admin_units": ("ground.rs", "ADMIN_UNIT"),
    "places": ("ground.rs", "PLACE"),
    "roads": ("ground.rs", "ROAD"),
    "rivers": ("ground.rs", "RIVER"),
    "households": ("household.rs", "FIELDS"),
    "units": ("unit.rs", "FIELDS"),
    "shelters": ("shelter.rs", "FIELDS"),
    "rain_gauges": ("rain.rs", "GAUGE"),
    "contacts": ("contact.rs", "FIELDS"),
    "risk_zones": ("zone.rs", "FIELDS"),
    "incidents": ("incident.rs", "FIELDS"),
    "duty_log": ("duty_log.rs", "FIELDS"),
}
SHARED = {"ACCURACY": "accuracy_m", "SOURCE": "source", "NOTE": "note", "EXTRA": "extra"}
# Offsets a demo feature may carry beside its properties (SOURCES.md, "Relative times").
RELATIVE = re.compile(
    r"(?:occurred|reported|acknowledged|verified|first_assigned|first_on_scene|contained|state|due)_min|valid_(?:from|to)_h|fix"
)


def need(condition, message):
    """Stops the build unless the condition holds."""
    if not condition:
        raise SystemExit(f"self-check failed: {message}")


def allowed_fields(domain_folder, collection):
    """Names a caller may set, and those that must be there, read from the schema's source."""
    file, table = SCHEMAS[collection]
    text = (domain_folder / file).read_text("utf-8")
    body = re.search(rf"const {table}: &\[Field\] = &\[(.*?)\n\];", text, re.S).group(1)
    names = set(re.findall(r'(?:client|required|verb|personal)\(\s*"(\w+)"', body))
    names |= {SHARED[word] for word in re.findall(r"^\s{4}([A-Z]+),", body, re.M) if word in SHARED}
    return names, set(re.findall(r'required\(\s*"(\w+)"', body))


def names(folder, files):
    """Property names, required ones, identities and bounds of every file."""
    domain = folder.parent / "src" / "domain"
    ids = {}
    for path, features in files.items():
        collection = pathlib.PurePath(path).stem
        allowed, required = allowed_fields(domain, collection)
        need(features, f"{path} is empty")
        for f in features:
            unknown = set(f["properties"]) - allowed
            need(not unknown, f"{path}: {f['properties'].get('name')}: unknown fields {sorted(unknown)}")
            promised = {"valid_to"} if "valid_to_h" in f.get("relative", {}) else set()
            missing = required - set(f["properties"]) - promised
            need(not missing, f"{path}: {f['properties']}: missing {sorted(missing)}")
            need(all(map(RELATIVE.fullmatch, f.get("relative", {}))), f"{path}: relative {f.get('relative')}")
            need(f["id"] not in ids, f"{path}: id of {f['properties']} is also in {ids.get(f['id'])}")
            ids[f["id"]] = path
            if f["geometry"]:
                geometry = shape(f["geometry"])
                need(geometry.is_valid, f"{path}: {f['properties']}: {shapely.is_valid_reason(geometry)}")
                need(BOUNDS.contains(geometry), f"{path}: {f['properties'].get('name')} lies outside {geometry.bounds}")
    for path, features in files.items():
        for f in features:
            for name in ("station_id", "shelter_id", "incident_id", "unit_id"):
                need(f["properties"].get(name, f["id"]) in ids, f"{path}: {f['properties']}: {name} points nowhere")
            for name in ("unit_ids", "queued_unit_ids", "queued_incident_ids"):
                for other in f["properties"].get(name, []):
                    need(other in ids, f"{path}: {f['properties']}: {name} points nowhere")


def admin_units(features):
    """38 communes that tile the province, 106 former ones, 8 districts; each label point in its area."""
    kinds = {}
    for f in features:
        kinds.setdefault(f["properties"]["kind"], []).append(f)
    count = {k: len(v) for k, v in kinds.items()}
    need(
        count == {"province": 1, "district": 8, "commune": 36, "ward": 2, "former_commune": 106},
        f"administrative units {count}",
    )
    now = kinds["commune"] + kinds["ward"]
    need(len({f["properties"]["code"] for f in now}) == 38, "codes of communes are not unique")
    areas = [shape(f["geometry"]) for f in now]
    need(shapely.coverage_is_valid(areas), "communes overlap or leave gaps")
    province = shape(kinds["province"][0]["geometry"])
    need(province.geom_type == "Polygon" and not province.interiors, "the province has holes or parts")
    total = sum(geo.area_km2(a) for a in areas)
    need(abs(total - geo.area_km2(province)) < 0.01, "communes and province differ in area")
    need(abs(total / 9068.7 - 1) < 0.03, f"the province measures {total:.0f} km²")
    need(abs(sum(f["properties"]["area_km2"] for f in now) - 9068.7) < 1.0, "official areas do not add up")
    for f, a in zip(now, areas):
        p = f["properties"]
        need(a.geom_type == "Polygon" and a.exterior.is_ccw, f"{p['name']}: {a.geom_type}, clockwise or in parts")
        need(a.contains(shapely.Point(p["label_lon"], p["label_lat"])), f"{p['name']}: label point outside")
    codes = {f["properties"]["code"] for f in now}
    districts = {f["properties"]["code"] for f in kinds["district"]}
    need(districts == {str(c) for c in range(105, 113)}, f"districts {sorted(districts)}")
    for f in kinds["former_commune"]:
        p = f["properties"]
        need(p["successor_code"] in codes and p["parent_code"] in districts, f"{p['name']}: successor or parent")
    need(sum(len(f["properties"]["former_units"].split("; ")) for f in now) == 106, "former units do not add up")
    return areas, now


def border(features):
    """Thirteen sectors, end to start, 0 to 267.5."""
    need(len(features) == 13, f"{len(features)} sectors")
    for a, b in zip(features, features[1:]):
        need(a["geometry"]["coordinates"][-1] == b["geometry"]["coordinates"][0], f"{a['properties']['name']} ends apart")
        need(a["properties"]["to_km"] == b["properties"]["from_km"], f"{a['properties']['name']} chainage")
    need(features[0]["properties"]["from_km"] == 0 and features[-1]["properties"]["to_km"] == 267.5, "chainage ends")
    length = sum(geo.length_km(f["geometry"]["coordinates"]) for f in features)
    need(250.5 < length < 252.0, f"the border measures {length}")
    return length


def roads(features, communes, areas):
    """One connected network; kilometre posts ascend and lie on their road; the issue's example is in Pa Tần."""
    parent = {}

    def find(v):
        while parent.setdefault(v, v) != v:
            parent[v] = parent[parent[v]]
            v = parent[v]
        return v

    for f in features:
        line = [tuple(c) for c in f["geometry"]["coordinates"]]
        for a, b in zip(line, line[1:]):
            parent[find(a)] = find(b)
        posts = f["properties"].get("km_posts", [])
        need(all(a[0] < b[0] for a, b in zip(posts, posts[1:])), f"{f['properties']['name']}: posts")
        for km, lon, lat in posts:
            need((lon, lat) in line, f"{f['properties']['name']}: post {km} is not on the line")
    need(len({find(v) for v in list(parent)}) == 1, "the roads are not one network")
    example = [p for f in features if f["properties"].get("road_ref") == "QL12" for p in f["properties"]["km_posts"]]
    spot = [shapely.Point(lon, lat) for km, lon, lat in example if km == 46.3][0]
    pa_tan = [a for f, a in zip(communes, areas) if f["properties"]["name"] == "Pa Tần"][0]
    need(pa_tan.contains(spot), "QL12 Km46+300 is not in Pa Tần")
    need(spot.distance(shapely.Point(103.160, 22.470)) < 0.002, "QL12 Km46+300 is elsewhere")


def ground(folder, files):
    """All checks of the reference ground; returns figures for the report."""
    names(folder, files)
    areas, communes = admin_units(files["ground/admin_units.geojson"])
    length = border(files["ground/border_sectors.geojson"])
    roads(files["ground/roads.geojson"], communes, areas)
    kinds = {}
    for f in files["ground/stations.geojson"]:
        kinds[f["properties"]["kind"]] = kinds.get(f["properties"]["kind"], 0) + 1
    need(kinds["border_post"] == 12, f"stations {kinds}")
    need(len(files["history/incidents.geojson"]) == 14, "historic incidents")
    seats = [f for f in files["ground/places.geojson"] if f["properties"]["kind"] == "commune_seat"]
    need(len(seats) == 38, "commune seats")
    line_of = [shape(f["geometry"]) for f in files["ground/border_sectors.geojson"]]
    province = shape(files["ground/admin_units.geojson"][0]["geometry"])
    off = shapely.union_all(line_of).difference(province.exterior.buffer(1e-6)).length
    need(off < 0.001, f"{off:.4f} degrees of the border are not the province's edge")
    return {"border_km": length, "stations": kinds}


def all_files(folder, files):
    """Everything; returns figures for the report."""
    from . import demo, demo_coordination, demo_quarters

    figures = ground(folder, files) | demo.check(files, need) | demo_quarters.check(files, need)
    return figures | demo_coordination.check(files, need)


def as_text(files):
    """Every file as it will be read back, so that the check sees what readers see."""
    return {path: json.loads(json.dumps(features)) for path, features in files.items()}
