//! Batch sizes smaller than configured that the service taught: kept through reloads and restarts, as long as service, app and
//! configured size stay the same. Another size in the settings has them learned anew.

use super::engine::Engine;
use super::passes::Way;
use crate::chat::BatchLimits;
use crate::settings::Settings;
use serde::{Deserialize, Serialize};

/// What a batch size depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LimitScope {
    url: String,
    app: String,
    configured: BatchLimits,
}

/// What a service taught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LearnedLimits {
    url: String,
    app: String,
    add: Option<Size>,
    remove: Option<Size>,
}

/// Of one method.
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

    /// What these sizes tell of the service; `None`: nothing, they are as configured.
    fn taught(&self, sizes: BatchLimits) -> Option<LearnedLimits> {
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

    /// The sizes to begin with.
    fn sizes(&self, taught: &LearnedLimits) -> BatchLimits {
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

impl Way {
    /// Begins with what was taught before, where it still applies.
    pub(super) fn begin_with(&self, taught: Option<&LearnedLimits>) {
        let Some(taught) = taught else { return };
        let sizes = self.limit_scope.sizes(taught);
        if sizes != self.limit_scope.configured {
            self.reader.lower_batch_limits(sizes);
            let BatchLimits { add, remove } = sizes;
            tracing::info!(
                add,
                remove,
                "keeping to fewer names in one call than configured, as the server taught before"
            );
        }
    }
}

impl Engine {
    /// Keeps what was taught on the way to the service; forgets what other settings make another question.
    pub(super) fn learn(&mut self, way: &Way) {
        // What went another way than that of the settings now is no longer asked about.
        if way.limit_scope != LimitScope::of(&self.settings) {
            return;
        }
        let taught = way.limit_scope.taught(way.reader.batch_limits());
        if taught != self.ledger.learned_limits {
            self.ledger.learned_limits = taught;
            self.save_ledger();
        }
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
        assert_eq!(terms(60, 40).taught(sizes), None);
        let taught = terms(60, 100).taught(sizes).unwrap();
        let begins = |terms: &LimitScope| terms.sizes(&taught);
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
