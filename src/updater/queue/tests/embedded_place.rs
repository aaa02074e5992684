//! Where the queue's tests open the embedded queue.

use super::{Clock, Concluded, Conclusion, Outcome, Postponed, Queue, QueueError, QueueOptions};

pub async fn open(folder: &std::path::Path, clock: Clock, options: QueueOptions) -> Option<Result<Queue, QueueError>> {
    Some(Queue::open(folder, clock, options).await)
}

/// For the tests of both.
impl Queue {
    pub async fn finish(&self, id: i64, outcome: Outcome) -> Result<(), QueueError> {
        self.turn(vec![Concluded { id, conclusion: Conclusion::Finished(outcome) }], None).await.map(drop)
    }

    pub async fn postpone(&self, id: i64, until: i64, why: Postponed, reason: String) -> Result<(), QueueError> {
        let conclusion = Conclusion::Postponed { until, why, reason };
        self.turn(vec![Concluded { id, conclusion }], None).await.map(drop)
    }
}
