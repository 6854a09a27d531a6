//! The daemon's state as it is shown.

use super::absences;
use super::admin_lists;
use super::attention;
use super::controller::Controller;
use super::handle::{DaemonHandle, lock};
use super::pass_cost::PassCalls;
use super::process;
use super::room_lines;
use super::room_pages;
use super::room_table::Room;
use crate::model::{Mode, Op, ReasonCode, RoomId, counted};
use crate::reconcile::progress::{Outlook, Share, Stand, outlook, shares};
use crate::status::{
    self, AbsenceReason, AttentionSeverity, Files, FirstLook, Gauges, Headline, ROOMS_AT_ONCE, RoomCounts,
    RoomDetail, RoomState, RoomsPage, Service, Status, StatusSource,
};
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Past this age of the loop's last move it counts as wedged. The loop moves every second.
const WEDGED: Duration = Duration::from_secs(15);

impl StatusSource for DaemonHandle {
    fn alive(&self) -> Result<(), String> {
        let age = self.age_of_beat();
        if age > WEDGED {
            return Err(format!("the loop has not moved for {} s", age.as_secs()));
        }
        Ok(())
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        let stand = self.stand();
        let controller = lock(&self.controller);
        let mut missing: Vec<String> = attention::files(&controller)
            .map(|item| item.message)
            .into_iter()
            .collect();
        let rooms = &controller.rooms;
        let unseen = rooms.iter().filter(|room| room.state() == RoomState::Unseen);
        let seen = rooms.len() - unseen.count();
        if let Some(FirstLook { looked, rooms }) = first_look(&controller, stand.as_ref()) {
            missing.push(format!("first look: {looked} of {}", counted(rooms, "room")));
        } else if seen < rooms.len() {
            missing.push(format!("{seen} of {} looked at", counted(rooms.len(), "room")));
        }
        if seen < rooms.len() {
            missing.extend(controller.health.trouble().map(|trouble| trouble.message.clone()));
        }
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }

    fn status(&self) -> Status {
        self.shown(usize::MAX)
    }

    fn glance(&self) -> Status {
        self.shown(ROOMS_AT_ONCE)
    }

    fn rooms(&self, since: Option<&str>, after: Option<&RoomId>) -> RoomsPage {
        let mut controller = lock(&self.controller);
        if after.is_none() {
            room_pages::age(&mut controller);
        }
        let controller = &*controller;
        room_pages::page(controller, since, after)
    }

    fn room(&self, id: &RoomId) -> Option<RoomDetail> {
        room_lines::detail(&lock(&self.controller), id)
    }

    fn gauges(&self) -> Gauges {
        let shares = shares(&lock(&self.reader));
        let stand = self.stand();
        let (gauges, last, calls) = {
            let controller = lock(&self.controller);
            let calls = PassCalls::of(&controller, stand.as_ref());
            (
                View(&controller).gauges(),
                controller.history.pass_length(false),
                calls,
            )
        };
        Gauges {
            full_pass: last.max(calls.least_time(&shares)),
            progress: stand.map(|stand| progress(&stand, &shares)),
            budget: shares.into_iter().map(budget).collect(),
            process: process::used(),
            ..gauges
        }
    }
}

impl DaemonHandle {
    /// The state, with the rooms if they are no more than `most`.
    fn shown(&self, most: usize) -> Status {
        let shares = shares(&lock(&self.reader));
        let stand = self.stand();
        let mut controller = lock(&self.controller);
        room_pages::age(&mut controller);
        let controller = &*controller;
        let status = Status {
            first_look: first_look(controller, stand.as_ref()),
            progress: stand.map(|stand| progress(&stand, &shares)),
            ..View(controller).status(most)
        };
        Status {
            headline: Headline::of(&status),
            ..status
        }
    }
}

/// Progress of the first look at all rooms, with the rooms that it has read so far. `None` if it has ended.
pub(super) fn first_look(controller: &Controller, stand: Option<&Stand>) -> Option<FirstLook> {
    let looked = attention::first_look(controller)?;
    let rooms = controller.rooms.len();
    let read = stand.map_or(0, |stand| stand.looked);
    Some(FirstLook {
        looked: looked.max(read).min(rooms),
        rooms,
    })
}

/// Number of wanted people who are missing in some room for this reason.
pub(super) fn missing(controller: &Controller, why: ReasonCode) -> usize {
    let rooms = controller.rooms.iter();
    let people = rooms.filter_map(|room| Some(room.plan()?.missing(why)));
    people
        .reduce(|all, more| all.or(&more))
        .map_or(0, |all| all.len())
}

fn budget(share: Share) -> status::CallBudget {
    let Share {
        method,
        used,
        limit,
        configured,
    } = share;
    status::CallBudget {
        method,
        used,
        limit,
        configured,
    }
}

fn progress(stand: &Stand, shares: &[Share]) -> status::Progress {
    let Outlook {
        applying,
        per_second,
        bound,
        left,
        done: _,
        of: _,
    } = outlook(stand, shares);
    status::Progress {
        doing: if applying { "applying" } else { "looking" },
        rooms: stand.rooms,
        looked: stand.looked,
        calls: stand.calls,
        made: stand.made(),
        per_second: (per_second * 10.0).round() / 10.0,
        budget: bound.map(budget),
        seconds_left: left.map(|left| left.as_secs_f64().ceil()),
    }
}

/// The daemon as others see it.
struct View<'a>(&'a Controller);

impl View<'_> {
    /// People who stay until the room files have settled.
    fn pending(&self) -> Option<status::Pending> {
        let Self(daemon) = self;
        let files = &daemon.files;
        let since = files.unsettled_since()?;
        let (mut removals, mut demotions, mut additions, mut rooms) = (0, 0, 0, 0);
        for plan in daemon
            .rooms
            .iter()
            .filter_map(Room::plan)
            .filter(|plan| plan.has_pending())
        {
            removals += plan.pending.remove.len();
            demotions += plan.pending.demote.len();
            additions += plan.not_yet.people().len();
            rooms += 1;
        }
        let until = files.settles_at(daemon.settings.sync.settle_removals);
        let left = until.map(|until| until.saturating_duration_since(Instant::now()).as_secs_f64());
        let now = daemon.now();
        let age = SignedDuration::try_from(since.elapsed()).unwrap_or_default();
        Some(status::Pending {
            removals,
            demotions,
            additions,
            rooms,
            since: now.checked_sub(age).unwrap_or(now),
            until: until.and_then(|until| daemon.safeguards.clock().time_of(until)),
            seconds_left: left.map(|left| (left * 10.0).ceil() / 10.0),
            file: files.changed_file(),
        })
    }

    /// Number of names that are held.
    fn held(&self) -> usize {
        let exclusions = self.0.safeguards.exclusions();
        exclusions.count_held(self.0.rooms.ids())
    }

    fn set_aside(&self) -> Vec<status::Aside> {
        let safeguards = &self.0.safeguards;
        safeguards
            .exclusions()
            .set_aside()
            .shown(safeguards.clock().moment())
    }

    fn coming_and_going(&self) -> Vec<status::ComingAndGoing> {
        let safeguards = &self.0.safeguards;
        safeguards
            .exclusions()
            .shown_coming_and_going(safeguards.clock().moment())
    }

    fn contested(&self) -> Vec<status::Contested> {
        let safeguards = &self.0.safeguards;
        let contested = safeguards.exclusions().contested();
        contested.shown(safeguards.clock().moment())
    }

    fn comes_back(&self) -> Vec<status::ComesBack> {
        let safeguards = &self.0.safeguards;
        let coming_back = safeguards.exclusions().coming_back();
        coming_back.shown(safeguards.clock().moment())
    }

    fn status(&self, most: usize) -> Status {
        let Self(daemon) = self;
        let by_pages = daemon.rooms.len() > most;
        let set = daemon.files.set();
        let service = &daemon.settings.service;
        let exclusions = daemon.safeguards.exclusions();
        let mut passes = daemon.history.passes().clone();
        passes.next = daemon.safeguards.clock().time_of(daemon.history.resync_due());
        Status {
            version: env!("CARGO_PKG_VERSION"),
            started: daemon.started,
            now: daemon.now(),
            headline: Headline::default(),
            attention: attention::attention(daemon),
            withheld: daemon.gate.suspended(),
            files: Files {
                valid: daemon.files.are_valid(),
                files: set.map_or(0, |set| set.source.files),
                rooms: daemon.rooms.len(),
                digest: set.map(|set| set.source.digest.clone()),
                revision: set.and_then(|set| set.source.revision.clone()),
                taken: set.map(|set| set.taken),
                problems: daemon.files.problems().to_vec(),
            },
            service: Service {
                app: service.app.to_string(),
                url: service.url.to_string(),
                trouble: daemon.health.trouble().cloned(),
            },
            token_expires: daemon.token.expiry().map(|expiry| expiry.at),
            passes,
            first_look: None,
            progress: None,
            room_counts: self.room_counts(),
            rooms_revision: room_pages::revision(daemon),
            rooms_by_pages: by_pages,
            rooms: match by_pages {
                true => Vec::new(),
                false => daemon
                    .rooms
                    .iter()
                    .map(|room| room_lines::line(daemon, room))
                    .collect(),
            },
            aside: self.set_aside(),
            coming_and_going: self.coming_and_going(),
            contested: self.contested(),
            comes_back: self.comes_back(),
            ends_soon: daemon.ends_soon(),
            unmanaged: daemon.unmanaged.shown(),
            holds: daemon
                .rooms
                .ids()
                .flat_map(|id| exclusions.shown_holds(id))
                .collect(),
            pending: self.pending(),
            changes: daemon.history.changes().cloned().collect(),
        }
    }

    /// Number of rooms in each state that any is in.
    fn room_states(&self) -> BTreeMap<RoomState, usize> {
        let Self(daemon) = self;
        let freshness = attention::freshness(daemon);
        let mut states = BTreeMap::new();
        for room in daemon.rooms.iter() {
            *states.entry(room.shown_state(freshness).0).or_default() += 1;
        }
        states
    }

    fn room_counts(&self) -> RoomCounts {
        let missing = |why| missing(self.0, why);
        RoomCounts {
            states: self.room_states(),
            set_aside: missing(ReasonCode::SetAside),
            coming_and_going: missing(ReasonCode::ComingAndGoing),
        }
    }

    fn gauges(&self) -> Gauges {
        let Self(daemon) = self;
        let mut absent: BTreeMap<AbsenceReason, usize> = BTreeMap::new();
        let mut drift: BTreeMap<(Mode, Op), usize> = BTreeMap::new();
        for room in daemon.rooms.iter() {
            if let Some(plan) = room.plan() {
                for op in Op::ALL {
                    *drift.entry((room.desired().mode, op)).or_default() += plan.wanted(op).len();
                }
            }
            for (reason, number) in absences::counts(daemon, room) {
                *absent.entry(reason).or_default() += number;
            }
        }
        let mut attention: BTreeMap<AttentionSeverity, usize> = BTreeMap::new();
        for item in attention::attention(daemon) {
            *attention.entry(item.severity).or_default() += 1;
        }
        let aside = self.set_aside();
        let people: BTreeSet<_> = aside.iter().map(|aside| &aside.user).collect();
        let contested = self.contested();
        let contested: BTreeSet<_> = contested.iter().map(|of| (&of.room, &of.user)).collect();
        let safeguards = &daemon.safeguards;
        let set_aside = safeguards.exclusions().set_aside();
        Gauges {
            rooms: self.room_states(),
            unmanaged: daemon
                .unmanaged
                .shown()
                .map(|shown| shown.unmanaged)
                .filter(|unmanaged| unmanaged.error.is_none())
                .map(|unmanaged| unmanaged.count),
            people: daemon.files.set().map_or(0, |set| set.people),
            drift,
            attention,
            aside: people.len(),
            aside_by_reason: set_aside.by_reason(safeguards.clock().moment()),
            coming_and_going: self.coming_and_going().len(),
            contested: contested.len(),
            comes_back: self.comes_back().len(),
            absent,
            held: self.held(),
            pending: self
                .pending()
                .map_or(0, |pending| pending.removals + pending.demotions),
            files_valid: daemon.files.are_valid(),
            files_taken: daemon.files.set().map(|set| set.taken),
            last_good: daemon.history.passes().last_good,
            interval: daemon.settings.sync.interval,
            full_pass: Duration::ZERO,
            admin_lists: admin_lists::shown(daemon),
            service_trouble: daemon.health.troubles(),
            withheld: daemon.gate.suspended().is_some(),
            withheld_by_reason: daemon.gate.reasons(),
            quota_used_up: daemon.gate.quota().is_used_up(),
            token_expires: daemon.token.expiry().map(|expiry| status::TokenExpires {
                at: expiry.at,
                renewed: expiry.renewed,
            }),
            progress: None,
            budget: Vec::new(),
            started: daemon.started,
            process: None,
        }
    }
}
