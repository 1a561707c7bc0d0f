//! OpenStreetMap PBF: ways and turn restrictions in a first reading, the places they need in a second.
//!
//! Two readings keep in memory what becomes road and nothing else: about 30 bytes a place of a road, whatever houses
//! and forests the file holds. A file that breaks off between two blocks cannot be told from a shorter one; it shows
//! in the places that are missing.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use osmpbf::{BlobDecode, BlobReader, Element, RelMemberType, Relation};

use super::Progress;
use super::network::{Network, TurnRule, Via, Way};
use super::report::{Dropped, Report, unreadable};
use super::tags::{Tags, Traits, barred, way_traits};
use crate::domain::Problem;
use crate::roads::graph::Spot;
use crate::roads::profile::{Profile, Profiles};

/// Whom to thank, as the Open Database License asks.
const ATTRIBUTION: &str = "© OpenStreetMap contributors, ODbL 1.0";

/// Reads the roads of a file.
pub fn read(path: &Path, progress: Progress<'_>, report: &mut Report) -> Result<Network, Problem> {
    check_frames(path)?;
    let mut first = FirstReading::default();
    let total = std::fs::metadata(path).map_or(0, |meta| meta.len()).max(1) as f64;
    each(path, &mut |at| progress(at as f64 / total / 2.0), |element| first.take(&element, report))?;
    let FirstReading { ways, refs, relations } = first;

    let mut ids: Vec<i64> = refs.clone();
    ids.sort_unstable();
    ids.dedup();
    let mut spots: Vec<Option<Spot>> = vec![None; ids.len()];
    let mut barriers = Vec::new();
    each(path, &mut |at| progress(0.5 + at as f64 / total / 2.0), |element| {
        let (id, lon_e7, lat_e7) = match &element {
            Element::Node(node) => (node.id(), node.decimicro_lon(), node.decimicro_lat()),
            Element::DenseNode(node) => (node.id(), node.decimicro_lon(), node.decimicro_lat()),
            _ => return,
        };
        let Ok(place) = ids.binary_search(&id) else { return };
        if lon_e7.unsigned_abs() > 1_800_000_000 || lat_e7.unsigned_abs() > 900_000_000 {
            report.drop(Dropped::PlaceOffEarth);
            return;
        }
        spots[place] = Some(Spot { lon_e7, lat_e7 });
        let kept_out = match &element {
            Element::Node(node) => barred(&node.tags().collect::<Vec<_>>()[..]),
            Element::DenseNode(node) => barred(&node.tags().collect::<Vec<_>>()[..]),
            _ => Profiles::NONE,
        };
        if !kept_out.is_empty() {
            barriers.push((place as u32, kept_out));
        }
    })?;

    let mut network = Network { barriers, attribution: ATTRIBUTION.to_owned(), ..Network::default() };
    let mut numbers_of: HashMap<i64, Vec<u32>> = HashMap::new();
    let mut from = 0;
    for (id, traits, count) in ways {
        let places = refs[from..from + count].iter().map(|id| ids.binary_search(id).expect("every place was noted"));
        from += count;
        for stops in runs(places, &spots, report) {
            numbers_of.entry(id).or_default().push(network.ways.len() as u32);
            network.ways.push(Way { id, traits: traits.clone(), stops });
        }
    }
    for relation in relations {
        match relation.rule(&numbers_of, &ids) {
            Some(rule) => network.rules.push(rule),
            None => report.drop(Dropped::TurnWithoutMembers),
        }
    }
    network.places = spots.into_iter().map(|spot| spot.unwrap_or(Spot { lon_e7: 0, lat_e7: 0 })).collect();
    Ok(network)
}

/// The stretches of a way whose places are known, each of at least two.
fn runs(places: impl Iterator<Item = usize>, spots: &[Option<Spot>], report: &mut Report) -> Vec<Vec<u32>> {
    let mut runs: Vec<Vec<u32>> = vec![Vec::new()];
    for place in places {
        let last = runs.last_mut().expect("there is always one");
        match spots[place] {
            None => {
                report.drop(Dropped::MissingPlaces);
                runs.push(Vec::new());
            }
            Some(_) if last.last() == Some(&(place as u32)) => {}
            Some(_) => last.push(place as u32),
        }
    }
    let count = runs.len();
    runs.retain(|run| run.len() > 1);
    if runs.is_empty() && count == 1 {
        report.drop(Dropped::WayWithoutLength);
    }
    runs
}

#[derive(Default)]
struct FirstReading {
    /// Id, traits, and how many of the refs are its own.
    ways: Vec<(i64, Traits, usize)>,
    refs: Vec<i64>,
    relations: Vec<Restriction>,
}

impl FirstReading {
    fn take(&mut self, element: &Element<'_>, report: &mut Report) {
        match element {
            Element::Way(way) => {
                let tags: Vec<(&str, &str)> = way.tags().collect();
                if let Some(traits) = way_traits(&tags[..]) {
                    let before = self.refs.len();
                    self.refs.extend(way.refs());
                    self.ways.push((way.id(), traits, self.refs.len() - before));
                }
            }
            Element::Relation(relation) => match Restriction::of(relation) {
                Some(Ok(restriction)) => self.relations.push(restriction),
                Some(Err(why)) => report.drop(why),
                None => {}
            },
            _ => {}
        }
    }
}

/// A turn restriction by the ids of its source.
struct Restriction {
    from: i64,
    to: i64,
    via_node: Option<i64>,
    via_ways: Vec<i64>,
    is_only: bool,
    profiles: Profiles,
}

/// Keys of `restriction:KEY` and values of `except` with the profiles they mean.
const VEHICLES: &[(&str, Profiles)] = &[
    ("motor_vehicle", Profiles::MOTOR),
    ("motorcar", Profiles::only(Profile::Car)),
    ("hgv", Profiles::only(Profile::Truck)),
    ("motorcycle", Profiles::only(Profile::Motorbike)),
    ("bicycle", Profiles::NONE),
    ("bus", Profiles::NONE),
    ("psv", Profiles::NONE),
];

impl Restriction {
    fn of(relation: &Relation<'_>) -> Option<Result<Self, Dropped>> {
        let tags: Vec<(&str, &str)> = relation.tags().collect();
        if !tags.value_of("type").is_some_and(|kind| kind == "restriction" || kind.starts_with("restriction:")) {
            return None;
        }
        Some(Self::read(relation, &tags))
    }

    fn read(relation: &Relation<'_>, tags: &[(&str, &str)]) -> Result<Self, Dropped> {
        let (value, mut profiles) = match tags.value_of("restriction") {
            Some(value) => (value, Profiles::MOTOR),
            None => VEHICLES
                .iter()
                .find_map(|(key, profiles)| Some((tags.value_of(&format!("restriction:{key}"))?, *profiles)))
                .ok_or(Dropped::TurnNotUnderstood)?,
        };
        for except in tags.value_of("except").unwrap_or_default().split(';') {
            let excepted = VEHICLES.iter().find(|(key, _)| *key == except.trim()).map_or(Profiles::NONE, |row| row.1);
            profiles.0 &= !excepted.0;
        }
        let is_only = value.starts_with("only_");
        if !is_only && !value.starts_with("no_") {
            return Err(Dropped::TurnNotUnderstood);
        }
        let mut read = Self { from: 0, to: 0, via_node: None, via_ways: Vec::new(), is_only, profiles };
        let (mut froms, mut tos) = (0, 0);
        for member in relation.members() {
            match (member.role().map_err(|_| Dropped::BrokenText)?, member.member_type) {
                ("from", RelMemberType::Way) => (read.from, froms) = (member.member_id, froms + 1),
                ("to", RelMemberType::Way) => (read.to, tos) = (member.member_id, tos + 1),
                ("via", RelMemberType::Node) => read.via_node = Some(member.member_id),
                ("via", RelMemberType::Way) => read.via_ways.push(member.member_id),
                _ => {}
            }
        }
        let has_via = read.via_node.is_some() || !read.via_ways.is_empty();
        if froms != 1 || tos != 1 || !has_via {
            return Err(Dropped::TurnWithoutMembers);
        }
        Ok(read)
    }

    /// The rule by numbers of ways; a way that was torn apart at missing places counts with its first stretch.
    fn rule(&self, numbers_of: &HashMap<i64, Vec<u32>>, ids: &[i64]) -> Option<TurnRule> {
        let number = |id: &i64| numbers_of.get(id)?.first().copied();
        let via = match self.via_node {
            Some(node) if self.via_ways.is_empty() => Via::Place(ids.binary_search(&node).ok()? as u32),
            _ => Via::Ways(self.via_ways.iter().map(number).collect::<Option<_>>()?),
        };
        let (from, to) = (number(&self.from)?, number(&self.to)?);
        Some(TurnRule { from, via, to, is_only: self.is_only, profiles: self.profiles })
    }
}

/// Whether every block is as long as its head says. The library takes a last block that is cut short for a whole one
/// where the cut falls between two of its fields.
fn check_frames(path: &Path) -> Result<(), Problem> {
    let mut blobs = BlobReader::seekable_from_path(path).map_err(|error| broken(path, &error))?;
    let io = |error: std::io::Error| unreadable(path, &error.to_string(), &error.to_string());
    let mut file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    while let Some(head) = blobs.next_header_skip_blob() {
        let (head, offset) = head.map_err(|error| broken(path, &error))?;
        let offset = offset.map_or(0, |offset| offset.0);
        let mut head_length = [0; 4];
        file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut head_length)).map_err(io)?;
        let size = u64::try_from(head.get_blob_size()).unwrap_or(u64::MAX);
        let end = (offset + 4 + u64::from(u32::from_be_bytes(head_length))).saturating_add(size);
        if end > length {
            return Err(unreadable(
                path,
                &format!("tệp bị cụt, thiếu từ byte {length} trong khối bắt đầu ở byte {offset}"),
                &format!("it is cut short at byte {length}, within the block that begins at byte {offset}"),
            ));
        }
    }
    Ok(())
}

/// Reads every element of the file once; `done` hears how many of its bytes lie behind.
fn each(path: &Path, done: &mut dyn FnMut(u64), mut take: impl FnMut(Element<'_>)) -> Result<(), Problem> {
    let file = File::open(path).map_err(|error| unreadable(path, &error.to_string(), &error.to_string()))?;
    let blobs = BlobReader::new_seekable(BufReader::with_capacity(1 << 20, file));
    for blob in blobs.map_err(|error| broken(path, &error))? {
        let blob = blob.map_err(|error| broken(path, &error))?;
        done(blob.offset().map_or(0, |offset| offset.0));
        if let BlobDecode::OsmData(block) = blob.decode().map_err(|error| broken(path, &error))? {
            block.for_each_element(&mut take);
        }
    }
    Ok(())
}

fn broken(path: &Path, error: &osmpbf::Error) -> Problem {
    unreadable(
        path,
        &format!("không phải OSM PBF trọn vẹn, hoặc bị cụt ({error})"),
        &format!("it is no whole OSM PBF, or is cut short ({error})"),
    )
}
