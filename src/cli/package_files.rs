//! `siu-updater package-files`: what a package of the programs brings beside them, made from the command line itself.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;

use super::failure::Failure;

/// Write manual pages and completions of the shells into a folder, for those who make packages
#[derive(Debug, Args)]
pub struct Arguments {
    /// Folder to write into; made if it isn't there
    folder: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = &arguments.folder;
    write(folder).map_err(|error| Failure::new(format!("the files can't be written to {}: {error}", folder.display())))
}

fn write(folder: &Path) -> io::Result<()> {
    let mut command = super::Arguments::command();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let place = folder.join(shell.to_string());
        std::fs::create_dir_all(&place)?;
        clap_complete::generate_to(shell, &mut command, "siu-updater", &place)?;
    }
    let place = folder.join("man");
    std::fs::create_dir_all(&place)?;
    command.build();
    pages(&command, &place)
}

/// One page a command, as git has them: `siu-updater-settings-set(1)`.
fn pages(command: &Command, place: &Path) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .title(name.to_uppercase())
        .manual("Sent Items Update")
        .source(format!("Sent Items Update {}", env!("CARGO_PKG_VERSION")))
        .render(&mut page)?;
    std::fs::write(place.join(format!("{name}.1")), page)?;
    command
        .get_subcommands()
        .filter(|inner| inner.get_name() != "help" && !inner.is_hide_set())
        .try_for_each(|inner| pages(inner, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_every_shell_its_completions() {
        let folder = tempfile::tempdir().unwrap();
        run(&Arguments { folder: folder.path().join("made") }).unwrap();
        let read = |path: &str| std::fs::read_to_string(folder.path().join("made").join(path)).unwrap();
        for page in ["siu-updater.1", "siu-updater-run.1", "siu-updater-settings-set.1"] {
            assert!(read(&format!("man/{page}")).contains(".TH"), "{page}");
        }
        for completions in ["bash/siu-updater.bash", "zsh/_siu-updater", "fish/siu-updater.fish"] {
            let text = read(completions);
            assert!(text.contains("autodiscover") && !text.contains("package-files\n"), "{completions}");
        }
        assert!(!folder.path().join("made/man/siu-updater-package-files.1").exists());
    }
}
