//! Exactly once, in effect (U8): the updater is ended dead at every boundary between two effects, started again, and
//! what the mailbox and the queue show in the end is held against the specification.
//!
//! The engine, the queue and the sandbox are the real ones, over HTTP on loopback; only the clock is the test's. A kill
//! leaves what was written; a power cut takes what was not flushed to disk, too; and a request that was under way at a kill
//! takes effect after the next start has begun. After a power cut it has taken effect by then: which messages were at work
//! is not on disk, so that the next start could not know that it has to look twice.

mod check;
mod life;
mod mail;
mod random;
mod scenario;
#[cfg(unix)]
mod shared;
mod world;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sent_items_update::updater::boundaries::{Boundary, Operation};

use life::{Beside, Crash, How, live};
use scenario::{Moved, Scenario};
use world::{Case, World};

/// Cases at a time, each in a world of its own: much of their time is spent waiting for one another's disk and sockets.
const AT_A_TIME: u64 = 3;

/// Requests that are carried out although nobody waits for them any more.
const WRITES: [Operation; 5] = [
    Operation::CreateAttachment,
    Operation::DeleteAttachment,
    Operation::UpdateItem,
    Operation::CreateItem,
    Operation::DeleteItem,
];

/// Milliseconds after the crash at which such a request takes effect: while the next start begins, and while it works.
const LATE: [u64; 3] = [2, 25, 80];

/// What was found on the way.
#[derive(Default)]
struct Found {
    cases: usize,
    lives: usize,
    /// The crash did not come, because the run took another course.
    missed: usize,
    struck: BTreeSet<Boundary>,
    problems: Vec<String>,
}

impl Found {
    fn tell(&self, what: &str, scenarios: usize, began: Instant) {
        eprintln!(
            "{what}: {scenarios} scenarios, {} cases, {} starts, {} of {} boundaries, {} crashes did not come; {:.1} s",
            self.cases,
            self.lives,
            self.struck.len(),
            Boundary::all().count(),
            self.missed,
            began.elapsed().as_secs_f64()
        );
    }

    /// No problem, a crash at each of these, and of all crashes less than one in so many that did not come.
    fn is_good(&self, boundaries: &[Boundary], one_in: usize) {
        assert!(self.problems.is_empty(), "{} problems:\n{}", self.problems.len(), self.problems.join("\n\n"));
        let never: Vec<_> = boundaries.iter().filter(|boundary| !self.struck.contains(boundary)).collect();
        assert!(never.is_empty(), "no scenario was ended at {never:?}");
        assert!(self.missed * one_in < self.cases, "{} of {} crashes did not come", self.missed, self.cases);
    }
}

/// Lives through crashes, then to the end. Returns how many crashes struck, and how many lives it took.
fn play(world: &World, scenario: &Scenario, crashes: &[Crash]) -> Result<(usize, usize), String> {
    let mut case = world.case(scenario);
    play_in(world, &mut case, crashes, None)
}

fn play_in(
    world: &World,
    case: &mut Case,
    crashes: &[Crash],
    beside: Option<&Beside>,
) -> Result<(usize, usize), String> {
    let mut struck = 0;
    for crash in crashes {
        let life = live(world, case, Some(*crash), beside)?;
        check::nothing_is_lost(world, case)?;
        if life.crashed.is_none() {
            break;
        }
        struck += 1;
        if case.scenario.moved == Moved::BetweenTwoLives {
            world.owner_moves(case);
        }
    }
    if struck == crashes.len() {
        live(world, case, None, beside)?;
    }
    world.settle();
    check::end_state(world, case)?;
    Ok((struck, case.lives))
}

/// What the scenario passes when nothing is interrupted, and how often. What it asks of the server has passed its
/// boundaries, all of it.
fn undisturbed(world: &World, scenario: &Scenario) -> BTreeMap<Boundary, usize> {
    let mut case = world.case(scenario);
    let before = world.control.statistics().ews();
    let life = live(world, &mut case, None, None).unwrap_or_else(|problem| panic!("{}: {problem}", scenario.name));
    let requests = world.control.statistics().ews() - before;
    check::end_state(world, &case).unwrap_or_else(|problem| panic!("{}, undisturbed: {problem}", scenario.name));
    let mut passed = BTreeMap::new();
    for at in life.passed {
        *passed.entry(at).or_default() += 1;
    }
    let sent: usize = Operation::ALL.iter().filter_map(|one| passed.get(&Boundary::RequestToSend(*one))).sum();
    assert_eq!(u64::try_from(sent).unwrap(), requests, "{}: a request passes no boundary", scenario.name);
    passed
}

/// Every crash that the scenario can meet.
fn crashes(passed: &BTreeMap<Boundary, usize>) -> Vec<Crash> {
    let mut crashes = Vec::new();
    for (&boundary, &times) in passed {
        for nth in 1..=times {
            crashes.extend([How::Kill, How::PowerCut].map(|how| Crash::At { boundary, nth, how }));
            match boundary {
                Boundary::RequestToSend(operation) if WRITES.contains(&operation) => {
                    crashes.extend(LATE.map(|late| Crash::UnderWay { operation, nth, late }));
                }
                _ => {}
            }
        }
    }
    crashes
}

/// Plays the cases, several at a time.
fn play_all(cases: Vec<(&Scenario, Crash)>, world: impl Fn(u64) -> World + Sync) -> Found {
    let (cases, found) = (Mutex::new(VecDeque::from(cases)), Mutex::new(Found::default()));
    std::thread::scope(|scope| {
        for number in 1..=AT_A_TIME {
            let (cases, found, world) = (&cases, &found, &world);
            scope.spawn(move || {
                let world = world(number);
                loop {
                    let Some((scenario, crash)) = cases.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
                    else {
                        break;
                    };
                    let result = play(&world, scenario, &[crash]);
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    found.cases += 1;
                    match result {
                        Ok((struck, lives)) => {
                            found.lives += lives;
                            found.missed += usize::from(struck == 0);
                            if let (1, Crash::At { boundary, .. }) = (struck, crash) {
                                found.struck.insert(boundary);
                            }
                        }
                        Err(problem) => found.problems.push(format!("{}, {crash:?}: {problem}", scenario.name)),
                    }
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// U8
#[test]
fn whatever_ends_the_updater_at_whichever_boundary_the_next_start_brings_it_to_the_specified_end() {
    let began = Instant::now();
    let scenarios = scenario::all();
    let mut cases = Vec::new();
    {
        let world = World::new(0);
        for scenario in &scenarios {
            cases.extend(crashes(&undisturbed(&world, scenario)).into_iter().map(|crash| (scenario, crash)));
        }
    }
    let found = play_all(cases, World::new);
    found.tell("exactly once", scenarios.len(), began);
    found.is_good(&Boundary::all().collect::<Vec<_>>(), 10);
}
