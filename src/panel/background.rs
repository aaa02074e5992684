//! Work beside the UI thread. The UI starts it, never waits for it, and takes what came of it when it draws; whoever
//! finishes something asks for a repaint.

use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;

use futures_util::{Stream, StreamExt as _};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// Where work is started. Cheap to clone.
#[derive(Clone)]
pub struct Background {
    runtime: Handle,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Background {
    /// `wake` asks for a repaint.
    pub fn new(runtime: Handle, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { runtime, wake: Arc::new(wake) }
    }

    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Asks for a repaint.
    pub fn wake(&self) {
        (self.wake)();
    }

    /// Starts something with one result.
    pub fn task<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Task<T> {
        let (give, results) = mpsc::channel();
        let wake = self.at_the_end();
        let running = self.runtime.spawn(async move {
            // In this order: first there is nothing more to come, then the window hears of it.
            let (_wake, give) = (wake, give);
            // Nobody waits any more when the task was dropped.
            let _ = give.send(work.await);
        });
        Task { results, running: running.abort_handle() }
    }

    fn at_the_end(&self) -> WakeAtTheEnd {
        WakeAtTheEnd(self.wake.clone())
    }

    /// Starts something with many results.
    pub fn feed<T: Send + 'static>(&self, work: impl Stream<Item = T> + Send + 'static) -> Feed<T> {
        let (give, results) = mpsc::channel();
        let wake = self.at_the_end();
        let running = self.runtime.spawn(async move {
            let (wake, give) = (wake, give);
            let mut work = pin!(work);
            while let Some(result) = work.next().await {
                if give.send(result).is_err() {
                    return;
                }
                (wake.0)();
            }
        });
        Feed { results, running: running.abort_handle() }
    }
}

/// Asks for a repaint when it is dropped: however work ends, a panic included, the window takes note.
struct WakeAtTheEnd(Arc<dyn Fn() + Send + Sync>);

impl Drop for WakeAtTheEnd {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Something under way with one result. Dropping it ends the work.
#[derive(Debug)]
#[must_use = "dropping it ends the work"]
pub struct Task<T> {
    results: mpsc::Receiver<T>,
    running: AbortHandle,
}

/// How a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled<T> {
    Running,
    Ready(T),
    /// It broke, or its result was taken before.
    Gone,
}

impl<T> Task<T> {
    /// The result, once; never waits.
    pub fn poll(&mut self) -> Polled<T> {
        match self.results.try_recv() {
            Ok(result) => Polled::Ready(result),
            Err(mpsc::TryRecvError::Empty) => Polled::Running,
            Err(mpsc::TryRecvError::Disconnected) => Polled::Gone,
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Something under way with many results. Dropping it ends the work.
#[derive(Debug)]
#[must_use = "dropping it ends the work"]
pub struct Feed<T> {
    results: mpsc::Receiver<T>,
    running: AbortHandle,
}

impl<T> Feed<T> {
    /// The next result that is there already; never waits. `Gone`: there are no more to come.
    pub fn poll(&mut self) -> Polled<T> {
        match self.results.try_recv() {
            Ok(result) => Polled::Ready(result),
            Err(mpsc::TryRecvError::Empty) => Polled::Running,
            Err(mpsc::TryRecvError::Disconnected) => Polled::Gone,
        }
    }
}

impl<T> Drop for Feed<T> {
    fn drop(&mut self) {
        self.running.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_result_is_taken_once_and_wakes_the_window() {
        let (woken, wakes) = mpsc::channel();
        let background = Background::new(Handle::current(), move || {
            let _ = woken.send(());
        });
        let (go, gone) = tokio::sync::oneshot::channel();
        let mut task = background.task(async move { gone.await.unwrap_or(0) });
        assert_eq!(task.poll(), Polled::Running);
        go.send(7).unwrap();
        while wakes.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!((task.poll(), task.poll()), (Polled::Ready(7), Polled::Gone));
    }

    /// Work that breaks is told as such: nothing on the screen waits for it for ever.
    #[tokio::test]
    async fn work_that_breaks_wakes_the_window_too() {
        let (woken, wakes) = mpsc::channel();
        let background = Background::new(Handle::current(), move || {
            let _ = woken.send(());
        });
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let mut task: Task<()> = background.task(async move {
            let _ = gone.await;
            panic!("as this test wants it");
        });
        assert_eq!((task.poll(), wakes.try_recv().is_err()), (Polled::Running, true));
        go.send(()).unwrap();
        while wakes.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!(task.poll(), Polled::Gone);
        let mut feed: Feed<()> = background.feed(futures_util::stream::once(async { panic!("this one, too") }));
        while wakes.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
        assert_eq!(feed.poll(), Polled::Gone);
    }

    #[tokio::test]
    async fn dropping_a_task_ends_its_work() {
        struct Falls(mpsc::Sender<()>);
        impl Drop for Falls {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        let background = Background::new(Handle::current(), || {});
        let (told, ended) = mpsc::channel();
        let falls = Falls(told);
        let task = background.task(async move {
            let _falls = falls;
            std::future::pending::<()>().await;
        });
        drop(task);
        while ended.try_recv().is_err() {
            tokio::task::yield_now().await;
        }
    }
}
