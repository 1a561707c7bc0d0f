"""Areas of the 38 communes of July 2025, approximate: a power diagram held to the known facts.

Official polygons are not free to ship. What is free is used together: the label point of each commune, the points of
the communes it was made of, its official area, and the order and kilometres in which communes touch the border.

1. Sites: label points, points of former communes, and, for border communes, spots 0.9 km inside their part of the
   line, 0.75 km apart.
2. The inner sites of a commune share one weight; weights are tuned until its cells have its official area (in the
   neighbour provinces too, so that the province's own edge falls where the areas balance). Sites beside the border
   keep weight nought: between two of them the edge falls where the facts put it, whatever the areas ask for.
3. The edges of that power diagram and the border line are noded on the grid of the committed decimals and
   polygonised. Neighbours therefore share vertices exactly: no gap, no overlap.
"""

import numpy
import shapely
from scipy.spatial import ConvexHull

from . import border as border_room
from . import geo

GRID_M = 500.0
ROUNDS = 300
WEIGHT_MAX = 2e7


class Sites:
    """Points in plane metres with the commune (index) each belongs to."""

    def __init__(self):
        self.xy, self.owner, self.groups, self.inner = [], [], [], []

    def add(self, name, xy, inner=True):
        if name not in self.groups:
            self.groups.append(name)
        self.xy.append(xy)
        self.owner.append(self.groups.index(name))
        self.inner.append(inner)

    def weight_of_each(self, weights):
        """Square metres for every site, from the weights of the communes."""
        return numpy.where(self.inner, weights[self.owner], 0.0)


def build(communes, border, vietnam):
    """{code: polygon in WGS 84} for Lai Châu, tiling one area whose northern edge is the border line."""
    sites = Sites()
    home = [c for c in communes if c["province"] == "12"]
    home_points = shapely.MultiPoint([geo.plane_xy(*c["point"]) for c in home])
    targets = {}
    for c in communes:
        if c["province"] != "12" and home_points.distance(shapely.Point(geo.plane_xy(*c["point"]))) > 60_000:
            continue
        sites.add(c["code"], geo.plane_xy(*c["point"]))
        for former in c["former"]:
            if former["point"]:
                sites.add(c["code"], geo.plane_xy(*former["point"]))
        if c["province"] == "12" or home_points.distance(shapely.Point(geo.plane_xy(*c["point"]))) < 25_000:
            targets[c["code"]] = c["area_km2"]
    _border_sites(sites, border, vietnam)
    vietnam_plane = geo.to_plane(vietnam.intersection(shapely.box(101.6, 21.2, 104.6, 23.2)))
    weights = _tune(sites, targets, vietnam_plane, home_points)
    return _cells(sites, weights, border, vietnam, {c["code"] for c in home})


def _border_sites(sites, border, vietnam):
    for code, from_km, to_km in border_room.COMMUNE_EDGES:
        _row(sites, code, border.part(from_km, to_km), vietnam)
    _row(sites, "west", [c for c in border.beyond_west], vietnam)
    _row(sites, "east", [c for c in border.beyond_east], vietnam)


def _row(sites, name, coordinates, vietnam, inside_m=900.0, step_m=750.0):
    """Sites in a row beside a part of the border, on the Vietnamese side."""
    smooth = geo.to_plane(shapely.LineString(coordinates)).simplify(250.0)
    count = max(1, round(smooth.length / step_m))
    home = geo.to_plane(vietnam)
    shapely.prepare(home)
    for i in range(count):
        at = (i + 0.5) / count * smooth.length
        here, ahead = smooth.interpolate(at), smooth.interpolate(min(at + 50.0, smooth.length))
        back = smooth.interpolate(max(at - 50.0, 0.0))
        dx, dy = ahead.x - back.x, ahead.y - back.y
        norm = (dx * dx + dy * dy) ** 0.5
        for side in (1.0, -1.0):
            spot = (here.x + side * dy / norm * inside_m, here.y - side * dx / norm * inside_m)
            if home.contains(shapely.Point(spot)):
                sites.add(name, spot, inner=False)
                break


def _tune(sites, targets, vietnam_plane, home_points):
    """Weights (square metres) with which each commune's cells come to its official area, counted on a grid."""
    x0, y0, x1, y1 = home_points.buffer(45_000).bounds
    xs, ys = numpy.meshgrid(numpy.arange(x0, x1, GRID_M), numpy.arange(y0, y1, GRID_M))
    xs, ys = xs.ravel(), ys.ravel()
    shapely.prepare(vietnam_plane)
    keep = shapely.contains_xy(vietnam_plane, xs, ys)
    xs, ys = xs[keep], ys[keep]
    nearest = numpy.full((len(sites.groups), len(xs)), 1e14)
    nearest_at_border = numpy.full((len(sites.groups), len(xs)), 1e14)
    for (x, y), owner, inner in zip(sites.xy, sites.owner, sites.inner):
        table = nearest if inner else nearest_at_border
        numpy.minimum(table[owner], (xs - x) ** 2 + (ys - y) ** 2, out=table[owner])
    weights = numpy.zeros(len(sites.groups))
    wanted = numpy.array([targets.get(name, numpy.nan) for name in sites.groups])
    tuned = ~numpy.isnan(wanted)
    cell_km2 = (GRID_M / 1000.0) ** 2
    for round_number in range(ROUNDS):
        owner = numpy.argmin(numpy.minimum(nearest - weights[:, None], nearest_at_border), axis=0)
        areas = numpy.bincount(owner, minlength=len(sites.groups)) * cell_km2
        step = 0.15 if round_number < ROUNDS // 2 else 0.05
        weights[tuned] += step * (wanted - areas)[tuned] * 1e6
        # Bounded, so that no commune swallows another's label point (the self-check looks).
        numpy.clip(weights, -WEIGHT_MAX, WEIGHT_MAX, out=weights)
    return weights


def _cells(sites, weights, border, vietnam, home_codes):
    xy = numpy.array(sites.xy)
    w = sites.weight_of_each(weights)
    origin = xy.mean(axis=0)
    scale = 100_000.0
    flat = (xy - origin) / scale
    far = numpy.array([[-9, -9], [9, -9], [9, 9], [-9, 9]], dtype=float)
    lifted = numpy.column_stack(
        [
            numpy.vstack([flat, far]),
            numpy.concatenate([(flat**2).sum(axis=1) - w / scale**2, (far**2).sum(axis=1)]),
        ]
    )
    hull = ConvexHull(lifted)
    lower = hull.equations[:, 2] < -1e-12
    normal = hull.equations
    centres = numpy.column_stack([-normal[:, 0] / (2 * normal[:, 2]), -normal[:, 1] / (2 * normal[:, 2])])
    centres = centres * scale + origin
    owners = list(sites.owner) + [-1, -2, -3, -4]
    edges = []
    for facet in numpy.flatnonzero(lower):
        for corner, other in enumerate(hull.neighbors[facet]):
            if other <= facet or not lower[other]:
                continue
            a, b = [s for k, s in enumerate(hull.simplices[facet]) if k != corner]
            if owners[a] != owners[b]:
                edges.append(shapely.LineString([centres[facet], centres[other]]))
    window = shapely.box(102.0, 21.4, 104.4, 23.0)
    lines = shapely.intersection(geo.to_wgs(shapely.MultiLineString(edges)), window)
    frontier = shapely.LineString([*border.beyond_west, *border.line, *border.beyond_east])
    grid = 10.0**-geo.DECIMALS
    noded = shapely.union_all([lines, frontier, window.exterior], grid_size=grid)
    faces = shapely.polygonize([noded]).geoms
    plane_vietnam = geo.to_plane(vietnam)
    shapely.prepare(plane_vietnam)
    owned = {}
    filled = shapely.Polygon(vietnam.exterior)
    for face in faces:
        inner = face.representative_point()
        x, y = geo.plane_xy(inner.x, inner.y)
        owner = sites.groups[sites.owner[int(numpy.argmin(((xy - (x, y)) ** 2).sum(axis=1) - w))]]
        if owner in home_codes and filled.contains(inner):
            owned.setdefault(owner, []).append(face)
    return _tidy({code: shapely.union_all(parts, grid_size=grid) for code, parts in owned.items()})


def _tidy(cells, crumb_km2=3.0):
    """Gives detached crumbs of a commune to the neighbour with the longest common edge."""
    changed = True
    grid = 10.0**-geo.DECIMALS
    while changed:
        changed = False
        for code in sorted(cells):
            parts = list(getattr(cells[code], "geoms", [cells[code]]))
            if len(parts) == 1:
                continue
            parts.sort(key=lambda p: p.area)
            crumb = parts[0]
            if geo.area_km2(crumb) > crumb_km2:
                continue
            touch = {
                other: crumb.exterior.intersection(cells[other]).length
                for other in cells
                if other != code and cells[other].intersects(crumb)
            }
            heir = max(sorted(touch), key=lambda k: touch[k], default=None)
            cells[code] = shapely.union_all(parts[1:], grid_size=grid)
            if heir and touch[heir] > 0:
                cells[heir] = shapely.union_all([cells[heir], crumb], grid_size=grid)
            changed = True
    return cells
