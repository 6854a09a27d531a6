//! Division of a comment that is too small for all.

/// However many there are to share it, the first ones get something to read: so many bytes, about a hundred rows.
pub(super) const FLOOR: usize = 1_500;

/// Bytes that a part of the comment needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    /// With less it cannot be shown at all.
    pub(super) least: usize,
    /// With this much nothing of it is left out; not less than `least`.
    pub(super) need: usize,
}

impl Ask {
    /// The bytes asked for beyond `share`.
    pub(super) fn beyond(self, share: usize) -> Self {
        Self {
            least: if share > 0 { 0 } else { self.least },
            need: self.need.saturating_sub(share),
        }
    }
}

/// Shares the bytes out. Those who need little get all they need, the others as much as each other. Where that is too little
/// to be of use, the first ones get something, and the last ones nothing.
pub(super) fn shares(asks: &[Ask], budget: usize) -> Vec<usize> {
    let share = |ask: &Ask, cap: usize| ask.need.min(cap).max(ask.least);
    let fits = |cap: usize| {
        let sum = |sum: usize, ask| sum.saturating_add(share(ask, cap));
        asks.iter().fold(0, sum) <= budget
    };
    // The largest cap under which all shares fit.
    let (mut cap, mut too_much) = (FLOOR, budget.max(FLOOR) + 1);
    while too_much - cap > 1 {
        let middle = cap.midpoint(too_much);
        if fits(middle) {
            cap = middle;
        } else {
            too_much = middle;
        }
    }
    let mut left = Some(budget);
    asks.iter()
        .map(|ask| {
            let granted = left.map_or(0, |left| share(ask, cap).min(left));
            if granted < ask.least {
                left = None;
                return 0;
            }
            left = left.map(|left| left - granted);
            granted
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_ones_get_all_and_large_ones_alike() {
        let asks =
            [(10, 100), (10, 90_000), (10, 20_000), (10, 2_000)].map(|(least, need)| Ask { least, need });
        assert_eq!(shares(&asks, 200_000), [100, 90_000, 20_000, 2_000]);
        assert_eq!(shares(&asks, 42_100), [100, 20_000, 20_000, 2_000]);
        assert_eq!(shares(&asks, 12_100), [100, 5_000, 5_000, 2_000]);
        assert_eq!(shares(&asks, 1_800), [100, 1_500, 200, 0]);
        assert_eq!(shares(&asks, 1_605), [100, 1_500, 0, 0]);
        assert_eq!(shares(&asks, 9), [0, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn no_more_is_shared_out_than_there_is(
            asks in prop::collection::vec((0usize..3_000, 0usize..30_000), 0..40),
            budget in 0usize..70_000,
        ) {
            let asks: Vec<Ask> = asks.into_iter().map(|(least, more)| Ask { least, need: least + more }).collect();
            let shares = shares(&asks, budget);
            prop_assert!(shares.iter().sum::<usize>() <= budget);
            for (share, ask) in shares.iter().zip(&asks) {
                prop_assert!(*share <= ask.need && (*share == 0 || *share >= ask.least));
            }
            if asks.iter().map(|ask| ask.need).sum::<usize>() <= budget {
                prop_assert!(shares.iter().zip(&asks).all(|(share, ask)| *share == ask.need));
            }
        }
    }
}
