//! Who travels: the four profiles as tables of speeds, of slope and of what a way's tags let through.
//!
//! Speeds are free-flow speeds of the field's own vehicles on mountain roads: an assumption to be held against own
//! tracks, not a measurement. A figure stands here once; the import turns it into seconds for every edge.

/// How somebody travels. The discriminant is the index of its column in every table and in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Profile {
    Car,
    Truck,
    Motorbike,
    Foot,
}

/// Number of profiles.
pub const PROFILES: usize = 4;

impl Profile {
    /// All, in the order of their columns.
    pub const ALL: [Self; PROFILES] = [Self::Car, Self::Truck, Self::Motorbike, Self::Foot];

    /// The column of this profile.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The word of parameters and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Car => "car",
            Self::Truck => "truck",
            Self::Motorbike => "motorbike",
            Self::Foot => "foot",
        }
    }

    /// The profile of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.as_str() == word)
    }
}

/// A set of profiles, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profiles(pub u8);

impl Profiles {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self((1 << PROFILES) - 1);
    /// Whoever is on wheels.
    pub const MOTOR: Self = Self(0b0111);

    /// The set of one.
    #[must_use]
    pub const fn only(profile: Profile) -> Self {
        Self(1 << profile.index())
    }

    /// Whether the profile is in it.
    #[must_use]
    pub const fn has(self, profile: Profile) -> bool {
        self.0 & (1 << profile.index()) != 0
    }

    /// The set with one put in or taken out.
    #[must_use]
    pub const fn with(self, profile: Profile, inside: bool) -> Self {
        let bit = 1 << profile.index();
        if inside { Self(self.0 | bit) } else { Self(self.0 & !bit) }
    }

    /// Whether nobody is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// What a way is, after OpenStreetMap's `highway`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Class {
    Motorway,
    Trunk,
    Primary,
    Secondary,
    Tertiary,
    Unclassified,
    Residential,
    Service,
    Track,
    Path,
    Footway,
    Steps,
    Ferry,
}

/// `(class, its word, km/h on a good surface by profile)`; 0 is closed unless a tag opens it.
type ClassRow = (Class, &'static str, [f32; PROFILES]);

/// Speeds by class. Foot is absent (a walker's pace is [`tobler_kmh`] everywhere) but where it is forbidden.
const CLASSES: [ClassRow; 13] = [
    (Class::Motorway, "motorway", [90.0, 70.0, 0.0, 0.0]),
    (Class::Trunk, "trunk", [60.0, 50.0, 50.0, WALKING]),
    (Class::Primary, "primary", [55.0, 45.0, 48.0, WALKING]),
    (Class::Secondary, "secondary", [48.0, 40.0, 43.0, WALKING]),
    (Class::Tertiary, "tertiary", [40.0, 33.0, 38.0, WALKING]),
    (Class::Unclassified, "unclassified", [32.0, 25.0, 32.0, WALKING]),
    (Class::Residential, "residential", [28.0, 20.0, 28.0, WALKING]),
    (Class::Service, "service", [18.0, 14.0, 20.0, WALKING]),
    (Class::Track, "track", [18.0, 14.0, 22.0, WALKING]),
    (Class::Path, "path", [0.0, 0.0, 12.0, WALKING]),
    (Class::Footway, "footway", [0.0, 0.0, 0.0, WALKING]),
    (Class::Steps, "steps", [0.0, 0.0, 0.0, WALKING]),
    (Class::Ferry, "ferry", [6.0, 6.0, 6.0, 6.0]),
];

/// Tobler's pace on level ground, km/h.
const WALKING: f32 = 5.036_742;

/// Speed of a profile on a way that a tag opens although its class would not, km/h.
const OPENED_BY_A_TAG_KMH: f32 = 10.0;

impl Class {
    /// The word of answers, OpenStreetMap's own.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        CLASSES[self as usize].1
    }

    /// The class with this number in a graph.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        CLASSES.get(usize::from(number)).map(|row| row.0)
    }
}

/// What lies on the road.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Surface {
    Paved,
    /// Stone or gravel that holds in rain.
    Gravel,
    /// Earth.
    Dirt,
    /// Mud, sand, ruts.
    Bad,
}

/// `(surface, its word, share of the class speed by profile)`; 0 closes.
const SURFACES: [(Surface, &str, [f32; PROFILES]); 4] = [
    (Surface::Paved, "paved", [1.0, 1.0, 1.0, 1.0]),
    (Surface::Gravel, "gravel", [0.8, 0.75, 0.85, 1.0]),
    (Surface::Dirt, "dirt", [0.6, 0.5, 0.75, 1.0]),
    (Surface::Bad, "bad", [0.35, 0.25, 0.5, 0.9]),
];

impl Surface {
    /// The word of answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        SURFACES[self as usize].1
    }

    /// The surface with this number in a graph.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        SURFACES.get(usize::from(number)).map(|row| row.0)
    }
}

/// Seconds that a ford costs besides its length: to stop, to look, to go through. A ford in flood is a closure, and a
/// person's word.
pub const FORD_S: [f32; PROFILES] = [30.0, 30.0, 30.0, 60.0];

/// Seconds of waiting for a boat, half of an assumed half-hourly service.
pub const FERRY_WAIT_S: f32 = 900.0;

/// Speed on level ground, km/h; `None` where the profile does not pass. `open` is what the tags say of it, if anything.
#[must_use]
pub fn level_kmh(profile: Profile, class: Class, surface: Surface, open: Option<bool>) -> Option<f32> {
    let by_class = CLASSES[class as usize].2[profile.index()];
    let kmh = match open {
        Some(false) => return None,
        Some(true) if by_class == 0.0 && profile == Profile::Foot => WALKING,
        Some(true) if by_class == 0.0 => OPENED_BY_A_TAG_KMH,
        _ => by_class,
    } * SURFACES[surface as usize].2[profile.index()];
    (kmh > 0.0).then_some(kmh)
}

/// Share of the level speed on a grade (rise over run, negative downhill).
#[must_use]
pub fn slope_share(profile: Profile, grade: f32) -> f32 {
    match profile {
        Profile::Foot => tobler_kmh(grade) / WALKING,
        Profile::Car => motor_share(grade, [(0.06, 1.0), (0.10, 0.85), (0.15, 0.65), (0.25, 0.4)]),
        Profile::Truck => motor_share(grade, [(0.03, 1.0), (0.06, 0.75), (0.10, 0.5), (0.20, 0.25)]),
        Profile::Motorbike => motor_share(grade, [(0.07, 1.0), (0.12, 0.85), (0.18, 0.6), (0.30, 0.35)]),
    }
}

/// A walker's speed, km/h: `6·exp(−3.5·|grade + 0.05|)`, W. Tobler, "Three presentations on geographical analysis and
/// modeling", NCGIA technical report 93-1, 1993; fastest, 6 km/h, where it falls by 5 %.
#[must_use]
pub fn tobler_kmh(grade: f32) -> f32 {
    6.0 * (-3.5 * (grade + 0.05).abs()).exp()
}

/// Share of a walker's speed where there is no trail (Tobler, as above).
const OFF_TRAIL_SHARE: f64 = 0.6;

/// Seconds on foot between a place and its road: off any trail, over ground that is taken as level, since a network knows
/// no elevations beside its roads.
#[must_use]
pub fn off_road_s(distance_m: f64) -> f64 {
    distance_m * 3.6 / (f64::from(WALKING) * OFF_TRAIL_SHARE)
}

/// Linear between the corners of a table of `(steepness, share)`; downhill counts two thirds of uphill, as brakes and
/// bends and not the engine set the pace there.
fn motor_share(grade: f32, corners: [(f32, f32); 4]) -> f32 {
    let steep = if grade < 0.0 { -grade * 2.0 / 3.0 } else { grade };
    let mut below = corners[0];
    for above in corners {
        if steep <= above.0 {
            let span = above.0 - below.0;
            return if span > 0.0 { below.1 + (above.1 - below.1) * (steep - below.0) / span } else { above.1 };
        }
        below = above;
    }
    below.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_stands_at_the_number_of_its_class_and_surface() {
        for (number, row) in CLASSES.iter().enumerate() {
            assert_eq!(row.0 as usize, number);
        }
        for (number, row) in SURFACES.iter().enumerate() {
            assert_eq!(row.0 as usize, number);
        }
    }

    #[test]
    fn a_walker_is_fastest_slightly_downhill() {
        assert!((tobler_kmh(-0.05) - 6.0).abs() < 1e-6);
        assert!((tobler_kmh(0.0) - WALKING).abs() < 1e-4);
        // Uphill at 20 % and downhill at 30 % are equally steep for the formula.
        assert!((tobler_kmh(0.2) - tobler_kmh(-0.3)).abs() < 1e-6);
        assert!((tobler_kmh(0.2) - 2.501).abs() < 1e-3);
    }

    #[test]
    fn a_kilometre_beside_the_road_takes_a_third_of_an_hour() {
        assert!((off_road_s(1_000.0) / 60.0 - 19.85).abs() < 0.01, "{}", off_road_s(1_000.0) / 60.0);
    }

    #[test]
    fn steeper_is_never_faster_for_a_vehicle() {
        for profile in [Profile::Car, Profile::Truck, Profile::Motorbike] {
            let shares: Vec<f32> = (0..60).map(|n| slope_share(profile, n as f32 / 100.0)).collect();
            assert!((shares[0] - 1.0).abs() < f32::EPSILON);
            assert!(shares.windows(2).all(|pair| pair[1] <= pair[0]), "{profile:?}: {shares:?}");
            assert!(shares.iter().all(|share| *share > 0.0));
        }
    }

    #[test]
    fn a_tag_opens_and_closes_what_the_class_does_not() {
        assert_eq!(level_kmh(Profile::Car, Class::Path, Surface::Paved, None), None);
        assert_eq!(level_kmh(Profile::Car, Class::Path, Surface::Paved, Some(true)), Some(OPENED_BY_A_TAG_KMH));
        assert_eq!(level_kmh(Profile::Foot, Class::Motorway, Surface::Paved, None), None);
        assert_eq!(level_kmh(Profile::Car, Class::Primary, Surface::Paved, Some(false)), None);
        assert_eq!(level_kmh(Profile::Motorbike, Class::Path, Surface::Dirt, None), Some(9.0));
    }
}
