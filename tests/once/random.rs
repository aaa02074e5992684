//! Schedules by chance: several crashes in one run, answers that are lost after the write took effect, a server that is
//! busy, a mailbox that is being moved.
//!
//! `SIU_ONCE_SEED` repeats a run, `SIU_ONCE_CASES` says how many cases; without them a new seed each time, and 150.

use std::cell::Cell;
use std::time::Instant;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use sent_items_update::sandbox::faults::{Fault, Rule as FaultRule};
use sent_items_update::updater::boundaries::Operation;

use crate::life::{Beside, Crash, How, Open};
use crate::mail::ANNA;
use crate::scenario::{self, Stored};
use crate::world::World;
use crate::{AT_A_TIME, WRITES, play_in};

/// What happens in one case.
#[derive(Debug, Clone)]
struct Schedule {
    scenario: usize,
    all_first: bool,
    crashes: Vec<Crash>,
    faults: Vec<FaultRule>,
    /// For so many quiet moments the mailbox is being moved.
    moving: usize,
    /// On a shared queue: another updater is at work all the while.
    beside: bool,
}

fn schedules(scenarios: usize) -> impl Strategy<Value = Schedule> {
    let how = prop_oneof![Just(How::Kill), Just(How::PowerCut)];
    let write = prop::sample::select(WRITES.to_vec());
    let crash = prop_oneof![
        4 => (1_usize..35, how).prop_map(|(passings, how)| Crash::After { passings, how }),
        1 => (write, 1_usize..3, 1_u64..60).prop_map(|(operation, nth, late)| Crash::UnderWay { operation, nth, late }),
    ];
    let moving = prop_oneof![4 => Just(0_usize), 1 => 1_usize..5];
    let (crashes, faults) = (prop::collection::vec(crash, 0..4), prop::collection::vec(faults(), 0..4));
    (0..scenarios, any::<bool>(), crashes, faults, moving, any::<bool>()).prop_map(
        |(scenario, all_first, crashes, faults, moving, beside)| Schedule {
            scenario,
            all_first,
            crashes,
            faults,
            moving,
            beside,
        },
    )
}

/// Trouble that passes.
fn faults() -> impl Strategy<Value = FaultRule> {
    let refuse = |code: &str, back_off_milliseconds, fault| Fault::Refuse {
        code: code.into(),
        message: None,
        back_off_milliseconds,
        fault,
    };
    let fault = prop_oneof![
        3 => any::<bool>().prop_map(|executed| Fault::Drop { executed }),
        1 => any::<bool>().prop_map(|executed| Fault::Status { status: 503, retry_after: None, executed }),
        1 => any::<bool>().prop_map(|executed| Fault::Html { executed }),
        1 => any::<bool>().prop_map(|executed| Fault::Garbage { executed }),
        1 => Just(Fault::Truncate { bytes: None }),
        1 => (1_u64..30).prop_map(|milliseconds| Fault::Delay { milliseconds }),
        2 => Just(refuse("ErrorServerBusy", Some(2_500), Some(500))),
        1 => Just(refuse("ErrorServerBusy", Some(2_500), None)),
        1 => Just(refuse("ErrorMailboxMoveInProgress", None, None)),
        1 => Just(refuse("ErrorIrresolvableConflict", None, None)),
    ];
    let operation = prop::option::of(prop::sample::select(Operation::ALL.to_vec()));
    (fault, operation, 0_u64..4, 1_u64..3).prop_map(|(fault, operation, skip, times)| {
        let rule = FaultRule::every(fault).of(ANNA).after(skip).times(times);
        match operation {
            Some(operation) => rule.on(&format!("{operation:?}")),
            None => rule,
        }
    })
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable}: a number")))
}

/// U8
#[test]
fn whatever_happens_by_chance_the_end_is_the_specified_one() {
    run("exactly once, by chance", 150, World::new);
}

/// So many cases, unless the environment says otherwise, in worlds that are made with a number each.
pub fn run(what: &str, cases: u64, world: impl Fn(u64) -> World + Sync) {
    let began = Instant::now();
    let seed = number("SIU_ONCE_SEED").unwrap_or_else(|| rand::random::<u32>().into());
    let cases = number("SIU_ONCE_CASES").unwrap_or(cases);
    eprintln!("{what}: SIU_ONCE_SEED={seed}");
    let results: Vec<_> = std::thread::scope(|scope| {
        let world = &world;
        let workers: Vec<_> =
            (0..AT_A_TIME).map(|at| scope.spawn(move || explore(world, at, seed, cases / AT_A_TIME))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let (lives, crashes): (usize, usize) = results.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    eprintln!("{what}: {cases} cases, {lives} starts, {crashes} crashes; {:.1} s", began.elapsed().as_secs_f64());
}

/// Returns how many lives and crashes there were.
fn explore(world: impl Fn(u64) -> World, at: u64, seed: u64, cases: u64) -> (usize, usize) {
    let scenarios: Vec<_> =
        scenario::all().into_iter().filter(|scenario| scenario.stored != Stored::BeforeTheRetry).collect();
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&at.to_le_bytes());
    let config = Config {
        cases: u32::try_from(cases).unwrap(),
        failure_persistence: None,
        max_shrink_iters: 60,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let world = world(100 + at);
    let (lives, crashes) = (Cell::new(0), Cell::new(0));
    let result = runner.run(&schedules(scenarios.len()), |schedule| {
        let mut scenario = scenarios[schedule.scenario].clone();
        scenario.all_first = schedule.all_first;
        let mut case = world.case(&scenario);
        for fault in &schedule.faults {
            world.control.add_fault(fault.clone()).unwrap();
        }
        if schedule.moving > 0 {
            world.move_mailbox(&case, schedule.moving);
        }
        let beside = world.folder_beside(&case).filter(|_| schedule.beside);
        let beside = beside.map(|folder| Beside::start(Open::in_folder(&folder, &world, &case)));
        let result = play_in(&world, &mut case, &schedule.crashes, beside.as_ref());
        let stopped = beside.map_or(Ok(()), Beside::stop);
        let (ended, starts) = result
            .and_then(|result| stopped.map(|()| result))
            .map_err(|problem| TestCaseError::fail(format!("{}: {problem}", scenario.name)))?;
        lives.set(lives.get() + starts);
        crashes.set(crashes.get() + ended);
        Ok(())
    });
    if let Err(problem) = result {
        panic!("SIU_ONCE_SEED={seed}, runner {at}: {problem}");
    }
    (lives.get(), crashes.get())
}
