//! Gives the Windows programs their icon, manifest and version. Does nothing for other systems.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=resources/windows");
    println!("cargo:rerun-if-changed=resources/icons");
    // What is built for, not what builds.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("windows") {
        return;
    }
    let mut resource = winresource::WindowsResource::new();
    resource
        .set_icon("resources/icons/sent-items-update.ico")
        .set_manifest_file("resources/windows/manifest.xml")
        .set("ProductName", "Sent Items Update")
        .set("FileDescription", "Sent Items Update")
        .set("LegalCopyright", "MIT OR Apache-2.0");
    if let Err(problem) = resource.compile() {
        // Without a resource compiler the programs work, only plainer.
        println!("cargo:warning=the programs are built without icon, manifest and version: {problem}");
    }
}
