//! Says, at the end of `cargo test`, which tests it did not run: those that need other programs than Rust.
//! `tests/run` knows them, installs what they need and runs them.

/// Parts of `tests/run` that are `cargo` alone.
const WITHOUT_LAB: [&str; 5] = ["fmt", "clippy", "test", "updater-only", "demo"];

fn main() {
    let script = std::fs::read_to_string("tests/run").expect("tests/run is there");
    let parts: Vec<_> = script
        .lines()
        .skip_while(|line| !line.starts_with("purpose()"))
        .take_while(|line| *line != "}")
        .filter_map(|line| line.trim().strip_suffix("\" ;;")?.split_once(") echo \""))
        .filter(|(part, _)| !WITHOUT_LAB.contains(part))
        .collect();
    assert!(!parts.is_empty(), "tests/run lists no part that needs the lab");
    println!("\nNot run by `cargo test`, because they need more than Rust; `tests/run` runs them:");
    for (part, purpose) in parts {
        println!("  {part:<20} {purpose}");
    }
    println!();
}
