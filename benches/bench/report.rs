//! The table that `make bench` prints, a row as soon as it is known.

/// Prints what was measured, beside what.
pub struct Report {
    _begun: (),
}

impl Report {
    /// Prints the head of the table.
    pub fn begin() -> Self {
        println!("| what | measured | beside, same run | ratio | goal |");
        println!("| --- | --- | --- | ---: | --- |");
        Self { _begun: () }
    }

    /// A figure with its reference of the same run.
    pub fn compared(&mut self, what: &str, measured: &str, beside: &str, ratio: f64, goal: &str) {
        println!("| {what} | {measured} | {beside} | {ratio:.2} | {goal} |");
    }

    /// A figure that stands alone.
    pub fn alone(&mut self, what: &str, measured: &str, goal: &str) {
        println!("| {what} | {measured} | – | – | {goal} |");
    }
}
