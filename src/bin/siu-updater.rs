//! The updater and its command line.

// A message is read, compared and written in thousands of small pieces by several threads at a time. The allocators of
// the systems, Windows' above all, spend a good part of the time on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    sent_items_update::cli::main()
}
