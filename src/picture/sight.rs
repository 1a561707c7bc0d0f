//! What decides who sees a record, read off the record and what it is tied to. The table itself is
//! [`crate::domain::access`].

use std::cell::Cell;

use uuid::Uuid;

use super::communes::{Communes, commune_of};
use super::layer::Lying;
use super::reduced::sector_of_station;
use super::{Feature, Layer, Picture};
use crate::domain::access::{CLOSED_KINDS, Deed, Facts, Reach, Sight, class_of};
use crate::domain::disaster::Reporter;
use crate::domain::duty_log::tells_place;
use crate::domain::{Actor, Collection, Force, Role, Timestamp, case, concern};

/// The commune in which the actor's unit has its task, for actors who see by task alone.
pub(super) fn task_commune(picture: &Picture, actor: &Actor) -> Option<String> {
    if actor.reach(class_of(Collection::Households)) != Reach::Task {
        return None;
    }
    let unit = picture.layer(Collection::Units).get(actor.unit_id?)?;
    let incident = reference(unit, "incident_id")?;
    let incident = picture.layer(Collection::Incidents).get(incident)?;
    incident.text("admin_unit").map(std::borrow::Cow::into_owned)
}

/// The unit whose place a record tells, though it is another's record: a visit to a zone, and what is raised and
/// written down of it. Who may not see where the unit is may not read it there.
pub(super) fn tells_place_of(collection: Collection, feature: &Feature) -> Option<Uuid> {
    let tells = match collection {
        Collection::ZoneVisits => true,
        Collection::DutyLog => feature.text("kind").is_some_and(|kind| tells_place(&kind)),
        Collection::Alarms => {
            feature.raw("patrol_id").is_some() || feature.text("kind").is_some_and(|kind| tells_place(&kind))
        }
        _ => false,
    };
    if tells { reference(feature, "unit_id") } else { None }
}

/// The facts of one record. `own_commune` is that of [`task_commune`].
pub(super) fn facts<'a>(
    picture: &'a Picture,
    actor: &Actor,
    own_commune: Option<&str>,
    collection: Collection,
    feature: &'a Feature,
) -> Facts<'a> {
    let commune = commune_of(feature);
    let plain = Facts { commune, ..Facts::default() };
    let incident = |feature: &Feature| {
        let incident = picture.layer(Collection::Incidents).get(reference(feature, "incident_id")?)?;
        Some(of_incident(actor, incident))
    };
    match collection {
        Collection::Households => Facts { is_own: commune.is_some() && commune == own_commune, ..plain },
        Collection::Incidents => of_incident(actor, feature),
        Collection::DutyLog => {
            let force = force(feature, "author_force");
            match incident(feature) {
                Some(tied) => Facts { commune: commune.or(tied.commune), force, ..tied },
                // What a force notes for itself, its own people read.
                None => Facts { force, is_joint: force.is_some() && force == actor.force, ..plain },
            }
        }
        // What hangs on an entry is seen by whoever sees the entry.
        Collection::Attachments => {
            let entry = reference(feature, "log_entry_id").and_then(|id| picture.layer(Collection::DutyLog).get(id));
            match entry {
                Some(entry) => facts(picture, actor, own_commune, Collection::DutyLog, entry),
                None => incident(feature).unwrap_or(plain),
            }
        }
        Collection::Assignments => {
            let unit_force = force(feature, "unit_force");
            // Whoever asks for a unit and whoever is asked see how that fares, whatever they see of the incident.
            let concerns = [unit_force, force(feature, "by_force")].into_iter().flatten();
            let tied = incident(feature).unwrap_or(plain);
            Facts {
                force: unit_force,
                is_joint: tied.is_joint || concerns.into_iter().any(|force| Some(force) == actor.force),
                is_own: actor.unit_id.is_some() && actor.unit_id == reference(feature, "unit_id"),
                ..tied
            }
        }
        Collection::Alarms => {
            let force = force(feature, "force");
            let unit = reference(feature, "unit_id").and_then(|id| picture.layer(Collection::Units).get(id));
            let home = || unit.map(|unit| facts(picture, actor, own_commune, Collection::Units, unit));
            // Where nobody knows of an incident, help is asked for where the unit is at home.
            let tied = incident(feature).or_else(home).unwrap_or(plain);
            Facts {
                force,
                // Who is cut off, and which closure lies nowhere, concerns everybody: closures are public.
                is_joint: tied.is_joint
                    || (force.is_some() && force == actor.force)
                    || feature.raw("closure_id").is_some(),
                is_own: unit.is_some_and(|unit| actor.unit_id == Some(unit.id)),
                ..tied
            }
        }
        // It shows units of all forces, wherever they are: to whoever saw it, and to whoever sees them all.
        Collection::Advices => Facts {
            is_own: feature.text("shown_to").is_some_and(|name| name == actor.name),
            is_closed_kind: incident(feature).is_some_and(|tied| tied.is_closed_kind),
            ..Facts::default()
        },
        Collection::Patrols => {
            let holds =
                |field: &str, word: &str| feature.raw(field).is_some_and(|list| list.contains(&format!("\"{word}\"")));
            let goes =
                |unit: Uuid| ["unit_ids", "requested_unit_ids"].iter().any(|list| holds(list, &unit.to_string()));
            Facts {
                sector: reference(feature, "sector_id"),
                force: force(feature, "force"),
                // Whoever takes part, or is asked to, sees what for.
                is_joint: actor.force.is_some_and(|force| holds("partner_forces", force.as_str())),
                is_own: actor.unit_id.is_some_and(goes),
                ..plain
            }
        }
        // What was sent to an incident is hidden where the incident is.
        Collection::Deployments => match incident(feature) {
            Some(tied) => Facts { commune: commune.or(tied.commune), ..tied },
            None => plain,
        },
        // A person stands behind each: only the force that found it sees one of a closed kind.
        Collection::Cases => {
            let force = force(feature, "force");
            Facts {
                force,
                is_joint: force.is_some() && force == actor.force,
                is_closed_kind: feature.text("kind").is_some_and(|kind| case::CLOSED_KINDS.contains(&&*kind)),
                ..plain
            }
        }
        // What one room hands over names what that room sees: no other reads it.
        Collection::Shifts => {
            let force = force(feature, "force");
            let of_room = || feature.raw("post").is_some_and(|post| post.contains(&actor.post().to_string()));
            let is_joint = force == actor.force && of_room();
            Facts { force, is_joint, is_closed_kind: !is_joint, ..plain }
        }
        // It counts also what its reader may not see one by one, and is of those who may read it.
        Collection::QuarterReports => {
            let reads = actor.may(Deed::ReadReports);
            Facts { is_joint: reads, is_closed_kind: !reads, ..plain }
        }
        // The border guard reads its own everywhere, others where the sector is theirs too.
        Collection::SectorAssessments => {
            let force = force(feature, "force");
            let sector = reference(feature, "sector_id");
            Facts { sector, force, is_joint: force.is_some() && force == actor.force, ..plain }
        }
        Collection::AreasOfConcern => {
            let author = force(feature, "force");
            let names = |force: Force| {
                feature.raw("shared_forces").is_some_and(|list| list.contains(&format!("\"{}\"", force.as_str())))
            };
            let is_joint = concern::is_for(actor, author, actor.force.is_some_and(names));
            Facts { force: author, is_joint, is_closed_kind: !is_joint, ..plain }
        }
        // Between the two forces; the province's commander reads along.
        Collection::InformationRequests => {
            let forces = [force(feature, "from_force"), force(feature, "to_force")];
            let reads = actor.reads_between(forces);
            Facts { is_joint: reads, is_closed_kind: !reads, ..plain }
        }
        Collection::Briefings => {
            Facts { sector: reference(feature, "sector_id"), ..of_those_there(actor, feature, plain) }
        }
        // It is read by whoever reads its briefing, and by the force that answers for it.
        Collection::Decisions => {
            let briefing =
                reference(feature, "briefing_id").and_then(|id| picture.layer(Collection::Briefings).get(id));
            let tied = briefing.map(|one| facts(picture, actor, own_commune, Collection::Briefings, one));
            let (tied, owner) = (tied.unwrap_or(plain), force(feature, "force"));
            let is_owner = owner.is_some() && owner == actor.force && actor.role != Role::LocalAuthority;
            Facts { force: owner, is_joint: tied.is_joint || is_owner, ..tied }
        }
        // It tells where forces will stand: whoever leads or mans a post reads it, a commune what happens in it.
        Collection::EventPlans => {
            let lead = force(feature, "lead_force");
            let mans = |force: Force| {
                feature.raw("posts").is_some_and(|list| list.contains(&format!("\"force\":\"{}\"", force.as_str())))
            };
            let takes_part = actor.force.is_some_and(|force| lead == Some(force) || mans(force));
            let is_joint = match actor.role {
                Role::LocalAuthority => commune.is_some() && actor.area.holds(commune, None),
                _ => takes_part,
            };
            Facts { force: lead, is_joint, is_closed_kind: actor.role == Role::LocalAuthority, ..plain }
        }
        // It counts also what its reader may not see one by one: those alone read it who may send one for the same area.
        Collection::DisasterReports => {
            let reads = match commune {
                Some(_) => actor.may(Deed::ReportDisaster),
                None => Reporter::Province.is_read_by(actor),
            };
            Facts { is_closed_kind: !reads, ..plain }
        }
        Collection::Units => {
            // Its home is that of its post, as in the reduced picture; where it is now is what is to be decided.
            let station = reference(feature, "station_id");
            let post = station.and_then(|id| picture.layer(Collection::Stations).get(id));
            Facts {
                commune: post.and_then(|post| commune_of(post)),
                sector: station.and_then(|id| sector_of_station(picture, id)),
                force: force(feature, "force"),
                is_own: actor.unit_id == Some(feature.id),
                is_joint: incident(feature).is_some_and(|tied| tied.is_joint),
                is_closed_kind: false,
            }
        }
        _ => plain,
    }
}

/// A briefing is read by the forces that were there, wherever their people are; a commune's own by that commune.
fn of_those_there<'a>(actor: &Actor, briefing: &Feature, plain: Facts<'a>) -> Facts<'a> {
    let was_there =
        |force: Force| briefing.raw("forces").is_some_and(|list| list.contains(&format!("\"{}\"", force.as_str())));
    let is_joint = actor.role != Role::LocalAuthority && actor.force.is_some_and(was_there);
    Facts { force: force(briefing, "lead_force"), is_joint, ..plain }
}

fn of_incident<'a>(actor: &Actor, incident: &'a Feature) -> Facts<'a> {
    let lead = force(incident, "lead_force");
    let holds = |field: &str, word: &str| incident.raw(field).is_some_and(|list| list.contains(&format!("\"{word}\"")));
    let supports = |force: Force| holds("support_forces", force.as_str());
    Facts {
        commune: commune_of(incident),
        sector: reference(incident, "sector_id"),
        force: lead,
        is_joint: actor.force.is_some_and(|force| lead == Some(force) || supports(force)),
        is_own: actor.unit_id.is_some_and(|unit| holds("unit_ids", &unit.to_string())),
        is_closed_kind: incident.text("kind").is_some_and(|kind| CLOSED_KINDS.contains(&&*kind)),
    }
}

fn reference(feature: &Feature, field: &str) -> Option<Uuid> {
    Uuid::parse_str(&feature.text(field)?).ok()
}

fn force(feature: &Feature, field: &str) -> Option<Force> {
    Force::parse(&feature.text(field)?)
}

/// What one actor sees of the households of a layer, commune by commune: asked of every node and every place that a
/// search comes by, and so worked out once for each commune.
pub(super) struct Eyes<'v> {
    actor: &'v Actor,
    own_commune: Option<&'v str>,
    now: Timestamp,
    /// The communes of each run of the layer, and what is known of them by index.
    runs: Vec<(&'v Communes, Vec<Cell<Option<Sight<'v>>>>)>,
}

impl<'v> Eyes<'v> {
    pub fn new(actor: &'v Actor, own_commune: Option<&'v str>, households: &'v Layer, now: Timestamp) -> Self {
        let unknown = |communes: &'v Communes| (communes, vec![Cell::new(None); communes.len()]);
        Self { actor, own_commune, now, runs: households.communes().map(unknown).collect() }
    }

    /// What is seen of the household that lies there.
    pub fn at(&self, lying: Lying<'_>) -> Sight<'v> {
        self.sight(lying.level(), lying.commune())
    }

    /// Whether no household is seen by itself, wherever it lies.
    pub fn are_shut(&self) -> bool {
        !self.actor.sees_some(Collection::Households, self.now)
    }

    /// Whether households of this commune, by its index in a run, are seen one by one.
    pub fn see(&self, run: usize, commune: usize) -> bool {
        matches!(self.sight(run, commune), Sight::Exact | Sight::Fields(_))
    }

    fn sight(&self, run: usize, commune: usize) -> Sight<'v> {
        let (communes, known) = &self.runs[run];
        known[commune].get().unwrap_or_else(|| {
            let code = communes.code(commune);
            let is_own = code.is_some() && code == self.own_commune;
            let facts = Facts { commune: code, is_own, ..Facts::default() };
            let sight = self.actor.sight(Collection::Households, &facts, self.now);
            known[commune].set(Some(sight));
            sight
        })
    }
}
