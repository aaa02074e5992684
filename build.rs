//! Gives the Windows programs their icon, manifest, version, and the table that the event viewer reads. Does nothing for
//! other systems.

use std::path::{Path, PathBuf};

/// Event IDs of `service::event_log::Kind`.
const EVENTS: [u32; 4] = [100, 101, 200, 300];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=resources/windows");
    println!("cargo:rerun-if-changed=resources/icons");
    // What is built for, not what builds.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("windows") {
        return;
    }
    if let Err(problem) = resources() {
        // Without a resource compiler the programs work, only plainer.
        println!("cargo:warning=the programs are built without icon, manifest and version: {problem}");
    }
}

fn resources() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::var_os("OUT_DIR").ok_or_else(|| std::io::Error::other("no OUT_DIR"))?);
    let table = folder.join("messages.bin");
    std::fs::write(&table, message_table())?;
    let mut resource = winresource::WindowsResource::new();
    resource
        .set_icon("resources/icons/sent-items-update.ico")
        .set_manifest_file("resources/windows/manifest.xml")
        .set("ProductName", "Sent Items Update")
        .set("FileDescription", "Sent Items Update")
        .set("CompanyName", "Sent Items Update")
        .set("LegalCopyright", "MIT OR Apache-2.0")
        // 11 is RT_MESSAGETABLE.
        .append_rc_content(&format!("1 11 \"{}\"\n", quoted(&table)));
    resource.compile()
}

/// As a resource compiler reads a path.
fn quoted(path: &Path) -> String {
    path.display().to_string().replace('\\', "\\\\")
}

/// A `MESSAGE_RESOURCE_DATA`: one text for each event ID, which is the entry's own.
fn message_table() -> Vec<u8> {
    const BLOCK: usize = 12;
    const ENTRY: usize = 12;
    let mut table = u32::try_from(EVENTS.len()).expect("few").to_le_bytes().to_vec();
    for (number, event) in EVENTS.iter().enumerate() {
        let offset = u32::try_from(4 + EVENTS.len() * BLOCK + number * ENTRY).expect("few");
        for word in [*event, *event, offset] {
            table.extend(word.to_le_bytes());
        }
    }
    for _ in EVENTS {
        // The length, this header included and in steps of four; UTF-16; the text, filled up with zeros.
        table.extend(u16::try_from(ENTRY).expect("short").to_le_bytes());
        table.extend(1_u16.to_le_bytes());
        for unit in "%1".encode_utf16().chain([0, 0]) {
            table.extend(unit.to_le_bytes());
        }
    }
    table
}
