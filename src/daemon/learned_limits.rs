//! The way to the service, and the batch sizes of adds and removals that the service taught on it, if they are smaller than configured. They are kept
//! through reloads and restarts for as long as service, app and configured size stay the same.

use crate::apply::CallEvidence;
use crate::chat::{BatchLimits, Client, Reader};
use crate::model::log_code;
use crate::settings::Settings;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Everything that a batch size depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LimitScope {
    url: String,
    app: String,
    configured: BatchLimits,
}

/// Batch sizes that a service taught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LearnedLimits {
    url: String,
    app: String,
    add: Option<Size>,
    remove: Option<Size>,
}

/// Batch size of one method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Size {
    configured: usize,
    taught: usize,
}

impl LimitScope {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            url: settings.service.url.to_string(),
            app: settings.service.app.to_string(),
            configured: BatchLimits {
                add: settings.limits.add_batch,
                remove: settings.limits.remove_batch,
            },
        }
    }

    /// Limits that are lower than configured. `None`: none is.
    fn learned(&self, sizes: BatchLimits) -> Option<LearnedLimits> {
        let size = |configured, taught| (taught < configured).then_some(Size { configured, taught });
        let add = size(self.configured.add, sizes.add);
        let remove = size(self.configured.remove, sizes.remove);
        (add.is_some() || remove.is_some()).then(|| LearnedLimits {
            url: self.url.clone(),
            app: self.app.clone(),
            add,
            remove,
        })
    }

    /// Limits to begin with.
    fn limits(&self, taught: &LearnedLimits) -> BatchLimits {
        let same = (&self.url, &self.app) == (&taught.url, &taught.app);
        let size = |configured: usize, size: Option<Size>| {
            let size = size.filter(|size| same && size.configured == configured);
            size.map_or(configured, |size| size.taught)
        };
        BatchLimits {
            add: size(self.configured.add, taught.add),
            remove: size(self.configured.remove, taught.remove),
        }
    }
}

/// The way to the service. A dry run has no client to write with.
#[derive(Debug, Clone)]
pub(super) struct ServiceLink {
    pub(super) reader: Reader,
    pub(super) writes: Option<Client>,
    /// Number of rooms that are worked on at a time.
    pub(super) at_once: usize,
    /// Passes that run at the same time know of each other's calls.
    pub(super) evidence: Arc<CallEvidence>,
    limit_scope: LimitScope,
}

impl ServiceLink {
    /// The way that these settings describe. `writes`: it may write to the service.
    pub(super) fn new(client: Client, settings: &Settings, writes: bool) -> Self {
        Self {
            reader: client.reader(),
            writes: writes.then_some(client),
            at_once: settings.limits.concurrency,
            evidence: Arc::default(),
            limit_scope: LimitScope::of(settings),
        }
    }

    /// Begins with the limits learned before, if they still apply.
    pub(super) fn begin_with(&self, learned: Option<&LearnedLimits>) {
        let Some(learned) = learned else { return };
        let limits = self.limit_scope.limits(learned);
        if limits != self.limit_scope.configured {
            self.reader.lower_batch_limits(limits);
            let BatchLimits { add, remove } = limits;
            tracing::info!(
                code = log_code::LIMIT_REMEMBERED,
                add,
                remove,
                "keeping to fewer names in one call than configured, as the server taught before"
            );
        }
    }

    /// Limits learned so far, if they are lower than configured. The outer `None`: the settings describe another way by now, which
    /// has limits of its own.
    pub(super) fn learned(&self, settings: &Settings) -> Option<Option<LearnedLimits>> {
        let is_current = self.limit_scope == LimitScope::of(settings);
        is_current.then(|| self.limit_scope.learned(self.reader.batch_limits()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(add: usize, remove: usize) -> LimitScope {
        LimitScope {
            url: "https://a61.chat.example/".to_owned(),
            app: "acme#demo".to_owned(),
            configured: BatchLimits { add, remove },
        }
    }

    #[test]
    fn a_size_is_kept_for_the_same_service_app_and_configured_size() {
        let sizes = BatchLimits { add: 60, remove: 40 };
        assert_eq!(terms(60, 40).learned(sizes), None);
        let taught = terms(60, 100).learned(sizes).unwrap();
        let begins = |terms: &LimitScope| terms.limits(&taught);
        assert_eq!(begins(&terms(60, 100)), sizes);
        assert_eq!(begins(&terms(30, 100)), BatchLimits { add: 30, remove: 40 });
        assert_eq!(begins(&terms(60, 90)), BatchLimits { add: 60, remove: 90 });
        assert_eq!(begins(&terms(60, 20)), BatchLimits { add: 60, remove: 20 });
        for other in [
            LimitScope {
                url: "https://a62.chat.example/".to_owned(),
                ..terms(60, 100)
            },
            LimitScope {
                app: "acme#live".to_owned(),
                ..terms(60, 100)
            },
        ] {
            assert_eq!(begins(&other), other.configured);
        }
    }
}
