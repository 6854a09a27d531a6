use super::routes::RateBudget;
use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::Instant;

/// "100 per second" (seed, at every call) is read as: any 1,000 ms. Nobody says whether the service's window slides;
/// a client that keeps to this keeps to every kind of window.
const WINDOW: Duration = Duration::from_millis(1000);

/// The call limit of each budget: so many calls in any window, and every call that fits is let through.
#[derive(Debug)]
pub(super) struct Limiter {
    /// `None` lets everything through.
    limit: Option<NonZeroU32>,
    /// The calls let through within the last window, oldest first: never more than the limit.
    admitted: BTreeMap<RateBudget, VecDeque<Instant>>,
}

impl Limiter {
    pub(super) fn new(limit: Option<NonZeroU32>) -> Self {
        Self {
            limit,
            admitted: BTreeMap::new(),
        }
    }

    /// True if a call made now is let through while others have `taken` so many of its budget. One that is not does not
    /// count. `now` must never go back.
    pub(super) fn admit(&mut self, budget: impl Into<RateBudget>, taken: u32, now: Instant) -> bool {
        let Some(limit) = self.limit else { return true };
        let budget = budget.into();
        let limit = budget.most().map_or(limit, |most| most.min(limit));
        let recent = self.admitted.entry(budget).or_default();
        while recent
            .front()
            .is_some_and(|then| now.duration_since(*then) >= WINDOW)
        {
            recent.pop_front();
        }
        let admit = recent.len() < limit.get().saturating_sub(taken) as usize;
        if admit {
            recent.push_back(now);
        }
        admit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::wire::Method;
    use proptest::prelude::*;

    fn limiter(limit: u32) -> Limiter {
        Limiter::new(NonZeroU32::new(limit))
    }

    proptest! {
        /// The definition, written as such: look at every admitted call and the second before each one.
        #[test]
        fn admits_exactly_what_fits_into_any_window(
            limit in 1_u32..8,
            gaps_ms in prop::collection::vec(prop_oneof![0_u64..50, 0_u64..400, 990_u64..1010], 1..200),
        ) {
            let (mut limiter, start) = (limiter(limit), Instant::now());
            let (mut now_ms, mut admitted_ms) = (0, Vec::new());
            for gap_ms in gaps_ms {
                now_ms += gap_ms;
                let in_window = admitted_ms.iter().filter(|&&then| now_ms - then < 1000).count();
                let admit = limiter.admit(Method::AddOne, 0, start + Duration::from_millis(now_ms));
                prop_assert_eq!(admit, in_window < limit as usize);
                if admit {
                    admitted_ms.push(now_ms);
                }
            }
            for from in &admitted_ms {
                let in_window = admitted_ms.iter().filter(|&then| (*from..from + 1000).contains(then)).count();
                prop_assert!(in_window <= limit as usize);
            }
        }
    }

    #[test]
    fn methods_have_budgets_of_their_own() {
        let (mut limiter, now) = (limiter(1), Instant::now());
        for method in Method::ALL {
            assert!(limiter.admit(method, 0, now), "{method}");
            assert!(!limiter.admit(method, 0, now), "{method}");
        }
    }

    #[test]
    fn the_list_of_rooms_has_less() {
        let now = Instant::now();
        for (limit, admitted) in [(100, 50), (10, 10)] {
            let mut limiter = limiter(limit);
            let calls = (0..200).filter(|_| limiter.admit(Method::ListRooms, 0, now));
            assert_eq!(calls.count(), admitted);
        }
    }

    #[test]
    fn what_others_take_is_not_there() {
        let (mut limiter, now) = (limiter(3), Instant::now());
        assert!(!limiter.admit(Method::AddOne, 9, now));
        assert!(limiter.admit(Method::AddOne, 2, now) && !limiter.admit(Method::AddOne, 2, now));
        assert!(limiter.admit(Method::AddOne, 0, now));
    }

    #[test]
    fn zero_is_no_limit() {
        let (mut limiter, now) = (limiter(0), Instant::now());
        assert!((0..1000).all(|_| limiter.admit(Method::AddOne, 0, now)));
    }
}
