//! `SECURITY.md` names the test that holds each promise: a test that is renamed must not leave a promise to nobody.

use std::collections::BTreeSet;
use std::path::Path;

/// All sources in which tests can be.
fn sources(folder: &Path, found: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let hidden = path.file_name().unwrap().to_string_lossy().starts_with(['.', '_']);
        if path.is_dir() && !hidden && !path.ends_with("node_modules") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
            found.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The last cell of each row of a table, if it is one of tests.
fn named(page: &str) -> BTreeSet<&str> {
    let mut of_tests = false;
    let mut names = BTreeSet::new();
    for line in page.lines() {
        let Some(cell) = line.strip_suffix(" |").and_then(|row| row.rsplit("| ").next()) else { continue };
        if cell == "test" || !cell.contains('`') {
            of_tests = cell == "test" || of_tests && cell.starts_with("see ");
        } else if of_tests {
            names.extend(cell.split('`').skip(1).step_by(2));
        }
    }
    names
}

#[test]
fn every_test_that_the_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let mut tests = String::new();
    for folder in ["src", "tests"] {
        sources(&root.join(folder), &mut tests);
    }
    let names = named(&page);
    assert!(names.len() > 40, "the tables are read: {names:?}");
    let is_there = |name: &&str| tests.contains(&format!("fn {name}(")) || tests.contains(&format!("def {name}("));
    let missing: Vec<_> = names.iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
