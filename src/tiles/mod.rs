//! Vector tiles (MVT 2) from a View, and their cache.
//!
//! Invariants: a tile shows what the View lets through and nothing else; its key holds the layer's version and the
//! lens, so a stale tile is never given and nothing is invalidated by hand; old keys fall out by weight.

mod cells;
mod draw;
mod encode;

use std::io::Write;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use moka::sync::Cache;

use crate::domain::change::Seq;
use crate::domain::{Code, Collection, Problem};
use crate::geometry::mercator::Tile;
use crate::picture::View;

/// Deepest zoom that is served: a grid unit is then two millimetres.
pub const ZOOM_MAX: u8 = 22;
/// Bytes that the cache holds at most.
const CACHE_BYTES: u64 = 128 << 20;
/// Tiles smaller than this are not worth packing.
const GZIP_BYTES_MIN: usize = 1_024;

/// What makes two tiles the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    collection: Collection,
    version: Seq,
    lens: u64,
    tile: Tile,
}

/// One encoded tile; empty where the layer has nothing there.
#[derive(Debug)]
pub struct Encoded {
    plain: Bytes,
    /// Records in it, one by one or counted in cells.
    records: u64,
    /// Packed when first asked for.
    gzip: OnceLock<Bytes>,
}

/// Tiles and their cache. Cheap to clone.
#[derive(Clone)]
pub struct Tiles {
    cache: Cache<Key, Arc<Encoded>>,
}

impl Default for Tiles {
    fn default() -> Self {
        Self::new(CACHE_BYTES)
    }
}

impl Tiles {
    /// Tiles with a cache of so many bytes.
    #[must_use]
    pub fn new(cache_bytes: u64) -> Self {
        let weigh = |_: &Key, encoded: &Arc<Encoded>| u32::try_from(encoded.plain.len() + 256).unwrap_or(u32::MAX);
        Self { cache: Cache::builder().max_capacity(cache_bytes).weigher(weigh).build() }
    }

    /// The tile if it was made before.
    #[must_use]
    pub fn known(&self, view: &View, collection: Collection, tile: Tile) -> Option<Arc<Encoded>> {
        self.cache.get(&key(view, collection, tile))
    }

    /// The tile, made now if it is not known; two who ask at once wait for one making. Takes up to some hundred
    /// milliseconds for a low zoom of a huge layer, so call it where blocking is allowed.
    ///
    /// # Errors
    /// `internal` if the tile cannot be encoded, which would be a fault of ours.
    pub fn get(&self, view: &View, collection: Collection, tile: Tile) -> Result<Arc<Encoded>, Problem> {
        self.cache
            .try_get_with(key(view, collection, tile), || Self::make(view, collection, tile))
            .map_err(|problem| (*problem).clone())
    }

    /// The tile, made for this view and not kept: of an earlier moment.
    ///
    /// # Errors
    /// As [`Tiles::get`].
    pub fn make(view: &View, collection: Collection, tile: Tile) -> Result<Arc<Encoded>, Problem> {
        let drawn = encode::encode(view, collection, tile);
        let drawn = drawn
            .map_err(|error| Problem::new(Code::Internal, "Không dựng được ô bản đồ.", format!("tile: {error}")))?;
        Ok(Arc::new(Encoded { plain: drawn.bytes.into(), records: drawn.records, gzip: OnceLock::new() }))
    }
}

impl Encoded {
    /// Whether the layer has nothing there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty()
    }

    /// How many records it shows, one by one or counted in cells; communes in the place of others are none.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The protobuf.
    #[must_use]
    pub fn plain(&self) -> Bytes {
        self.plain.clone()
    }

    /// Packed with gzip; `None` where that is not worth it.
    #[must_use]
    pub fn gzip(&self) -> Option<Bytes> {
        if self.plain.len() < GZIP_BYTES_MIN {
            return None;
        }
        let packed = self.gzip.get_or_init(|| {
            let mut packer = GzEncoder::new(Vec::with_capacity(self.plain.len() / 2), Compression::fast());
            // Writing into memory does not fail; an empty result would be told from a packed one below.
            let packed = packer.write_all(&self.plain).and_then(|()| packer.finish());
            packed.map(Bytes::from).unwrap_or_default()
        });
        (!packed.is_empty()).then(|| packed.clone())
    }
}

/// The tile that an address names.
///
/// # Errors
/// `invalid_parameter` beyond [`ZOOM_MAX`] or outside the zoom's grid.
pub fn tile_at(zoom: u8, x: u32, y: u32) -> Result<Tile, Problem> {
    Tile::new(zoom, x, y).filter(|_| zoom <= ZOOM_MAX).ok_or_else(|| {
        Problem::new(
            Code::InvalidParameter,
            format!("Không có ô {zoom}/{x}/{y}: mức phóng 0–{ZOOM_MAX}, cột và hàng từ 0 đến 2^z−1."),
            format!("There is no tile {zoom}/{x}/{y}: zoom 0..{ZOOM_MAX}, column and row 0..2^z-1."),
        )
        .at("z/x/y")
    })
}

fn key(view: &View, collection: Collection, tile: Tile) -> Key {
    Key { collection, version: view.version(collection), lens: view.lens(), tile }
}
