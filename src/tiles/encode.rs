//! From records to the bytes of one tile.

use fast_mvt::{MvtFeatureBuilder, MvtGeomType, MvtLayerBuilder, MvtResult, MvtValueRef};
use geo_types::{Coord, Geometry};

use super::cells::Cells;
use super::draw::drawn;
use crate::domain::{Code, Collection, Problem};
use crate::geometry::clip::{BUFFER, Clipper, EXTENT};
use crate::geometry::mercator::{Grid, Tile};
use crate::picture::{Shown, View};

/// Below this zoom households are counted in cells: one house is smaller than a pixel there.
const HOUSEHOLD_ZOOM_MIN: u8 = 10;
/// A tile with more points than this counts them in cells whatever the zoom, or it would weigh megabytes.
const POINTS_MAX: usize = 20_000;

/// The bytes of a tile, and how many records they show.
#[derive(Default)]
pub(super) struct Drawn {
    pub bytes: Vec<u8>,
    pub records: u64,
}

/// Encodes one tile; no bytes where the layer has nothing there.
///
/// # Errors
/// `internal` with what the encoder said.
pub(super) fn encode(view: &View, collection: Collection, tile: Tile) -> Result<Drawn, Problem> {
    draw(view, collection, tile)
        .map_err(|error| Problem::new(Code::Internal, "Không mã hóa được ô bản đồ.", format!("tile {tile:?}: {error}")))
}

fn draw(view: &View, collection: Collection, tile: Tile) -> MvtResult<Drawn> {
    let grid = tile.grid(EXTENT);
    let bbox = tile.bbox_with_buffer(f64::from(BUFFER) / f64::from(EXTENT));
    let mut found: Vec<Shown<'_>> = Vec::new();
    let counts_only = collection == Collection::Households && tile.zoom() < HOUSEHOLD_ZOOM_MIN;
    if !counts_only {
        found.extend(drawable(view, collection, bbox).take(POINTS_MAX + 1));
        if found.len() <= POINTS_MAX {
            // Same bytes for the same layer, whatever order the index gives.
            found.sort_unstable_by_key(Shown::id);
            return one_by_one(collection, tile, grid, &found);
        }
    }
    in_cells(view, collection, tile, grid, bbox)
}

/// What a map draws: units beyond the reader's sight have no place on it, they are told in lists by sector.
fn drawable(view: &View, collection: Collection, bbox: [f64; 4]) -> impl Iterator<Item = Shown<'_>> {
    view.in_bbox(collection, bbox).filter(move |shown| shown.is_record() || collection == Collection::Households)
}

fn one_by_one(collection: Collection, tile: Tile, grid: Grid, found: &[Shown<'_>]) -> MvtResult<Drawn> {
    let layer = put_each(MvtLayerBuilder::new(collection.as_str())?, collection, tile, grid, found)?;
    Ok(drawn_as(layer, found.iter().filter(|shown| shown.is_record()).count()))
}

fn put_each(
    mut layer: MvtLayerBuilder,
    collection: Collection,
    tile: Tile,
    grid: Grid,
    found: &[Shown<'_>],
) -> MvtResult<MvtLayerBuilder> {
    let mut clipper = None;
    for shown in found {
        let Some(geometry) = shown.geometry() else { continue };
        let feature = if let Geometry::Point(point) = geometry {
            let at = grid.project(point.0);
            let mut feature = layer.feature_of(MvtGeomType::Point);
            feature.points([Coord { x: at.x.round() as i32, y: at.y.round() as i32 }])?;
            feature
        } else {
            let Some(cut) = clipper.get_or_insert_with(|| Clipper::new(tile)).cut(geometry) else { continue };
            layer.feature(&cut)?
        };
        layer = tag(feature, collection, shown)?.end();
    }
    Ok(layer)
}

fn tag(mut feature: MvtFeatureBuilder, collection: Collection, shown: &Shown<'_>) -> MvtResult<MvtFeatureBuilder> {
    let mut id = uuid::Uuid::encode_buffer();
    feature.tag_ref("id", MvtValueRef::String(shown.id().hyphenated().encode_lower(&mut id)))?;
    let names = drawn(collection);
    for (name, raw) in shown.members() {
        if !shown.is_record() || names.binary_search(&name).is_ok() {
            tag_json(&mut feature, name, raw)?;
        }
    }
    Ok(feature)
}

/// Tags a raw JSON value; a list or an object stays JSON text, as tiles have neither.
fn tag_json(feature: &mut MvtFeatureBuilder, name: &str, raw: &str) -> MvtResult<()> {
    match raw.as_bytes().first() {
        Some(b'"') if !raw.contains('\\') => {
            feature.tag_ref(name, MvtValueRef::String(&raw[1..raw.len() - 1]))?;
        }
        Some(b'"') => {
            let text: String = serde_json::from_str(raw).unwrap_or_default();
            feature.tag_ref(name, MvtValueRef::String(&text))?;
        }
        Some(b't' | b'f') => {
            feature.tag_bool(name, raw == "true")?;
        }
        Some(b'-' | b'0'..=b'9') => {
            if let Ok(whole) = raw.parse::<i64>() {
                feature.tag_auto_int(name, whole)?;
            } else {
                feature.tag_double(name, raw.parse().unwrap_or_default())?;
            }
        }
        _ => {
            feature.tag_ref(name, MvtValueRef::String(raw))?;
        }
    }
    Ok(())
}

/// One point a cell with `count`, and `people` for households. Lines and areas of a layer that is counted are left
/// out; no collection holds both.
fn in_cells(view: &View, collection: Collection, tile: Tile, grid: Grid, bbox: [f64; 4]) -> MvtResult<Drawn> {
    let mut cells = Cells::default();
    let mut whole: Vec<Shown<'_>> = Vec::new();
    let mut counted = 0;
    for shown in drawable(view, collection, bbox) {
        if !shown.is_record() {
            whole.push(shown);
        } else if let Some(Geometry::Point(point)) = shown.geometry() {
            counted += 1;
            let people = shown.number("member_count").unwrap_or_default() as i64;
            cells.add(grid.project(point.0), people);
        }
    }
    let mut layer = MvtLayerBuilder::new(collection.as_str())?;
    for cell in cells.iter() {
        let mut feature = layer.feature_of(MvtGeomType::Point);
        feature.points([cell.middle()])?;
        feature.tag_auto_int("count", cell.count)?;
        if cell.people > 0 {
            feature.tag_auto_int("people", cell.people)?;
        }
        layer = feature.end();
    }
    whole.sort_unstable_by_key(Shown::id);
    let layer = put_each(layer, collection, tile, grid, &whole)?;
    Ok(drawn_as(layer, counted))
}

fn drawn_as(layer: MvtLayerBuilder, records: usize) -> Drawn {
    if layer.num_features() == 0 {
        return Drawn::default();
    }
    Drawn { bytes: layer.encode(), records: records as u64 }
}
