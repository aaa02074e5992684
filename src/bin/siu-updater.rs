//! The updater and its command line.

fn main() -> std::process::ExitCode {
    sent_items_update::cli::main()
}
