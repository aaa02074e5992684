//! Hostile input at every place where bytes of others are read: nothing may panic, hang or take for ever. A kept corpus is
//! replayed, then mutated for a bounded time.
//!
//! `SIU_FUZZ_SECONDS` says for how long each target is tried, 2 without it; `SIU_FUZZ_SEED` repeats a run. What fails is
//! written to `target/fuzz/`, as is what libFuzzer finds with the same doors (`fuzz/`, `tests/run fuzz`); put it into
//! `tests/fixtures/fuzz/TARGET/`, where it is replayed from then on.

mod doors;
mod mutate;

use std::panic;
use std::path::Path;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use doors::{Door, Open, SLOW, files};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

/// What panicked since the last look, in any thread or task.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn panics() -> Vec<String> {
    std::mem::take(&mut PANICS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Panics of the product are noted; those of this test itself are shown as ever.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.location().is_some_and(|at| at.file().contains("tests/fuzz")) {
                usual(info);
            } else {
                PANICS.lock().unwrap_or_else(PoisonError::into_inner).push(info.to_string());
            }
        }));
    });
}

/// Targets are tried one at a time, so that a panic is that of the input at hand.
static ALONE: Mutex<()> = Mutex::new(());

fn fuzz(door: &Door) {
    let (target, mut corpus) = (door.name, (door.seeds)());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    listen();
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("SIU_FUZZ_SEED").unwrap_or_else(|| rand::random::<u32>().into());
    let seconds = Duration::from_secs(number("SIU_FUZZ_SECONDS").unwrap_or(2));
    corpus.extend(files(&format!("fuzz/{target}"), &[""]));
    assert!(!corpus.is_empty(), "{target}: the corpus is missing");
    hand_out(target, &corpus, door.words);
    let Open { mut try_it, close } = (door.open)();
    let mut random = StdRng::seed_from_u64(seed);
    let (began, mut tried) = (Instant::now(), 0_usize);
    loop {
        let input = match corpus.get(tried) {
            Some(kept) => kept.clone(),
            None if began.elapsed() > seconds => break,
            None => mutate::mutated(&mut random, &corpus, door.words),
        };
        let start = Instant::now();
        let broke = panic::catch_unwind(panic::AssertUnwindSafe(|| try_it(&input))).is_err();
        let (took, panics) = (start.elapsed(), panics());
        if broke || !panics.is_empty() || took > SLOW {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
            std::fs::create_dir_all(&folder).unwrap();
            let path = folder.join(format!("{target}-{seed}-{tried}"));
            std::fs::write(&path, &input).unwrap();
            panic!("{target}, SIU_FUZZ_SEED={seed}: {} took {took:?}: {panics:#?}", path.display());
        }
        tried += 1;
    }
    eprintln!("fuzz {target}: {tried} inputs in {:.1} s, SIU_FUZZ_SEED={seed}", began.elapsed().as_secs_f64());
    close();
}

/// Gives libFuzzer (`fuzz/`) the same to begin with: inputs and words, in `target/tmp/fuzz`.
fn hand_out(target: &str, corpus: &[Vec<u8>], words: &[&[u8]]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz").join(target);
    std::fs::create_dir_all(&folder).unwrap();
    for (number, input) in corpus.iter().enumerate() {
        std::fs::write(folder.join(number.to_string()), input).unwrap();
    }
    let quoted = |word: &&[u8]| word.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let words: String = words.iter().map(|word| format!("\"{}\"\n", quoted(word))).collect();
    std::fs::write(folder.with_extension("dict"), words).unwrap();
}

#[test]
fn mime() {
    fuzz(&doors::MIME);
}

#[test]
fn journal_reports() {
    fuzz(&doors::JOURNAL);
}

#[test]
fn answers_of_exchange() {
    fuzz(&doors::SOAP);
}

#[test]
fn sessions() {
    fuzz(&doors::SMTP);
}

#[cfg(unix)]
#[test]
fn requests_to_the_local_api() {
    fuzz(&doors::API);
}
