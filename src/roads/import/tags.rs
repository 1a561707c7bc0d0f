//! What the tags of an OpenStreetMap way say of it, for each profile and each direction.

use crate::roads::profile::{Class, Profile, Profiles, Surface};

/// A ford lies in the way.
pub const FORD: u8 = 1;
/// The way runs over a bridge.
pub const BRIDGE: u8 = 2;
/// The way runs through a tunnel.
pub const TUNNEL: u8 = 4;

/// What a way is, whatever its shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Traits {
    pub class: Class,
    pub surface: Surface,
    /// [`FORD`], [`BRIDGE`], [`TUNNEL`].
    pub flags: u8,
    /// What access tags say of each profile, if anything.
    pub open: [Option<bool>; 4],
    /// Who may go in the direction of drawing, as far as one-way rules go.
    pub forward: Profiles,
    /// Who may go against it.
    pub backward: Profiles,
    /// Sign or name ("QL12 Quốc lộ 12").
    pub name: String,
    /// Lawful maximum, km/h.
    pub maxspeed_kmh: Option<f32>,
    /// Time of a whole crossing by boat, seconds.
    pub duration_s: Option<f32>,
}

/// Access keys of a profile, the most general first; the most special that is present decides.
const ACCESS_KEYS: [&[&str]; 4] = [
    &["access", "vehicle", "motor_vehicle", "motorcar"],
    &["access", "vehicle", "motor_vehicle", "hgv"],
    &["access", "vehicle", "motor_vehicle", "motorcycle"],
    &["access", "foot"],
];

/// A look-up of tags by key.
pub trait Tags {
    /// The value of a key.
    fn value_of(&self, key: &str) -> Option<&str>;
}

impl Tags for [(&str, &str)] {
    fn value_of(&self, key: &str) -> Option<&str> {
        self.iter().find(|(k, _)| *k == key).map(|(_, v)| *v)
    }
}

/// Reads the tags of a way; `None` where it is no way to go.
pub fn way_traits(tags: &(impl Tags + ?Sized)) -> Option<Traits> {
    let class = class_of(tags)?;
    let (forward, backward) = directions(tags, class);
    let flag = |key: &str, bit: u8| if tags.value_of(key).is_some_and(|value| value != "no") { bit } else { 0 };
    Some(Traits {
        class,
        surface: surface_of(tags, class),
        flags: flag("ford", FORD) | flag("bridge", BRIDGE) | flag("tunnel", TUNNEL),
        open: Profile::ALL.map(|profile| access(tags, profile)),
        forward,
        backward,
        name: name_of(tags),
        maxspeed_kmh: tags.value_of("maxspeed").and_then(maxspeed_kmh),
        duration_s: tags.value_of("duration").and_then(duration_s),
    })
}

fn class_of(tags: &(impl Tags + ?Sized)) -> Option<Class> {
    if tags.value_of("route") == Some("ferry") {
        return Some(Class::Ferry);
    }
    if tags.value_of("area") == Some("yes") {
        return None;
    }
    let highway = tags.value_of("highway")?;
    Some(match highway.strip_suffix("_link").unwrap_or(highway) {
        "motorway" => Class::Motorway,
        "trunk" => Class::Trunk,
        "primary" => Class::Primary,
        "secondary" => Class::Secondary,
        "tertiary" => Class::Tertiary,
        "unclassified" | "road" => Class::Unclassified,
        "residential" | "living_street" => Class::Residential,
        "service" => Class::Service,
        "track" => Class::Track,
        "path" | "bridleway" => Class::Path,
        "footway" | "pedestrian" | "cycleway" => Class::Footway,
        "steps" => Class::Steps,
        _ => return None,
    })
}

fn surface_of(tags: &(impl Tags + ?Sized), class: Class) -> Surface {
    let by_surface = tags.value_of("surface").and_then(|value| {
        Some(match value.split([':', ';']).next().unwrap_or_default() {
            "paved" | "asphalt" | "concrete" | "paving_stones" | "sett" | "cobblestone" | "metal" | "wood" => {
                Surface::Paved
            }
            "gravel" | "fine_gravel" | "compacted" | "pebblestone" | "rock" | "stone" => Surface::Gravel,
            "unpaved" | "dirt" | "earth" | "ground" | "grass" | "clay" => Surface::Dirt,
            "mud" | "sand" => Surface::Bad,
            _ => return None,
        })
    });
    let by_grade = || {
        Some(match tags.value_of("tracktype")? {
            "grade1" => Surface::Paved,
            "grade2" => Surface::Gravel,
            "grade3" | "grade4" => Surface::Dirt,
            "grade5" => Surface::Bad,
            _ => return None,
        })
    };
    by_surface.or_else(by_grade).unwrap_or(match class {
        Class::Track | Class::Path => Surface::Dirt,
        _ => Surface::Paved,
    })
}

/// Whoever comes is sent by the state, so that a private road is a way; one that is forbidden, or of no use, is none.
fn access(tags: &(impl Tags + ?Sized), profile: Profile) -> Option<bool> {
    ACCESS_KEYS[profile.index()].iter().rev().find_map(|key| match tags.value_of(key)? {
        "no" | "use_sidepath" => Some(false),
        "private" | "unknown" | "permit" | "customers" | "delivery" | "destination" if *key == "access" => None,
        _ => Some(true),
    })
}

fn directions(tags: &(impl Tags + ?Sized), class: Class) -> (Profiles, Profiles) {
    let implied = class == Class::Motorway || matches!(tags.value_of("junction"), Some("roundabout" | "circular"));
    let on_foot = Profiles::only(Profile::Foot);
    match tags.value_of("oneway") {
        Some("yes" | "true" | "1") => (Profiles::ALL, on_foot),
        Some("-1" | "reverse") => (on_foot, Profiles::ALL),
        Some("no" | "false" | "0") => (Profiles::ALL, Profiles::ALL),
        _ if implied => (Profiles::ALL, on_foot),
        _ => (Profiles::ALL, Profiles::ALL),
    }
}

fn name_of(tags: &(impl Tags + ?Sized)) -> String {
    let parts: Vec<&str> = ["ref", "name"].iter().filter_map(|key| tags.value_of(key)).collect();
    parts.join(" ")
}

fn maxspeed_kmh(text: &str) -> Option<f32> {
    let (number, mph) = match text.strip_suffix("mph") {
        Some(number) => (number, true),
        None => (text, false),
    };
    let value: f32 = number.trim().parse().ok()?;
    let kmh = if mph { value * 1.609_344 } else { value };
    (5.0..=200.0).contains(&kmh).then_some(kmh)
}

/// `HH:MM`, `HH:MM:SS` or minutes.
fn duration_s(text: &str) -> Option<f32> {
    let parts: Vec<f32> = text.split(':').map(|part| part.trim().parse().ok()).collect::<Option<_>>()?;
    let seconds = match parts[..] {
        [minutes] => minutes * 60.0,
        [hours, minutes] => hours * 3600.0 + minutes * 60.0,
        [hours, minutes, seconds] => hours * 3600.0 + minutes * 60.0 + seconds,
        _ => return None,
    };
    (seconds > 0.0).then_some(seconds)
}

/// Whom a barrier on a node keeps from passing.
pub fn barred(tags: &(impl Tags + ?Sized)) -> Profiles {
    let Some(barrier) = tags.value_of("barrier") else { return Profiles::NONE };
    let kept_out = match barrier {
        "bollard" | "block" | "cycle_barrier" | "stile" | "kissing_gate" | "turnstile" | "jersey_barrier" | "log"
        | "debris" => Profiles::MOTOR.with(Profile::Motorbike, barrier != "bollard"),
        _ => Profiles::NONE,
    };
    Profile::ALL.into_iter().fold(kept_out, |set, profile| match access(tags, profile) {
        Some(open) => set.with(profile, !open),
        None => set,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traits(tags: &[(&str, &str)]) -> Traits {
        way_traits(tags).expect("a way")
    }

    #[test]
    fn the_most_special_access_tag_decides() {
        let way = traits(&[("highway", "track"), ("access", "no"), ("motor_vehicle", "yes"), ("motorcar", "no")]);
        assert_eq!(way.open, [Some(false), Some(true), Some(true), Some(false)]);
        let private = traits(&[("highway", "service"), ("access", "private")]);
        assert_eq!(private.open, [None; 4]);
    }

    #[test]
    fn one_way_rules_bind_vehicles_and_not_walkers() {
        let one_way = traits(&[("highway", "primary"), ("oneway", "yes")]);
        assert_eq!((one_way.forward, one_way.backward), (Profiles::ALL, Profiles::only(Profile::Foot)));
        let against = traits(&[("highway", "primary"), ("oneway", "-1")]);
        assert_eq!((against.forward, against.backward), (Profiles::only(Profile::Foot), Profiles::ALL));
        let circle = traits(&[("highway", "tertiary"), ("junction", "roundabout")]);
        assert_eq!(circle.backward, Profiles::only(Profile::Foot));
        let both = traits(&[("highway", "motorway"), ("oneway", "no")]);
        assert_eq!(both.backward, Profiles::ALL);
    }

    #[test]
    fn what_is_no_way_to_go_is_none() {
        assert!(way_traits(&[("highway", "proposed")][..]).is_none());
        assert!(way_traits(&[("highway", "pedestrian"), ("area", "yes")][..]).is_none());
        assert!(way_traits(&[("waterway", "river")][..]).is_none());
    }

    #[test]
    fn odd_numbers_are_left_alone() {
        assert_eq!(maxspeed_kmh("30 mph"), Some(48.280_32));
        for odd in ["none", "VN:urban", "-5", "NaN", "inf", "1e9"] {
            assert_eq!(maxspeed_kmh(odd), None, "{odd}");
        }
        assert_eq!(duration_s("00:15"), Some(900.0));
        assert_eq!(duration_s("20"), Some(1200.0));
        assert_eq!(duration_s("PT20M"), None);
    }

    #[test]
    fn a_bollard_lets_a_motorbike_through() {
        assert_eq!(barred(&[("barrier", "bollard")][..]), Profiles(0b0011));
        assert_eq!(barred(&[("barrier", "gate")][..]), Profiles::NONE);
        assert_eq!(barred(&[("barrier", "gate"), ("motor_vehicle", "no")][..]), Profiles::MOTOR);
    }
}
