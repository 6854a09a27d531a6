use super::cancel::Cancel;
use super::in_flight::InFlight;
use super::options::ApplyOptions;
use crate::chat::wire::Method;
use crate::chat::{Client, Reader};
use tokio::sync::Semaphore;

/// State that the rooms of one run share.
pub(super) struct RunContext<'a> {
    pub(super) client: &'a Client,
    pub(super) reader: Reader,
    pub(super) in_flight: InFlight,
    /// For last looks at admins.
    pub(super) last_looks: Semaphore,
    pub(super) options: ApplyOptions<'a>,
}

impl<'a> RunContext<'a> {
    pub(super) fn new(client: &'a Client, options: ApplyOptions<'a>) -> Self {
        let reader = client.reader();
        Self {
            client,
            in_flight: InFlight::new(options.at_once),
            last_looks: Semaphore::new(last_looks_at_a_time(&reader)),
            reader,
            options,
        }
    }

    /// Waits until everything recorded so far is written. If it cannot be, the run ends.
    pub(super) async fn written(&self, cancel: &Cancel) {
        if let Some(journal) = self.options.journal
            && let Err(reason) = journal.written().await
        {
            cancel.now(reason.clone());
            self.options.cancel.now(reason);
        }
    }
}

/// Most last looks at admins in flight: a quarter of a second's calls, so that removal checks, for which rooms wait, come soon.
fn last_looks_at_a_time(reader: &Reader) -> usize {
    const PART: usize = 4;
    let budget = reader.budget();
    let admins = budget.iter().find(|budget| budget.method == Method::ListAdmins);
    admins.map_or(1, |budget| (budget.full / PART).max(1))
}
