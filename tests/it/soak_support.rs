//! What the rigs share that `make test` runs shortly and `make soak` at length: how often, and by which chance.

use uuid::Uuid;

/// How often a rig goes round: `short` in `make test`, `long` in `make soak`.
pub fn rounds(short: usize, long: usize) -> usize {
    if std::env::var_os("TRUCBAN_SOAK").is_some() { long } else { short }
}

/// A generator of its own, so that a failing run can be played again from its printed seed.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// From `TRUCBAN_SEED` if it is set, else by chance; the seed is printed.
    pub fn thrown_for(rig: &str) -> Self {
        let told = std::env::var("TRUCBAN_SEED").ok().filter(|seed| !seed.is_empty());
        let seed = told.map_or_else(|| Uuid::new_v4().as_u64_pair().0, |seed| seed.parse().unwrap());
        println!("{rig}: TRUCBAN_SEED={seed}");
        Self(seed)
    }

    /// Further dice, whose throws do not depend on how often these are thrown afterwards.
    pub fn split(&mut self) -> Self {
        Self(self.next())
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 33) % end
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0
    }
}
