//! A shell with its runspace and its pipelines.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::super::management::{Management, Problem};
use super::envelope::Fault;
use super::fragment::{self, Incoming, Message, fragments};
use super::object;

/// How long an unused shell is kept when its client does not say.
const IDLE: Duration = Duration::from_mins(15);
/// Pipelines of which something is kept.
const MOST_PIPELINES: usize = 32;

pub struct Shell {
    pub owner: String,
    idle: Duration,
    touched: Instant,
    pool: [u8; 16],
    /// Number of the last message.
    objects: u64,
    incoming: Incoming,
    outgoing: VecDeque<Vec<u8>>,
    pipelines: HashMap<String, Pipeline>,
}

#[derive(Default)]
struct Pipeline {
    incoming: Incoming,
    outgoing: VecDeque<Vec<u8>>,
    over: bool,
}

impl Shell {
    /// Opens the runspace that the first messages ask for.
    pub fn open(owner: &str, idle: Option<Duration>, first: &[u8]) -> Result<Self, Fault> {
        let mut shell = Self {
            owner: owner.to_owned(),
            idle: idle.unwrap_or(IDLE).min(IDLE),
            touched: Instant::now(),
            pool: [0; 16],
            objects: 0,
            incoming: Incoming::default(),
            outgoing: VecDeque::new(),
            pipelines: HashMap::new(),
        };
        let messages = shell.incoming.push(first).ok_or_else(no_fragment)?;
        let kinds: Vec<_> = messages.iter().map(|message| message.kind).collect();
        if kinds.first() != Some(&fragment::SESSION_CAPABILITY) {
            return Err(Fault::bad("a session begins with what its client can do."));
        }
        shell.pool = messages[0].pool;
        shell.hear(&messages);
        Ok(shell)
    }

    pub fn touch(&mut self, now: Instant) {
        self.touched = now;
    }

    pub fn is_forgotten(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.touched) > self.idle
    }

    /// Messages for the runspace itself.
    fn hear(&mut self, messages: &[Message]) {
        for message in messages {
            match message.kind {
                fragment::SESSION_CAPABILITY => self.tell(fragment::SESSION_CAPABILITY, object::CAPABILITY),
                fragment::INIT_RUNSPACEPOOL => {
                    self.tell(fragment::APPLICATION_PRIVATE_DATA, object::PRIVATE_DATA);
                    self.tell(fragment::RUNSPACEPOOL_STATE, object::RUNSPACE_OPENED);
                }
                _ => {}
            }
        }
    }

    fn tell(&mut self, kind: u32, data: &str) {
        self.objects += 1;
        self.outgoing.extend(fragments(self.objects, kind, self.pool, [0; 16], data));
    }

    /// Begins a pipeline; it runs as soon as the message that creates it is complete.
    pub fn start(&mut self, management: &Management, id: &str, first: &[u8]) -> Result<(), Fault> {
        if self.pipelines.len() >= MOST_PIPELINES {
            return Err(Fault::bad("there are too many commands in this shell."));
        }
        if self.pipelines.contains_key(id) {
            return Err(Fault::bad("there is such a command already."));
        }
        self.pipelines.insert(id.to_owned(), Pipeline::default());
        self.take(management, Some(id), first)
    }

    /// Takes further fragments.
    pub fn take(&mut self, management: &Management, command: Option<&str>, bytes: &[u8]) -> Result<(), Fault> {
        let Some(id) = command else {
            let messages = self.incoming.push(bytes).ok_or_else(no_fragment)?;
            self.hear(&messages);
            return Ok(());
        };
        let (pool, objects) = (self.pool, &mut self.objects);
        let pipeline = self.pipelines.get_mut(&id.to_uppercase()).ok_or_else(no_command)?;
        for message in pipeline.incoming.push(bytes).ok_or_else(no_fragment)? {
            if message.kind != fragment::CREATE_PIPELINE || pipeline.over {
                continue;
            }
            for (kind, data) in run(management, &message.data) {
                *objects += 1;
                pipeline.outgoing.extend(fragments(*objects, kind, pool, message.pipeline, &data));
            }
            pipeline.over = true;
        }
        Ok(())
    }

    /// At most so many bytes of what there is to say, and whether that was all that ever comes; none when there is
    /// nothing to say yet.
    pub fn say(&mut self, command: Option<&str>, most: usize) -> Result<Option<(Vec<u8>, bool)>, Fault> {
        let (outgoing, over) = match command {
            None => (&mut self.outgoing, false),
            Some(id) => {
                let pipeline = self.pipelines.get_mut(&id.to_uppercase()).ok_or_else(no_command)?;
                (&mut pipeline.outgoing, pipeline.over)
            }
        };
        let mut stream = Vec::new();
        while let Some(fragment) = outgoing.front() {
            if !stream.is_empty() && stream.len() + fragment.len() > most.min(MOST_AT_ONCE) {
                break;
            }
            stream.extend(outgoing.pop_front().unwrap_or_default());
        }
        let done = over && outgoing.is_empty();
        Ok((!stream.is_empty() || done).then_some((stream, done)))
    }

    pub fn signal(&mut self, command: &str, code: &str) -> Result<(), Fault> {
        let id = command.to_uppercase();
        if !self.pipelines.contains_key(&id) {
            return Err(no_command());
        }
        if code.to_ascii_lowercase().ends_with("/terminate") {
            self.pipelines.remove(&id);
        }
        // What runs here is over before anybody could stop it.
        Ok(())
    }
}

/// Bytes of one answer, however many the client would take.
const MOST_AT_ONCE: usize = 32 << 10;

fn no_fragment() -> Fault {
    Fault::bad("what was sent is no message of the PowerShell Remoting Protocol.")
}

fn no_command() -> Fault {
    Fault::bad("there is no such command in this shell.")
}

/// Runs a pipeline. The messages that come of it.
fn run(management: &Management, data: &str) -> Vec<(u32, String)> {
    let mut messages = vec![(fragment::PIPELINE_STATE, object::pipeline_state(1, ""))];
    let failed = |exception: &str, message: &str, cmdlet: &str, category| {
        let record = object::error(Some("ExceptionAsErrorRecord"), cmdlet, exception, message, category);
        (fragment::PIPELINE_STATE, object::pipeline_state(5, &record))
    };
    let commands = object::commands(data).filter(|commands| !commands.is_empty());
    let Some(commands) = commands else {
        messages.push(failed(
            "System.Management.Automation.RuntimeException",
            "There is no pipeline in it.",
            "",
            (0, ""),
        ));
        return messages;
    };
    if commands.iter().any(|command| command.script) {
        messages.push(failed(
            "System.Management.Automation.ParseException",
            "The syntax is not supported by this runspace. This can occur if the runspace is in no-language mode.",
            "",
            (17, "ParserError"),
        ));
        return messages;
    }
    let (first, others) = (&commands[0], &commands[1..]);
    let result = match others.first() {
        // Nothing is there into which output could go.
        Some(other) => Err(Problem::unknown_cmdlet(&other.name)),
        None => management.invoke(&first.name, &first.parameters),
    };
    match result {
        Ok(output) => {
            let warnings = output.warnings.iter().map(|text| (fragment::WARNING_RECORD, object::warning(text)));
            messages.extend(warnings);
            messages.extend(output.values.iter().map(|value| (fragment::PIPELINE_OUTPUT, object::output(value))));
            messages.push((fragment::PIPELINE_STATE, object::pipeline_state(4, "")));
        }
        Err(problem) => {
            let (exception, message) = problem.told();
            // What PowerShell itself refuses ends the pipeline; what a cmdlet refuses is an error of it.
            if exception.starts_with("System.Management.Automation.") {
                messages.push(failed(&exception, &message, &first.name, (13, "ObjectNotFound")));
            } else {
                let record = object::error(None, &first.name, &exception, &message, (7, "InvalidOperation"));
                messages.push((fragment::ERROR_RECORD, record));
                messages.push((fragment::PIPELINE_STATE, object::pipeline_state(4, "")));
            }
        }
    }
    messages
}
