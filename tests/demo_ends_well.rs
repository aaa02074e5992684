//! The first thing that anybody tries.

mod process;

use process::{PROGRAM, Place, text};

/// X1
#[test]
fn the_demo_ends_as_expected_and_leaves_pages_to_look_at() {
    let place = Place::new();
    let folder = place.folder().join("demo");
    let output = std::process::Command::new(PROGRAM)
        .args(["demo", "--keep", folder.to_str().unwrap()])
        .env_remove("SIU_LOG")
        .output()
        .unwrap();
    let (out, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}\n{said}");
    assert!(out.contains("All of it as it should be") && !out.contains("UNEXPECTED"), "{out}");
    let pages = folder.join("pages");
    let index = std::fs::read_to_string(pages.join("index.html")).unwrap();
    let mut pairs = 0;
    for entry in std::fs::read_dir(&pages).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        let name = entry.file_name().into_string().unwrap();
        assert!(index.contains(&format!("{name}/index.html")), "{name} is not in the list");
        let page = std::fs::read_to_string(entry.path().join("index.html")).unwrap();
        for side in ["before", "after"] {
            if page.contains(&format!("{side}.html")) {
                for end in ["eml", "html", "txt"] {
                    let file = entry.path().join(format!("{side}.{end}"));
                    assert!(file.exists(), "{} is not there", file.display());
                    // A message that is signed as a whole has no text to show.
                    assert!(end == "txt" || file.metadata().unwrap().len() > 0, "{} is empty", file.display());
                }
                pairs += 1;
            }
        }
    }
    assert!(pairs >= 20, "{pairs}");
}

#[test]
fn a_folder_with_something_in_it_is_not_played_in() {
    let place = Place::new();
    std::fs::write(place.folder().join("precious"), "").unwrap();
    let output = place.output(&["demo", "--keep", place.folder().to_str().unwrap()]);
    let said = text(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("holds something else"), "{said}");
}
