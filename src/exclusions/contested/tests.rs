use super::*;
use proptest::prelude::*;
use std::time::Duration;

fn room() -> RoomId {
    RoomId::parse("7").unwrap()
}

fn user() -> UserId {
    UserId::parse("mia").unwrap()
}

fn steady(hours: i64) -> Timestamp {
    Timestamp::from_second(hours * 3600).unwrap()
}

/// One person's promotion, in a room that is looked at every minute.
struct Story {
    all: Contested,
    now: Instant,
    named_by: Option<String>,
}

impl Story {
    fn new() -> Self {
        Self {
            all: Contested::default(),
            now: Instant::now(),
            named_by: None,
        }
    }

    fn promote(&mut self) {
        self.now += Duration::from_secs(30);
        self.all.done(&room(), Op::Promote, [&user()], self.now);
    }

    fn look(&mut self, standing: Standing, hours: i64) -> ContestNews {
        self.now += Duration::from_secs(30);
        let named_by = self.named_by.clone();
        self.all.see(
            &room(),
            self.now,
            |_, _, _| standing,
            |_| named_by.clone(),
            steady(hours),
        )
    }

    fn waits(&self, hours: i64) -> bool {
        let (wall, steady) = (steady(1_000 + hours), steady(hours));
        let now = Moment { wall, steady };
        assert!(self.all.waiting_in(&room(), Op::Add, now).is_empty());
        let waiting = self.all.waiting_in(&room(), Op::Promote, now);
        assert_eq!(waiting.len(), self.all.shown(now).len());
        !waiting.is_empty()
    }

    /// Has it contested at this time.
    fn contest(&mut self, hours: i64) {
        for n in 0..3 {
            self.promote();
            let news = self.look(Standing::Undone, hours);
            assert_eq!(news.differs(), n == 2);
        }
        assert!(self.waits(hours));
    }
}

#[tokio::test(start_paused = true)]
async fn three_of_four_looks_are_a_contest_and_two_are_not() {
    let [undone, stands, gone] = [Standing::Undone, Standing::Stands, Standing::Gone];
    for (looks, is_contest) in [
        (vec![undone, undone, undone], true),
        (vec![undone, undone, stands, undone], true),
        (vec![undone, gone, undone, undone], true),
        (vec![undone, stands, undone, stands, undone, stands], false),
        (vec![gone; 9], false),
        (vec![stands; 9], false),
        (vec![undone, undone, stands, stands, undone, undone], false),
    ] {
        let mut story = Story::new();
        for standing in &looks {
            story.promote();
            let _ = story.look(*standing, 0);
        }
        assert_eq!(story.waits(0), is_contest, "{looks:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_what_we_did_before_the_look_counts() {
    let mut story = Story::new();
    story.promote();
    for _ in 0..9 {
        // Undone once. That it is so still says nothing more.
        let _ = story.look(Standing::Undone, 0);
    }
    assert!(!story.waits(0));
    let before = story.now;
    for _ in 0..9 {
        story.promote();
        // A look that began before.
        let _ = story
            .all
            .see(&room(), before, |_, _, _| Standing::Undone, |_| None, steady(0));
        story.all.not_done(&room(), Op::Promote, &user());
        let _ = story.look(Standing::Undone, 0);
    }
    assert!(!story.waits(0), "it was not done after all");
    for _ in 0..9 {
        story.promote();
        let _ = story.look(Standing::Unread, 0);
    }
    assert!(!story.waits(0));
}

#[tokio::test(start_paused = true)]
async fn a_day_frees_and_so_do_others_and_a_changed_file() {
    let mut story = Story::new();
    story.named_by = Some("one".to_owned());
    story.contest(5);
    // As it is, it is no reason to try.
    let _ = story.look(Standing::Undone, 6);
    assert!(story.waits(28) && !story.waits(29));
    let kept = story.all.entries();
    story.all = Contested::from_entries(kept);
    assert!(story.waits(28) && !story.waits(29), "a restart does not free");
    story.all.forget(steady(28));
    assert!(story.waits(28));
    story.all.forget(steady(29));
    assert!(story.all.rooms.is_empty());

    story.contest(5);
    let digest = |text: &str| BTreeMap::from([(user(), text.to_owned())]);
    assert!(!story.all.let_go(&digest("one")));
    assert!(story.waits(5));
    assert!(story.all.let_go(&digest("two")));
    assert!(!story.waits(5));

    story.contest(5);
    assert!(story.all.let_go(&BTreeMap::new()), "no file names them");
    story.contest(5);
    assert!(story.all.forget_others(|_| false));

    story.contest(5);
    // What was on its way when it was given up is our own doing.
    story.promote();
    assert_eq!(story.look(Standing::Stands, 6), ContestNews::default());
    let _ = story.look(Standing::Undone, 6);
    assert!(story.waits(6));
    assert_eq!(story.look(Standing::Stands, 6).free, [(user(), Op::Promote)]);
    assert!(!story.waits(6));
    story.contest(5);
    assert!(!story.look(Standing::Unwanted, 6).differs());
    assert!(!story.waits(6));
}

#[tokio::test(start_paused = true)]
async fn what_stands_is_not_followed_for_ever_and_no_more_are_than_a_bound() {
    let mut all = Contested::default();
    let mut now = Instant::now();
    let users: Vec<UserId> = (0..MOST + 9)
        .map(|n| UserId::parse(&format!("u{n}")).unwrap())
        .collect();
    all.done(&room(), Op::Add, &users, now);
    let followed = |all: &Contested| all.rooms.values().map(BTreeMap::len).sum::<usize>();
    assert_eq!(followed(&all), MOST);
    for _ in 0..LOOKS {
        now += Duration::from_secs(1);
        let _ = all.see(&room(), now, |_, _, _| Standing::Stands, |_| None, steady(0));
    }
    assert_eq!(followed(&all), 0);
    all.forget(steady(1));
    all.done(&room(), Op::Add, &users[..9], now);
    assert_eq!(followed(&all), 9);
}

/// What happens, one after the other.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// We promote, if nothing keeps us from it.
    Promote,
    Look(Standing),
    /// A look that began before the last one, or before we promoted.
    OldLook(Standing),
    Hours(i64),
    File,
    Restart,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let standing = prop_oneof![
        3 => Just(Standing::Undone),
        1 => Just(Standing::Stands),
        1 => Just(Standing::Gone),
        1 => Just(Standing::Unread),
    ];
    let event = prop_oneof![
        8 => Just(Event::Promote),
        8 => standing.clone().prop_map(Event::Look),
        1 => standing.prop_map(Event::OldLook),
        1 => (1..30_i64).prop_map(Event::Hours),
        1 => Just(Event::File),
        1 => Just(Event::Restart),
    ];
    prop::collection::vec(event, 1..200)
}

proptest! {
    #[test]
    fn nobody_is_left_alone_unless_three_of_the_last_four_looks_showed_it(events in events()) {
        let mut story = Story::new();
        let begun = story.now;
        let mut hours = 0;
        let mut file = 0_u32;
        // The last looks that say something: whether they show that others undid what we did since the look before.
        let mut looks: Vec<bool> = Vec::new();
        let (mut done, mut is_followed, mut quiet) = (false, false, 0);
        // Something is known since the start, of which an earlier look says nothing.
        let mut is_known = false;
        let mut waits_until: Option<i64> = None;
        story.named_by = Some(file.to_string());
        for event in events {
            let waited = story.waits(hours);
            match event {
                Event::Promote if !waited => {
                    story.promote();
                    if !std::mem::replace(&mut is_followed, true) {
                        quiet = 0;
                    }
                    (done, is_known) = (true, true);
                }
                Event::Promote => {}
                Event::Look(Standing::Unread) => {
                    prop_assert!(!story.look(Standing::Unread, hours).differs());
                }
                Event::Look(standing) => {
                    let news = story.look(standing, hours);
                    looks.push(standing == Standing::Undone && done);
                    done &= standing == Standing::Stands;
                    let undone = looks.iter().rev().take(4).filter(|undone| **undone).count();
                    quiet = if looks.last() == Some(&true) { 0 } else { quiet + 1 };
                    if quiet >= 4 {
                        // Long enough as wanted, or gone: it is followed no more.
                        (done, is_followed) = (false, false);
                    }
                    prop_assert_eq!(!news.free.is_empty(), waited && standing == Standing::Stands);
                    if !news.given_up.is_empty() {
                        prop_assert!(undone >= 3, "{:?}", looks);
                        waits_until = Some(hours + 24);
                        looks.clear();
                        is_followed = false;
                    } else {
                        prop_assert!(undone < 3, "{:?}", looks);
                    }
                    is_known = done || !looks.is_empty();
                }
                Event::OldLook(standing) if is_known => {
                    let kept = story.all.entries();
                    let news = story.all.see(&room(), begun, |_, _, _| standing, |_| None, steady(hours));
                    prop_assert!(!news.differs());
                    prop_assert_eq!(story.all.entries(), kept);
                }
                Event::OldLook(_) => {}
                Event::Hours(more) => {
                    hours += more;
                    story.all.forget(steady(hours));
                }
                Event::File => {
                    file += 1;
                    story.named_by = Some(file.to_string());
                    let freed = story.all.let_go(&BTreeMap::from([(user(), file.to_string())]));
                    prop_assert_eq!(freed, waited);
                    prop_assert!(!story.waits(hours));
                }
                Event::Restart => {
                    let kept = story.all.entries();
                    story.all = Contested::from_entries(kept);
                    looks.clear();
                    (done, is_known, is_followed) = (false, false, false);
                    prop_assert_eq!(story.waits(hours), waited);
                }
            }
            let waits = story.waits(hours);
            prop_assert!(!waits || waits_until.is_some_and(|until| hours < until));
        }
        // With nothing but time they are free.
        prop_assert!(!story.waits(hours + 24));
    }
}
