//! The table that `make bench` prints.

/// One line: what was measured, beside what.
struct Line {
    what: String,
    measured: String,
    beside: String,
    ratio: String,
    goal: String,
}

/// Collects lines and prints them as one table at the end; each is also printed when it is known.
#[derive(Default)]
pub struct Report {
    lines: Vec<Line>,
}

impl Report {
    /// A figure with its reference of the same run.
    pub fn compared(&mut self, what: &str, measured: &str, beside: &str, ratio: f64, goal: &str) {
        self.push(what, measured, beside, &format!("{ratio:.2}"), goal);
    }

    /// A figure that stands alone.
    pub fn alone(&mut self, what: &str, measured: &str, goal: &str) {
        self.push(what, measured, "–", "–", goal);
    }

    fn push(&mut self, what: &str, measured: &str, beside: &str, ratio: &str, goal: &str) {
        eprintln!("{what}: {measured} | beside {beside} | ratio {ratio} | goal {goal}");
        self.lines.push(Line {
            what: what.to_owned(),
            measured: measured.to_owned(),
            beside: beside.to_owned(),
            ratio: ratio.to_owned(),
            goal: goal.to_owned(),
        });
    }

    /// Prints the table on stdout.
    pub fn print(&self) {
        println!("| what | measured | beside, same run | ratio | goal |");
        println!("| --- | --- | --- | ---: | --- |");
        for line in &self.lines {
            println!("| {} | {} | {} | {} | {} |", line.what, line.measured, line.beside, line.ratio, line.goal);
        }
    }
}
