//! The open grids of rain of the newest picture, unpacked once, and what they say of an area.
//!
//! Of one source the later upload of an interval counts, and for a forecast the newest run that has it; an interval that
//! overlaps one that counts already is left out, so that no hour is counted twice.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use geo_types::{Geometry, MultiPolygon};
use uuid::Uuid;

use crate::domain::change::Seq;
use crate::domain::rain::{DOUBTFUL_MM_H, Flag, Reading};
use crate::domain::rain_grid::{FORECAST_AGE_S_MAX, GridKind, GridOf};
use crate::domain::{Collection, Timestamp};
use crate::picture::{Feature, Picture};
use crate::raster::rain::{RainGrid, Sample, Touched, touched};
use crate::raster::within::Lattice;
use crate::risk::rain::{KNOWN_SHARE_MIN, Total, total};

const DAY_S: i64 = 86_400;
/// A source of forecasts is waited for so long after its last grid counted, seconds; then it is as if it had never been
/// there, or a service that was given up would hold levels for ever.
const WAITED_FOR_S: i64 = DAY_S;

/// An open grid.
#[derive(Debug)]
pub(super) struct Held {
    pub id: Uuid,
    version: u32,
    pub of: GridOf,
    pub taken_at: Timestamp,
    /// `None` where what was stored cannot be unpacked: nothing of it is known.
    pub grid: Option<RainGrid>,
}

/// The open grids, those of a source together, in the order in which they count.
#[derive(Debug, Default)]
pub(super) struct Grids {
    by_id: HashMap<Uuid, Arc<Held>>,
    sources: BTreeMap<(GridKind, String), Vec<Arc<Held>>>,
    /// Shared with the grids before and after these; taken for one zone at a time.
    told: Arc<Mutex<Told>>,
}

/// The grids of the newest picture.
#[derive(Default)]
pub(super) struct GridsHeld {
    /// Taken for the time of a comparison, and of unpacking what is new.
    newest: Mutex<(Option<Seq>, Arc<Grids>)>,
}

/// What one source says of an area.
#[derive(Clone, Debug)]
pub(super) struct OfSource {
    pub of: GridOf,
    /// The grid that reaches furthest.
    pub grid_id: Uuid,
    /// In the order of their ends.
    pub readings: Vec<Reading>,
}

impl GridsHeld {
    /// Those of this picture.
    pub fn of(&self, picture: &Picture) -> Arc<Grids> {
        let layer = picture.layer(Collection::RainGrids);
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.0 == Some(layer.version()) {
            return Arc::clone(&newest.1);
        }
        let known = Arc::clone(&newest.1);
        let open = layer.iter().filter(|feature| !feature.is_ended()).filter_map(|feature| {
            match known.by_id.get(&feature.id).filter(|held| held.version == feature.version) {
                Some(held) => Some(Arc::clone(held)),
                None => held_of(feature).map(Arc::new),
            }
        });
        *newest = (Some(layer.version()), Arc::new(Grids::of(open, Arc::clone(&known.told))));
        Arc::clone(&newest.1)
    }
}

fn held_of(feature: &Feature) -> Option<Held> {
    let time = |name: &str| feature.text(name).and_then(|text| Timestamp::parse(&text).ok());
    let size = |name: &str| feature.number(name).map(|count| count as usize);
    let of = GridOf {
        kind: GridKind::from_word(&feature.text("kind")?)?,
        source: feature.text("source")?.into_owned(),
        starts_at: time("starts_at")?,
        ends_at: time("ends_at")?,
        issued_at: time("issued_at"),
    };
    let lattice = || {
        Some(Lattice {
            west: feature.number("west")?,
            north: feature.number("north")?,
            step: [feature.number("step_lon")?, feature.number("step_lat")?],
            size: [size("columns")?, size("rows")?],
        })
    };
    let grid = lattice().and_then(|lattice| RainGrid::unpacked(lattice, &feature.text("cells")?));
    Some(Held { id: feature.id, version: feature.version, of, taken_at: time("taken_at")?, grid })
}

impl Grids {
    fn of(open: impl Iterator<Item = Arc<Held>>, told: Arc<Mutex<Told>>) -> Self {
        let mut grids = Self { told, ..Self::default() };
        for held in open {
            grids.sources.entry((held.of.kind, held.of.source.clone())).or_default().push(Arc::clone(&held));
            grids.by_id.insert(held.id, held);
        }
        for of_source in grids.sources.values_mut() {
            of_source.sort_by_key(|held| std::cmp::Reverse((held.of.issued_at, held.taken_at, held.id)));
        }
        grids
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Held>> {
        self.by_id.values()
    }

    /// Those that count at a moment: of what fell from `first` on, and of what is to fall.
    pub fn at(&self, first: Timestamp, now: Timestamp) -> GridsAt<'_> {
        let of_kind = |kind: GridKind| {
            let sources = self.sources.iter().filter(move |((of, _), _)| *of == kind);
            sources.map(|(_, held)| held.as_slice())
        };
        GridsAt {
            grids: self,
            now,
            observed: of_kind(GridKind::Observed).map(|held| series(held, |held| held.of.ends_at > first)).collect(),
            forecast: of_kind(GridKind::Forecast)
                .map(|held| (held, series(held, |held| held.counts_until() > now)))
                .collect(),
        }
    }
}

/// The grids that count at a moment, a list a source.
pub(super) struct GridsAt<'g> {
    grids: &'g Grids,
    now: Timestamp,
    observed: Vec<Vec<&'g Held>>,
    /// All of a source, and those that count.
    forecast: Vec<(&'g [Arc<Held>], Vec<&'g Held>)>,
}

impl GridsAt<'_> {
    /// What each source says fell on a zone; one that knows nothing there says nothing.
    pub fn observed(&self, zone: &Feature) -> Vec<OfSource> {
        let mut asked = Asked::of(zone, self.grids);
        let of_source = |series: &Vec<&Held>| {
            let newest = series.last()?;
            let readings = series.iter().map(|held| asked.reading(held)).collect();
            Some(OfSource { of: newest.of.clone(), grid_id: newest.id, readings })
        };
        let said = self.observed.iter().filter_map(of_source);
        said.filter(|said| said.readings.iter().any(Reading::is_known)).collect()
    }

    /// What each source says is to fall on a zone; one that is still waited for and says nothing any more is among them,
    /// without readings.
    pub fn forecast(&self, zone: &Feature) -> Vec<OfSource> {
        let mut asked = Asked::of(zone, self.grids);
        let of_source = |(held, series): &(&[Arc<Held>], Vec<&Held>)| {
            let newest = held.iter().find(|held| {
                self.now.seconds_since(held.counts_until()) < WAITED_FOR_S && asked.reading(held).is_known()
            })?;
            let readings = series.iter().map(|held| asked.reading(held)).collect();
            Some(OfSource { of: newest.of.clone(), grid_id: newest.id, readings })
        };
        self.forecast.iter().filter_map(of_source).collect()
    }
}

impl Held {
    /// Until when it says something of what is to come, or its end.
    fn counts_until(&self) -> Timestamp {
        let of_age = self.of.issued_at.map(|at| at.plus_s(FORECAST_AGE_S_MAX));
        of_age.map_or(self.of.ends_at, |of_age| of_age.min(self.of.ends_at))
    }
}

/// Those of a source that count, in the order of their ends.
fn series(held: &[Arc<Held>], counts: impl Fn(&Held) -> bool) -> Vec<&Held> {
    let mut by_end: BTreeMap<Timestamp, &Held> = BTreeMap::new();
    for one in held.iter().filter(|held| counts(held)) {
        // Those that count do not overlap: of them only the first that ends behind its start can meet it.
        let mut after = by_end.range((Bound::Excluded(one.of.starts_at), Bound::Unbounded));
        if after.next().is_none_or(|(_, other)| other.of.starts_at >= one.of.ends_at) {
            by_end.insert(one.of.ends_at, one);
        }
    }
    by_end.into_values().collect()
}

impl OfSource {
    /// Of the 24 hours from `from` on.
    pub fn day(&self, from: Timestamp) -> Total {
        total(&self.readings, from, from.plus_s(DAY_S))
    }

    /// From when until when the counting grids that reach into the 24 hours from `from` on are.
    pub fn span(&self, from: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let to = from.plus_s(DAY_S);
        let within =
            || self.readings.iter().filter(|reading| reading.is_known() && reading.from < to && from < reading.to);
        Some((within().map(|reading| reading.from).min()?, within().map(|reading| reading.to).max()?))
    }
}

/// By grid its version and what it said.
type ByGrid = HashMap<Uuid, (u32, Reading)>;

/// What grids say of an area, told once: between two looks at the levels one grid comes and a month of them stays.
#[derive(Debug, Default)]
struct Told {
    /// By zone: the version at which it was asked, and by grid its version and what it said.
    of_zones: HashMap<Uuid, (u32, ByGrid)>,
}

/// Zones whose rain is remembered at most; beyond that all of it is told anew.
const ZONES_TOLD_MAX: usize = 2_000;

/// A zone whose rain is asked: its cells in each lattice (grids of a source share one), and what was told before.
struct Asked<'a> {
    area: Option<Cow<'a, MultiPolygon>>,
    of_lattice: Vec<(Lattice, Touched)>,
    told: MutexGuard<'a, Told>,
    zone: &'a Feature,
}

impl<'a> Asked<'a> {
    fn of(zone: &'a Feature, grids: &'a Grids) -> Self {
        let area = match &zone.geometry {
            Some(Geometry::MultiPolygon(area)) => Some(Cow::Borrowed(area)),
            Some(Geometry::Polygon(area)) => Some(Cow::Owned(MultiPolygon::new(vec![area.clone()]))),
            _ => None,
        };
        let mut told = grids.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.of_zones.len() > ZONES_TOLD_MAX {
            told.of_zones.clear();
        }
        let (version, of_grids) = told.of_zones.entry(zone.id).or_default();
        if *version != zone.version {
            of_grids.clear();
            *version = zone.version;
        }
        if of_grids.len() > grids.by_id.len() * 2 {
            of_grids.retain(|grid, _| grids.by_id.contains_key(grid));
        }
        Self { area, of_lattice: Vec::new(), told, zone }
    }

    /// What a grid says of the zone.
    fn reading(&mut self, held: &Held) -> Reading {
        let of_grids = |told: &Told| told.of_zones.get(&self.zone.id).and_then(|(_, said)| said.get(&held.id).copied());
        if let Some((version, reading)) = of_grids(&self.told)
            && version == held.version
        {
            return reading;
        }
        let reading = self.told_anew(held);
        let (_, of_grids) = self.told.of_zones.entry(self.zone.id).or_default();
        of_grids.insert(held.id, (held.version, reading));
        reading
    }

    /// Where more than a tenth of the zone is not known, or more than ever falls, nothing is.
    fn told_anew(&mut self, held: &Held) -> Reading {
        let (from, to) = (held.of.starts_at, held.of.ends_at);
        let hours = to.seconds_since(from).max(60) as f64 / 3_600.0;
        let sample = held.grid.as_ref().and_then(|grid| self.sample(grid));
        let is_known =
            |sample: &Sample| sample.known_share >= KNOWN_SHARE_MIN && sample.p90_mm / hours <= DOUBTFUL_MM_H;
        match sample.filter(is_known) {
            Some(sample) => Reading { from, to, mm: sample.p90_mm, flag: Flag::Ok },
            None => Reading { from, to, mm: 0.0, flag: Flag::Doubtful },
        }
    }

    fn sample(&mut self, grid: &RainGrid) -> Option<Sample> {
        let area = self.area.as_ref()?;
        let at = match self.of_lattice.iter().position(|(lattice, _)| *lattice == grid.lattice) {
            Some(at) => at,
            None => {
                self.of_lattice.push((grid.lattice, touched(&grid.lattice, area)));
                self.of_lattice.len() - 1
            }
        };
        grid.sample(&self.of_lattice[at].1)
    }
}
