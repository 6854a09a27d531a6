//! The budget against a model that knows the whole history and nothing of the code.

use super::*;
use crate::model::Limit;
use std::collections::BTreeSet;
use std::time::Duration;

const HOUR: i64 = 3600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

fn user(n: usize) -> UserId {
    UserId::parse(&format!("u{n}")).unwrap()
}

fn set(names: impl IntoIterator<Item = usize>) -> MemberSet {
    names.into_iter().map(user).collect()
}

/// A room whose people are removed as soon as nothing keeps them.
struct Room {
    history: ListHistory,
    budget: RemovalBudget,
    list: MemberSet,
    live: BTreeSet<UserId>,
    /// Lists with the time from which each was in force.
    lists: Vec<(i64, MemberSet)>,
    /// People who were put out, and when.
    removals: Vec<(i64, UserId)>,
}

impl Room {
    fn new(budget: RemovalBudget, list: MemberSet) -> Self {
        let mut history = ListHistory::default();
        history.take(None, &list, at(0));
        Self {
            history,
            budget,
            live: list.iter().cloned().collect(),
            lists: vec![(0, list.clone())],
            list,
            removals: Vec::new(),
        }
    }

    fn edit(&mut self, list: MemberSet, now: i64) {
        self.history.take(Some(&self.list), &list, at(now));
        self.live.extend(list.iter().cloned());
        self.lists.push((now, list.clone()));
        self.list = list;
        self.pass(now);
    }

    /// Puts out whoever may go.
    fn pass(&mut self, now: i64) {
        self.history
            .advance(self.list.len() as u64, &self.budget, at(now));
        let kept = self.kept();
        let going: Vec<UserId> = self
            .live
            .iter()
            .filter(|user| !self.list.contains(user) && !kept.contains(user))
            .cloned()
            .collect();
        for user in going {
            self.live.remove(&user);
            self.removals.push((now, user));
        }
    }

    fn kept(&self) -> MemberSet {
        let kept = self.history.kept(self.list.len() as u64, &self.budget);
        kept.map(|kept| kept.users).unwrap_or_default()
    }

    /// The lists in force at some time after `from`, up to `to`.
    fn lists_within(&self, from: i64, to: i64) -> impl Iterator<Item = &MemberSet> {
        let ends = self
            .lists
            .iter()
            .skip(1)
            .map(|(begun, _)| *begun)
            .chain([i64::MAX]);
        let spans = self.lists.iter().zip(ends);
        spans
            .filter(move |((begun, _), end)| *begun <= to && *end > from)
            .map(|((_, list), _)| list)
    }

    /// Asserts that no window has let more people go than the budget: of those whom the files wanted within it.
    fn assert_within_budget(&self, seed: u64) {
        let window = i64::try_from(self.budget.window.as_secs()).unwrap();
        let times: BTreeSet<i64> = self.removals.iter().map(|(time, _)| *time).collect();
        for to in times {
            let from = to - window;
            let wanted = MemberSet::of_all(self.lists_within(from, to));
            let largest = self.lists_within(from, to).map(MemberSet::len).max().unwrap();
            let wanted_again = |user: &UserId, since: i64| {
                let mut later = self
                    .lists
                    .iter()
                    .filter(|(begun, _)| (since + 1..=to).contains(begun));
                later.any(|(_, list)| list.contains(user))
            };
            let gone: BTreeSet<&UserId> = self
                .removals
                .iter()
                .filter(|(time, user)| *time > from && *time <= to && !wanted_again(user, *time))
                .map(|(_, user)| user)
                .filter(|user| wanted.contains(user))
                .collect();
            let allowed = self.budget.of(largest as u64);
            assert!(
                gone.len() as u64 <= allowed,
                "seed {seed}: {} gone until {to}, {allowed} allowed: {:?}",
                gone.len(),
                self.removals
            );
        }
    }
}

#[test]
fn no_chain_of_edits_lets_more_go_in_any_window_than_the_budget() {
    for seed in 0..2_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let budget = RemovalBudget {
            limit: Limit::Share([0, 1_000, 5_000, 9_000][random.usize(0..4)]),
            at_least: random.u64(0..8),
            window: Duration::from_secs(60 * random.u64(1..48 * 60)),
        };
        let names = random.usize(1..60);
        let some = |random: &mut fastrand::Rng, share: f64| -> MemberSet {
            set((0..names).filter(|_| random.f64() < share))
        };
        let first = some(&mut random, 0.9);
        let mut room = Room::new(budget, first);
        let mut now = 0;
        for _ in 0..random.usize(1..50) {
            now += match random.u8(0..3) {
                0 => random.i64(1..10),
                1 => random.i64(1..HOUR),
                _ => random.i64(1..6 * HOUR),
            };
            match random.u8(0..4) {
                0 => room.pass(now),
                1 => {
                    let list = some(&mut random, 0.8);
                    room.edit(list, now);
                }
                _ => {
                    let stays = random.f64();
                    let names = room.list.iter().filter(|_| random.f64() < stays);
                    let list: MemberSet = names.cloned().collect();
                    let more = some(&mut random, 0.05);
                    room.edit(list.or(&more), now);
                }
            }
            // Somebody who is kept, or a stranger, comes back whenever they like.
            if random.bool() {
                room.live.insert(user(random.usize(0..names + 5)));
            }
            if random.u8(0..8) == 0 {
                let json = serde_json::to_string(&room.history).unwrap();
                assert_eq!(serde_json::from_str::<ListHistory>(&json).unwrap(), room.history);
            }
        }
        room.assert_within_budget(seed);
    }
}

/// Edits of a quarter each, all at once: who goes, and who is kept.
fn emptied(size: usize) -> (usize, usize) {
    let mut room = Room::new(RemovalBudget::default(), set(0..size));
    let mut left = size;
    for second in 0..60 {
        left -= left.div_ceil(4).min(left - 1);
        room.edit(set(0..left), second);
    }
    (room.removals.len(), room.kept().len())
}

#[test]
fn many_small_steps_end_at_the_budget() {
    let table = [1, 2, 3, 5, 10, 100, 1_000].map(emptied);
    assert_eq!(
        table,
        [(0, 0), (1, 0), (2, 0), (4, 0), (5, 4), (50, 49), (500, 499)]
    );
}

#[test]
fn who_is_kept_goes_when_the_window_has_room_at_once_when_the_budget_allows_it_and_stays_when_wanted_again() {
    let mut room = Room::new(RemovalBudget::default(), set(0..10));
    room.edit(set(7..10), HOUR);
    assert_eq!((room.removals.len(), room.kept().len()), (5, 2));
    let kept = room.history.kept(3, &room.budget).unwrap();
    assert_eq!((kept.dropped, kept.of, kept.next), (7, 10, Some(at(25 * HOUR))));
    room.pass(25 * HOUR - 1);
    assert_eq!(room.kept().len(), 2);
    room.pass(25 * HOUR);
    assert_eq!((room.removals.len(), room.kept().len()), (7, 0));

    let mut room = Room::new(RemovalBudget::default(), set(0..10));
    room.edit(set(7..10), 0);
    room.edit(set(0..10), 10);
    assert!(room.kept().is_empty());
    room.edit(set(7..10), 20);
    assert_eq!(room.kept().len(), 2);
    room.budget.limit = Limit::ALL;
    room.edit(set(7..10), 30);
    assert!(room.kept().is_empty() && room.live.len() == 3);
}

#[test]
fn who_was_kept_for_a_window_does_not_go_all_at_once() {
    let mut room = Room::new(RemovalBudget::default(), set(0..100));
    room.edit(set(0..1), 0);
    let mut by_day = Vec::new();
    for day in 0..10 {
        for hour in 0..24 {
            room.pass(day * 24 * HOUR + hour * HOUR);
        }
        by_day.push(room.removals.len());
    }
    assert_eq!(by_day, [50, 75, 88, 94, 99, 99, 99, 99, 99, 99]);
}

#[test]
fn strangers_are_not_counted() {
    let mut room = Room::new(RemovalBudget::default(), set(0..10));
    for day in 0..5_i64 {
        for stranger in 0..100 {
            room.live.insert(user(1_000 + stranger));
        }
        room.pass(day * 24 * HOUR);
    }
    assert_eq!(room.removals.len(), 500);
    assert!(room.history.is_empty());
}

#[test]
fn a_normal_year_is_never_kept() {
    // One person in ten is replaced each month, at any time of it.
    for size in [1, 2, 3, 5, 10, 30, 100, 300, 1_000] {
        let mut random = fastrand::Rng::with_seed(size as u64);
        let mut room = Room::new(RemovalBudget::default(), set(0..size));
        let mut list: Vec<usize> = (0..size).collect();
        let replaced = (size * 12).div_ceil(10);
        let mut times: Vec<i64> = (0..replaced).map(|_| random.i64(0..365 * 24 * HOUR)).collect();
        times.sort_unstable();
        for (next, time) in (size..).zip(times) {
            list.swap_remove(random.usize(0..list.len()));
            list.push(next);
            room.edit(set(list.iter().copied()), time);
            assert!(room.kept().is_empty(), "{size} people, after {time} s");
        }
        assert_eq!(room.removals.len(), replaced);
    }
}

/// A duty that passes between `people`, `changes` times a day, for a week: how many are kept at some time who should not be there.
fn rota(people: usize, changes: i64) -> usize {
    let mut room = Room::new(RemovalBudget::default(), set(0..1));
    let mut most = 0;
    for change in 1..=changes * 7 {
        let time = change * 24 * HOUR / changes;
        let on_duty = usize::try_from(change).unwrap() % people;
        room.edit(set([on_duty]), time);
        most = most.max(room.kept().len());
    }
    most
}

#[test]
fn a_rota_of_more_than_five_others_a_day_keeps_some() {
    let table = [3, 7, 24].map(|changes| [2, 3, 7].map(|people| rota(people, changes)));
    // Of seven people six are off duty, and five may be so within a day.
    assert_eq!(table, [[0, 0, 0], [0, 0, 1], [0, 0, 1]]);
}

/// An edit a minute for a day: the daemon asks every second.
#[test]
fn very_many_edits_are_judged_fast() {
    let budget = RemovalBudget {
        limit: Limit::parse("50%").unwrap(),
        at_least: 5,
        window: Duration::from_secs(24 * 3600),
    };
    let (edits, people) = (1_200, 1_500);
    let mut history = ListHistory::default();
    for gone in 1..=edits {
        let now = at(60 * i64::try_from(gone).unwrap());
        history.take(Some(&set(gone - 1..people)), &set(gone..people), now);
    }
    let begun = std::time::Instant::now();
    history.advance((people - edits) as u64, &budget, at(60 * 1_201));
    // Of a list of 1,500, half: a minute and more, where every two times are compared.
    assert_eq!(
        history.kept(300, &budget).unwrap().users.len(),
        edits - people / 2
    );
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
