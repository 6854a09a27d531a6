//! Answers that several askers share.

use std::sync::Arc;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Something that is costly to make. It is made once at a time, and everybody who asks meanwhile shares the next one: none is older than
/// its question.
#[derive(Debug)]
pub(super) struct Shared<T>(Mutex<Option<Made<T>>>);

#[derive(Debug)]
struct Made<T> {
    begun: Instant,
    it: Arc<T>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Shared<T> {
    /// Gives one that is no older than this call. `None`: it cannot be made.
    pub(super) async fn get(&self, make: impl Future<Output = Option<T>>) -> Option<Arc<T>> {
        let asked = Instant::now();
        let mut last = self.0.lock().await;
        if let Some(made) = last.as_ref().filter(|made| made.begun >= asked) {
            return Some(Arc::clone(&made.it));
        }
        let begun = Instant::now();
        let it = Arc::new(make.await?);
        *last = Some(Made {
            begun,
            it: Arc::clone(&it),
        });
        Some(it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use tokio::time::{advance, sleep};

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_meanwhile_shares_the_next_one_and_nobody_gets_an_old_one() {
        let (shared, number) = (Shared::default(), AtomicUsize::new(0));
        let ask = async |after: u64| {
            sleep(Duration::from_millis(after)).await;
            let make = async {
                sleep(Duration::from_millis(100)).await;
                Some(number.fetch_add(1, Ordering::Relaxed))
            };
            *shared.get(make).await.unwrap()
        };
        let made = join_all([0, 10, 20, 30, 150].map(&ask)).await;
        assert_eq!(made, [0, 1, 1, 1, 2]);
        advance(Duration::from_millis(1)).await;
        assert_eq!(ask(0).await, 3);
        assert!(shared.get(async { None }).await.is_none());
        assert_eq!(ask(0).await, 4);
    }
}
