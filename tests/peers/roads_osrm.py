"""Asks OSRM (package `osrm-bindings`, Python 3.12 or later) what this project's own roads are asked.

    roads_osrm.py FOLDER EXTRACT.osm.pbf < question.json > answer.json

FOLDER holds roads.lua and speeds.lua, and gets OSRM's files. The question is {"pairs": [[from, to], …], "table":
{"sources": […], "targets": […]}} with positions [lon, lat]; the answer {"pairs_s": […], "table_ms": {"ch": …, "mld": …}},
null where there is no way.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import time

import osrm

TABLE_RUNS = 5


def prepare(folder, extract):
    """The contracted and the partitioned graph, each in its own files."""
    programs = pathlib.Path(osrm.__file__).parent / "bin"

    def run(name, *arguments):
        done = subprocess.run([programs / name, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{name}: {done.stdout}{done.stderr}")

    bases = {}
    for kind in ("ch", "mld"):
        base = folder / f"{kind}.osrm"
        shutil.copy(extract, folder / f"{kind}.osm.pbf")
        run("osrm-extract", "-p", folder / "roads.lua", folder / f"{kind}.osm.pbf")
        if kind == "ch":
            run("osrm-contract", base)
        else:
            run("osrm-partition", base)
            run("osrm-customize", base)
        bases[kind] = base
    return bases


def durations(engine, coordinates, sources, destinations):
    parameters = osrm.TableParameters(
        coordinates=coordinates, sources=sources, destinations=destinations, annotations=["duration"]
    )
    return [list(row) for row in engine.Table(parameters)["durations"]]


def main():
    folder, extract = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    question = json.load(sys.stdin)
    bases = prepare(folder, extract)
    engines = {
        kind: osrm.OSRM(storage_config=str(base), use_shared_memory=False, algorithm=kind.upper())
        for kind, base in bases.items()
    }
    pairs_s = []
    for start, end in question["pairs"]:
        pairs_s.append(durations(engines["ch"], [tuple(start), tuple(end)], [0], [1])[0][0])
    table = question["table"]
    coordinates = [tuple(place) for place in table["sources"] + table["targets"]]
    count = len(table["sources"])
    table_ms = {}
    for kind, engine in engines.items():
        runs = []
        for _ in range(TABLE_RUNS):
            begin = time.perf_counter()
            durations(engine, coordinates, list(range(count)), list(range(count, len(coordinates))))
            runs.append((time.perf_counter() - begin) * 1000)
        table_ms[kind] = sorted(runs)[len(runs) // 2]
    json.dump({"pairs_s": pairs_s, "table_ms": table_ms}, sys.stdout)


if __name__ == "__main__":
    main()
