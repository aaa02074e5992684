//! The table at the end.

/// What was measured, row by row. Each is printed as soon as it is known, too.
#[derive(Default)]
pub struct Report {
    rows: Vec<[String; 5]>,
}

impl Report {
    pub fn row(&mut self, measure: &str, updater: &str, beside: &str, goal: &str, reached: &str) {
        println!("{measure}: {updater}; {beside}; {reached}, the goal is {goal}");
        self.rows.push([measure, updater, beside, goal, reached].map(str::to_owned));
    }

    pub fn not_measured(what: &str, why: &str) {
        println!("NOT MEASURED: {what}: {why}");
    }

    pub fn print(&self) {
        println!("\n| measure | updater | beside | goal | reached |\n|---|---|---|---|---|");
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
    }
}
