//! The allow list of a room whose files keep members on it: who is put on it, who is taken off, and who is never touched.

use super::plans::{desired, id, user, users};
use proptest::prelude::*;
use roomsync::desired::DesiredRoom;
use roomsync::live::{AllowList, LiveRoom, Observed};
use roomsync::model::{Absent, Limit, MemberSet, Mode, Op, ReasonCode};
use roomsync::plan::{
    self, BatchSizes, Constraints, NotTried, Revocations, RoomPlan, Status, Step, Unsettled, Withdrawn,
    users_of,
};
use std::collections::BTreeSet;
use tokio::time::Instant;

const SIZES: BatchSizes = BatchSizes {
    add_batch: 2,
    remove_batch: 2,
    allow_batch: 3,
    disallow_batch: 3,
};

/// A room of `owner` that keeps these members, and in which nobody is guarded.
fn kept(admins: &[&str], members: &[&str]) -> DesiredRoom {
    let mut room = desired(1, admins, members);
    room.absent = Absent::Keep;
    room.guards.max_removals = Limit::ALL;
    room.guards.max_demotions = Limit::ALL;
    room
}

fn live(admins: &[&str], members: &[&str], list: &[&str]) -> LiveRoom {
    LiveRoom {
        id: id(1),
        name: None,
        owner: Some("owner".to_owned()),
        owner_page: None,
        owner_is_in: true,
        admins: Some(users(admins)),
        members: users(&[admins, members].concat()),
        allow_list: AllowList::Names(users(&[&["owner"], admins, list].concat())),
        foreign: BTreeSet::new(),
        foreign_admins: BTreeSet::new(),
        max_users: None,
        read_at: Instant::now(),
    }
}

fn planned(desired: &DesiredRoom, live: &LiveRoom, constraints: &Constraints) -> RoomPlan {
    let observed = Observed::Complete(live.clone());
    plan::diff(desired, &observed, constraints)
        .unwrap()
        .into_plan(SIZES)
}

fn plan_of(desired: &DesiredRoom, live: &LiveRoom) -> RoomPlan {
    planned(desired, live, &Constraints::default())
}

/// Files by which nobody may go yet.
fn unsettled() -> Constraints {
    Constraints {
        unsettled: Some(Unsettled {
            may_go: Revocations::default(),
            withdrawn: Withdrawn::default(),
            until: "until later".to_owned(),
        }),
        ..Constraints::default()
    }
}

#[test]
fn wanted_members_are_put_on_the_list_and_who_goes_is_taken_off() {
    let room = kept(&["mia"], &["bob", "carol", "dan"]);
    let plan = plan_of(
        &room,
        &live(&["mia"], &["bob", "carol", "eve", "fay"], &["bob", "eve", "zoe"]),
    );
    assert_eq!(
        (&plan.add, &plan.remove),
        (&users(&["dan"]), &users(&["eve", "fay"]))
    );
    assert_eq!(
        (&plan.allow, &plan.disallow),
        (&users(&["carol", "dan"]), &users(&["eve"]))
    );
    let ops: Vec<Op> = plan.steps().iter().map(Step::op).collect();
    assert_eq!(ops, [Op::Add, Op::Allow, Op::Remove, Op::Disallow]);

    // Then nothing is left to do, whoever else is on the list.
    let plan = plan_of(
        &room,
        &live(
            &["mia"],
            &["bob", "carol", "dan"],
            &["bob", "carol", "dan", "zoe"],
        ),
    );
    assert_eq!((plan.status, plan.steps()), (Status::InSync, &[][..]));
    // A room in which only the list differs is one to change.
    let plan = plan_of(
        &room,
        &live(&["mia"], &["bob", "carol", "dan"], &["bob", "carol"]),
    );
    assert_eq!((plan.status, plan.sent(Op::Allow)), (Status::Changed, 1));
}

#[test]
fn the_list_is_nobodys_business_where_the_files_keep_nobody_on_it() {
    let live = live(&["mia"], &["bob", "eve"], &["eve"]);
    for absent in [Absent::Readd, Absent::Ignore] {
        let mut room = kept(&["mia"], &["bob"]);
        room.absent = absent;
        let plan = plan_of(&room, &live);
        assert!(plan.allow.is_empty() && plan.disallow.is_empty());
    }
    // Nor where members are not managed.
    let plan = plan_of(&kept(&["mia"], &[]), &live);
    assert!(plan.steps().is_empty());
}

#[test]
fn an_admin_is_on_the_list_until_demoted() {
    let room = kept(&["mia"], &["bob", "omar"]);
    let live = live(&["mia", "omar"], &["bob"], &["bob"]);
    let plan = plan_of(&room, &live);
    assert_eq!(
        (&plan.demote, &plan.allow),
        (&users(&["omar"]), &users(&["omar"]))
    );
    // While the demotion waits they need no place.
    let unsettled = unsettled();
    let plan = planned(&room, &live, &unsettled);
    assert_eq!((plan.status, plan.sent(Op::Allow)), (Status::Changed, 0));
    // Nor where a guard holds it.
    let mut guarded = room;
    guarded.guards.max_demotions = Limit::Count(0);
    let plan = plan_of(&guarded, &live);
    assert_eq!((plan.status, plan.sent(Op::Allow)), (Status::Blocked, 0));
}

#[test]
fn only_who_is_really_removed_is_taken_off_the_list() {
    let live = live(&["mia"], &["bob", "carol", "eve"], &["eve"]);
    let room = kept(&["mia"], &["bob", "carol"]);
    let kept_back = |plan: &RoomPlan| plan.sent(Op::Disallow) == 0 && plan.disallow == users(&["eve"]);

    let mut blocked = room.clone();
    blocked.guards.max_removals = Limit::Count(0);
    let plan = plan_of(&blocked, &live);
    assert!(plan.status == Status::Blocked && kept_back(&plan) && plan.sent(Op::Allow) == 2);

    let constraints = unsettled();
    let plan = planned(&room, &live, &constraints);
    assert!(kept_back(&plan) && plan.sent(Op::Remove) == 0 && plan.sent(Op::Allow) == 2);

    let mut additive = room.clone();
    additive.mode = Mode::Additive;
    let plan = plan_of(&additive, &live);
    assert!(plan.disallow.is_empty() && plan.sent(Op::Allow) == 2);

    let mut protected = room.clone();
    protected.guards.protect = vec![roomsync::model::Glob::parse("ev*").unwrap()];
    assert!(plan_of(&protected, &live).disallow.is_empty());

    let mut observed = room;
    observed.mode = Mode::Observe;
    let plan = plan_of(&observed, &live);
    assert!(plan.steps().is_empty() && kept_back(&plan) && plan.allow == users(&["bob", "carol"]));
}

#[test]
fn a_list_that_cannot_be_used_is_a_note_and_no_more() {
    let room = kept(&["mia"], &["bob", "carol"]);
    let mut live = live(&["mia"], &["bob", "eve"], &["eve"]);
    let full = NotTried {
        code: ReasonCode::AllowListFull,
        message: "it is full".to_owned(),
    };
    let constraints = Constraints {
        allow_list: Some(full),
        ..Constraints::default()
    };
    let plan = planned(&room, &live, &constraints);
    assert!(
        plan.allow.is_empty() && plan.notes[0].message == "2 members not put on the allow list: it is full"
    );
    // Somebody taken off makes place.
    assert_eq!(plan.sent(Op::Disallow), 1);

    live.allow_list = AllowList::Unreadable("list_allowed: no".to_owned());
    let plan = plan_of(&room, &live);
    assert_eq!(
        (plan.sent(Op::Add), plan.sent(Op::Remove), plan.notes[0].code),
        (1, 1, ReasonCode::AllowListUnusable)
    );
    assert!(plan.allow.is_empty() && plan.disallow.is_empty() && !plan.falls_short());
}

#[test]
fn who_was_removed_meanwhile_is_taken_off_the_list_all_the_same() {
    let room = kept(&["mia"], &["bob"]);
    let before = plan_of(
        &room,
        &live(&["mia"], &["bob", "eve", "fay"], &["bob", "eve", "fay"]),
    );
    let again = |live: LiveRoom| {
        let diff = plan::diff(&room, &Observed::Complete(live), &Constraints::default()).unwrap();
        let plan = diff.revalidate(before.steps(), [], &room).into_plan(SIZES);
        users_of(Op::Disallow, plan.steps())
    };
    // One of them has left, and the service still has both on the list.
    assert_eq!(
        again(live(&["mia"], &["bob", "fay"], &["bob", "eve", "fay"])),
        users(&["eve", "fay"])
    );
    assert_eq!(
        again(live(&["mia"], &["bob", "fay"], &["bob", "fay"])),
        users(&["fay"])
    );
    // Who is an admin by now stays, and so does their place.
    assert_eq!(
        again(live(&["mia", "eve"], &["bob", "fay"], &["bob", "eve", "fay"])),
        users(&["fay"])
    );
}

#[test]
fn what_was_planned_for_a_list_that_can_no_longer_be_read_is_reported() {
    let room = kept(&["mia"], &["bob", "carol"]);
    let before = plan_of(&room, &live(&["mia"], &["bob", "eve"], &["eve"]));
    let mut now = live(&["mia"], &["bob", "eve"], &[]);
    now.allow_list = AllowList::Unreadable("list_allowed: no".to_owned());
    let diff = plan::diff(&room, &Observed::Complete(now), &Constraints::default()).unwrap();
    let plan = diff.revalidate(before.steps(), [], &room).into_plan(SIZES);
    let ops: Vec<Op> = plan.steps().iter().map(Step::op).collect();
    assert_eq!(ops, [Op::Add, Op::Remove]);
    let held: Vec<_> = plan
        .notes
        .iter()
        .filter_map(|note| Some((note.held?, note.user.as_deref()?)))
        .collect();
    assert_eq!(
        held,
        [(Op::Allow, "bob"), (Op::Allow, "carol"), (Op::Disallow, "eve")]
    );
}

/// Some of twelve names.
fn some() -> impl Strategy<Value = MemberSet> {
    prop::collection::btree_set(0..12_u8, 0..12)
        .prop_map(|names| names.iter().map(|n| user(&format!("u{n}"))).collect())
}

proptest! {
    #[test]
    fn the_list_comes_to_the_wanted_members_and_whoever_else_was_on_it(
        members in some(),
        admins in prop::option::of(some()),
        here in some(),
        live_admins in some(),
        list in some(),
        mode in prop::sample::select(Mode::ALL.as_slice()),
        places in prop::option::of(1..14_u64),
        protected in any::<bool>(),
    ) {
        let mut room = kept(&[], &[]);
        room.members = Some(members);
        room.admins = admins;
        room.allow_empty.members = true;
        room.allow_empty.admins = true;
        room.mode = mode;
        if protected {
            room.guards.protect = vec![roomsync::model::Glob::parse("u1*").unwrap()];
        }
        let mut seen = live(&[], &[], &[]);
        let live_admins = live_admins.and(&here);
        seen.members = here;
        seen.admins = Some(live_admins.clone());
        let list = list.or(&live_admins);
        seen.allow_list = AllowList::Names(list.or(&users(&["owner"])));
        seen.max_users = places;
        let plan = plan_of(&room, &seen);

        let wanted = room.members.clone().unwrap_or_default();
        let wanted_admins = room.admins.clone().unwrap_or_default();
        let sent = |op| users_of(op, plan.steps());
        let (allow, disallow) = (sent(Op::Allow), sent(Op::Disallow));
        prop_assert!(allow.minus(&wanted).is_empty() && allow.and(&wanted_admins).is_empty());
        prop_assert!(disallow.minus(&sent(Op::Remove)).is_empty() && disallow.minus(&list).is_empty());
        prop_assert_eq!(&disallow, &sent(Op::Remove).and(&list));
        if mode == Mode::Observe {
            prop_assert!(plan.steps().is_empty());
            return Ok(());
        }

        // After it the list holds who was on it, but for who went, and every wanted member who is there and no admin.
        let there = seen.members.or(&sent(Op::Add)).minus(&sent(Op::Remove));
        let admins_after = live_admins.minus(&sent(Op::Demote)).or(&sent(Op::Promote));
        let by_themselves = list.minus(&live_admins.and(&sent(Op::Demote)));
        let listed = by_themselves.or(&allow).minus(&disallow);
        let missing = wanted.minus(&wanted_admins).and(&there).minus(&listed).minus(&admins_after);
        prop_assert!(missing.is_empty(), "not on the list: {}", missing);
        prop_assert!(allow.minus(&there).is_empty(), "only members can be on it");
        prop_assert!(allow.and(&by_themselves).is_empty(), "nobody is put on it twice");

        // The calls are those of the sizes, each in its place.
        let calls = |op| plan.steps().iter().filter(|step| step.op() == op).count();
        prop_assert_eq!(calls(Op::Allow), allow.len().div_ceil(SIZES.allow_batch));
        prop_assert_eq!(calls(Op::Disallow), disallow.len().div_ceil(SIZES.disallow_batch));
        let at = |op| plan.steps().iter().position(|step| step.op() == op);
        let last = |op| plan.steps().iter().rposition(|step| step.op() == op);
        prop_assert!(last(Op::Add).is_none_or(|add| at(Op::Allow).is_none_or(|allow| add < allow)));
        prop_assert!(last(Op::Remove).is_none_or(|remove| at(Op::Disallow).is_none_or(|off| remove < off)));
    }
}
