//! Wanted against live.

use super::allow_list::Listing;
use super::changes::Changes;
use super::ended::{self, Last};
use super::live_digest::live_digest;
use super::order::Capacity;
use super::{Constraints, GuardTripped, LiveSummary, Note, RoomDiff, RoomPlan, guard};
use crate::desired::DesiredRoom;
use crate::live::{LiveRoom, Observed};
use crate::model::{Absent, MAX_ADMINS, MemberSet, Mode, ReasonCode, UserId};
use sha2::{Digest as _, Sha256};

/// Compares what is wanted in a room with what is there, less what the constraints keep from being done. The error is a room
/// in which nothing can be done.
pub fn diff(
    desired: &DesiredRoom,
    observed: &Observed,
    constraints: &Constraints,
) -> Result<RoomDiff, Box<RoomPlan>> {
    let live = observed.room();
    let fail = |code, message: String| {
        let mut plan = RoomPlan::failed(desired.id.clone(), desired.name.clone(), Note::new(code, message));
        plan.live = Some(Seen::new(desired, live).summary());
        Err(Box::new(plan))
    };
    if let (Some(wanted), Some(owner)) = (&desired.owner, &live.owner)
        && wanted.as_str() != owner
    {
        return fail(
            ReasonCode::OwnerDiffers,
            format!(
                "the files say {wanted} owns this room, but {owner:?} does; correct the file, or transfer the room"
            ),
        );
    }
    let wanted = match Wanted::new(desired, live) {
        Ok(wanted) => wanted,
        Err(key) => {
            let message = format!(
                "with the owner left out, `{key}` comes to nobody; if that is meant, add `allow_empty: {key}`"
            );
            return fail(ReasonCode::Empty, message);
        }
    };

    let seen = Seen::new(desired, live);
    let mut notes: Vec<Note> = seen.foreign.iter().map(|name| foreign_note(name)).collect();
    if let Observed::Partial(_, inconsistency) = observed {
        notes.push(Note::new(
            ReasonCode::IncompleteRead,
            format!(
                "the room could not be read completely, so {}: {inconsistency}",
                if live.owner.is_some() {
                    "nobody is removed or demoted"
                } else {
                    "nobody is removed, promoted or demoted"
                }
            ),
        ));
    }
    let mut changes = compare(desired, observed, &wanted, &seen, &mut notes);
    let not_here = match desired.absent {
        Absent::Readd | Absent::Keep => MemberSet::default(),
        Absent::Ignore => constraints.leave_absent(&mut changes, wanted.admins.as_ref()),
    };
    if !not_here.is_empty() {
        let message = format!("{} not here, not added: absent: ignore", not_here.len());
        notes.push(Note::new(ReasonCode::Absent, message));
    }
    constraints.take_from(&mut changes, &mut notes);
    let listing = Listing {
        desired,
        allow_list: &live.allow_list,
        wanted_members: wanted.members.as_ref(),
        wanted_admins: wanted.admins.as_ref(),
        wanted: &wanted.people,
        owner: seen.owner,
        members: &seen.members,
        admins: seen.admins.as_ref(),
    };
    let on_list = listing.unwanted(&changes, observed.complete().is_some());
    let approved = constraints.approved.within(&changes);
    approved.set_apart(&mut changes);
    let (last, mut kept_by) = wanted.last.keep(&mut changes, &mut notes);
    let (over_budget, budgets) = constraints.keep_within_budget(&mut changes, &mut notes);
    kept_by.extend(budgets);
    let by_files = match desired.mode {
        Mode::Observe => Vec::new(),
        Mode::Authoritative | Mode::Additive => constraints.blocks(&changes, &mut notes),
    };
    approved.put_back(&mut changes);
    ended::note(desired, &changes, &mut notes);
    let summary = seen.summary();
    let blocked = match desired.mode {
        Mode::Observe => Vec::new(),
        Mode::Authoritative | Mode::Additive => {
            let mut blocked = by_files;
            let on_live = guard::room(&changes, &desired.guards, &summary);
            let is_new = |block: &GuardTripped| blocked.iter().all(|held| held.guard != block.guard);
            let on_live: Vec<GuardTripped> = on_live.into_iter().filter(is_new).collect();
            blocked.extend(on_live);
            blocked
        }
    };
    let (pending, not_yet) = constraints.settle(&mut changes, &mut notes);
    listing.change(&mut changes, constraints, &mut notes);
    let approved = approved.within(&changes);
    let blocked = approved.still_hold(&changes, blocked);
    notes.extend(approved.note());
    let people = (live.members.len() + live.foreign.len() + 1) as u64;
    let places = |max: u64| usize::try_from(max.saturating_sub(people)).unwrap_or(usize::MAX);
    // An admin who is not in the room, as some servers keep them, is nobody to rely on.
    let standing = wanted
        .admins
        .as_ref()
        .zip(seen.admins.as_ref())
        .map(|(admins, seen_admins)| admins.and(seen_admins).and(&seen.members))
        .unwrap_or_default();
    let wanted_admins = wanted
        .admins
        .as_ref()
        .map(|admins| admins.minus(&standing))
        .unwrap_or_default();
    let capacity = Capacity {
        admins: MAX_ADMINS
            .saturating_sub(live.admins.as_ref().map_or(0, MemberSet::len) + live.foreign_admins.len()),
        // From an incomplete read nobody knows how many are in the room.
        members: observed.complete().and(live.max_users).map(places),
        one_more: !live.owner_is_in,
        standing,
        short_of_admins: false,
    };
    Ok(RoomDiff {
        id: desired.id.clone(),
        name: desired.name.clone(),
        mode: desired.mode,
        live: summary,
        wanted_admins,
        changes,
        capacity,
        complete: observed.complete().is_some(),
        has_owner: live.owner.is_some(),
        blocked,
        notes,
        reserves: Vec::new(),
        is_approved: false,
        approved,
        kept: last.or(&over_budget),
        kept_by,
        pending,
        not_yet,
        not_here,
        on_list,
    })
}

fn foreign_note(name: &str) -> Note {
    Note::new(
        ReasonCode::ForeignName,
        "this name breaks the service's own rules and is left alone",
    )
    .about(name)
}

/// The room as the files want it, without the owner.
struct Wanted {
    /// Managed admins.
    admins: Option<MemberSet>,
    /// Managed members.
    members: Option<MemberSet>,
    /// Everyone who should be in the room.
    people: MemberSet,
    /// Who was last in a list whose places have all ended.
    last: Last,
}

impl Wanted {
    /// The error is the key that comes to nobody.
    fn new(desired: &DesiredRoom, live: &LiveRoom) -> Result<Self, &'static str> {
        let owner = live
            .owner
            .as_deref()
            .or(desired.owner.as_ref().map(UserId::as_str));
        let owner_out = |set: &MemberSet| set.filter(|user| Some(user.as_str()) != owner);
        let admins = desired.admins.as_ref().map(owner_out);
        let members = desired.members.as_ref().map(owner_out);
        let last = Last::of(desired, owner, [admins.as_ref(), members.as_ref()])?;
        let none = MemberSet::default();
        let people = members
            .as_ref()
            .unwrap_or(&none)
            .or(admins.as_ref().unwrap_or(&none));
        Ok(Self {
            admins,
            members,
            people,
            last,
        })
    }
}

/// The room as it is, without the owner and ignored people.
struct Seen<'a> {
    owner: Option<&'a str>,
    owner_page: Option<u32>,
    /// `None`: they were not read.
    admins: Option<MemberSet>,
    members: MemberSet,
    foreign: Vec<&'a str>,
}

impl<'a> Seen<'a> {
    fn new(desired: &DesiredRoom, live: &'a LiveRoom) -> Self {
        let owner = live.owner.as_deref();
        let visible =
            |name: &str| Some(name) != owner && !desired.ignore.iter().any(|glob| glob.matches(name));
        Self {
            owner,
            owner_page: live.owner_page,
            admins: (live.admins.as_ref()).map(|admins| admins.filter(|user| visible(user.as_str()))),
            members: live.members.filter(|user| visible(user.as_str())),
            foreign: live
                .foreign
                .iter()
                .map(String::as_str)
                .filter(|name| visible(name))
                .collect(),
        }
    }

    fn summary(&self) -> LiveSummary {
        let mut people = Sha256::new();
        // A name holds no control character of ours, and a foreign one is escaped, so the parts cannot run into each other.
        if self.admins.is_none() {
            people.update("?");
        }
        for set in self.admins.iter().chain([&self.members]) {
            for user in set {
                people.update(user.as_str());
                people.update(" ");
            }
            people.update("\n");
        }
        self.foreign
            .iter()
            .for_each(|name| people.update(format!("{name:?} ")));
        LiveSummary {
            members: (self.members.len() + self.foreign.len()) as u64,
            admins: self.admins.as_ref().map(|admins| admins.len() as u64),
            digest: live_digest(self.owner, people),
            owner_page: self.owner_page,
        }
    }
}

fn compare(
    desired: &DesiredRoom,
    observed: &Observed,
    wanted: &Wanted,
    seen: &Seen<'_>,
    notes: &mut Vec<Note>,
) -> Changes {
    let (add, surplus) = wanted.people.differences(&seen.members);
    let promote = wanted
        .admins
        .as_ref()
        .zip(seen.admins.as_ref())
        .map(|(admins, seen_admins)| admins.minus(seen_admins))
        .unwrap_or_default();
    if desired.mode == Mode::Additive || observed.complete().is_none() {
        return Changes {
            add,
            promote,
            ..Changes::default()
        };
    }
    let surplus = wanted.members.as_ref().map(|_| surplus).unwrap_or_default();
    let demote = wanted
        .admins
        .as_ref()
        .zip(seen.admins.as_ref())
        .map(|(admins, seen_admins)| seen_admins.minus(admins))
        .unwrap_or_default();
    let protected = demote.or(&surplus).filter(|user| desired.guards.protects(user));
    let why = "not listed, but protected: neither removed nor demoted";
    notes.extend(
        protected
            .iter()
            .map(|user| Note::new(ReasonCode::Protected, why).about(user)),
    );
    // Who the admins are decides who goes.
    let Some(seen_admins) = &seen.admins else {
        return Changes {
            add,
            promote,
            ..Changes::default()
        };
    };
    let mut remove = surplus.minus(&protected);
    if wanted.admins.is_none() {
        let kept = remove.and(seen_admins);
        let why = "an admin who is not listed; kept, because `admins` is not managed here";
        notes.extend(
            kept.iter()
                .map(|user| Note::new(ReasonCode::AdminKept, why).about(user)),
        );
        remove = remove.minus(&kept);
    }
    Changes {
        add,
        promote,
        demote: demote.minus(&protected),
        remove,
        ..Changes::default()
    }
}
