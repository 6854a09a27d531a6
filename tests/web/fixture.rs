//! A daemon that says what it is told to say.

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use roomsync::model::{RoomId, UserId};
use roomsync::status::{
    ApproveOrder, Attention, AttentionSeverity, Control, Files, Gauges, Headline, HeldBack, Missing, Passes,
    PauseOrder, Reply, RoomCounts, RoomDetail, RoomLine, RoomState, RoomsPage, Service, Status, StatusSource,
};
use roomsync::web::{Metrics, Options, router};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// State that the fixture shows.
pub(crate) struct Said {
    pub(crate) alive: Result<(), String>,
    pub(crate) ready: Result<(), Vec<String>>,
    pub(crate) status: Status,
    pub(crate) rooms: BTreeMap<RoomId, RoomDetail>,
    pub(crate) gauges: Gauges,
    /// Most rooms in one answer.
    pub(crate) most: usize,
    /// Rooms that have changed since each revision that is known beside the present one.
    pub(crate) changed: BTreeMap<String, Vec<RoomId>>,
    /// Rooms that have left.
    pub(crate) gone: Vec<RoomId>,
}

pub(crate) struct Fixture {
    said: Mutex<Said>,
    orders: Mutex<Vec<String>>,
}

impl Fixture {
    pub(crate) fn new(status: Status) -> Arc<Self> {
        let said = Said {
            alive: Ok(()),
            ready: Ok(()),
            status,
            rooms: BTreeMap::new(),
            gauges: Gauges::default(),
            most: usize::MAX,
            changed: BTreeMap::new(),
            gone: Vec::new(),
        };
        Arc::new(Self {
            said: Mutex::new(said),
            orders: Mutex::default(),
        })
    }

    /// Changes what it says.
    pub(crate) fn set(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.said.lock().unwrap());
    }

    /// Orders that came through.
    pub(crate) fn orders(&self) -> Vec<String> {
        self.orders.lock().unwrap().clone()
    }

    fn order(&self, order: String) {
        self.orders.lock().unwrap().push(order);
    }

    pub(crate) fn router(self: &Arc<Self>, options: Options) -> axum::Router {
        router(
            Arc::<Self>::clone(self),
            Arc::<Self>::clone(self),
            Metrics::new("0.1.0", [], Timestamp::UNIX_EPOCH),
            options,
        )
    }
}

impl StatusSource for Fixture {
    fn alive(&self) -> Result<(), String> {
        self.said.lock().unwrap().alive.clone()
    }

    fn ready(&self) -> Result<(), Vec<String>> {
        self.said.lock().unwrap().ready.clone()
    }

    fn status(&self) -> Status {
        let status = self.said.lock().unwrap().status.clone();
        let status = Status {
            now: Timestamp::now(),
            room_counts: RoomCounts::of(&status.rooms),
            ..status
        };
        Status {
            headline: Headline::of(&status),
            ..status
        }
    }

    fn glance(&self) -> Status {
        let status = self.status();
        let most = self.said.lock().unwrap().most;
        if status.rooms.len() <= most {
            return status;
        }
        Status {
            rooms_by_pages: true,
            rooms: Vec::new(),
            ..status
        }
    }

    fn rooms(&self, since: Option<&str>, after: Option<&RoomId>) -> RoomsPage {
        let said = self.said.lock().unwrap();
        let revision = said.status.rooms_revision.clone();
        let since = since.filter(|since| said.changed.contains_key(*since) || *since == revision);
        let changed = since.map(|since| said.changed.get(since).cloned().unwrap_or_default());
        let is_meant = |room: &&RoomLine| {
            after.is_none_or(|after| room.id > *after)
                && changed.as_ref().is_none_or(|changed| changed.contains(&room.id))
        };
        let mut rooms = said.status.rooms.iter().filter(is_meant).cloned();
        let page: Vec<RoomLine> = rooms.by_ref().take(said.most).collect();
        RoomsPage {
            revision,
            since: since.map(str::to_owned),
            gone: if after.is_none() {
                said.gone.clone()
            } else {
                Vec::new()
            },
            after: page
                .last()
                .map(|room| room.id.clone())
                .filter(|_| rooms.next().is_some()),
            rooms: page,
        }
    }

    fn room(&self, id: &RoomId) -> Option<RoomDetail> {
        let said = self.said.lock().unwrap();
        let line = said.status.rooms.iter().find(|room| room.id == *id)?;
        let plain = || detail(line.clone());
        Some(said.rooms.get(id).cloned().unwrap_or_else(plain))
    }

    fn gauges(&self) -> Gauges {
        self.said.lock().unwrap().gauges.clone()
    }
}

impl Control for Fixture {
    fn app(&self) -> String {
        self.said.lock().unwrap().status.service.app.clone()
    }

    fn check(&self, by: Option<&str>) {
        self.order(format!("check by {by:?}"));
    }

    fn pause(&self, pause: PauseOrder) -> BoxFuture<'_, Reply> {
        self.order(format!("{pause:?}"));
        let failed = pause.why.as_deref() == Some("fail");
        Box::pin(async move {
            if failed {
                Reply::Failed("no disk".to_owned())
            } else {
                Reply::Done("paused".to_owned())
            }
        })
    }

    fn resume(&self, by: Option<String>) -> BoxFuture<'_, Reply> {
        self.order(format!("resume by {by:?}"));
        Box::pin(async { Reply::Refused("still paused".to_owned()) })
    }

    fn rooms(&self) -> Vec<(RoomId, Option<String>)> {
        let said = self.said.lock().unwrap();
        let rooms = said.status.rooms.iter();
        rooms.map(|room| (room.id.clone(), room.name.clone())).collect()
    }

    fn held_back(&self, room: RoomId) -> BoxFuture<'_, Result<HeldBack, Reply>> {
        self.order(format!("held back in {room}"));
        let app = self.app();
        Box::pin(async move {
            if room.as_str() == "404" {
                return Err(Reply::Refused("no such room".to_owned()));
            }
            Ok(HeldBack {
                app,
                room: room.to_string(),
                name: None,
                digest: "sha256:1".to_owned(),
                remove: vec!["bob".to_owned()],
                demote: Vec::new(),
                add: Vec::new(),
                why: vec!["max_removals allows 0 of 5, 1 is wanted".to_owned()],
            })
        })
    }

    fn approve(&self, order: ApproveOrder) -> BoxFuture<'_, Reply> {
        self.order(format!("{order:?}"));
        Box::pin(async move {
            if order.digest == "sha256:1" {
                Reply::Done("approved".to_owned())
            } else {
                Reply::Refused("not what was shown".to_owned())
            }
        })
    }
}

pub(crate) fn id(text: &str) -> RoomId {
    RoomId::parse(text).unwrap()
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

/// So many seconds ago, or ahead.
pub(crate) fn ago(seconds: i64) -> Timestamp {
    Timestamp::now() - SignedDuration::from_secs(seconds)
}

/// Something that needs attention, for so many seconds.
pub(crate) fn attention(
    severity: AttentionSeverity,
    code: &'static str,
    message: &str,
    seconds: i64,
) -> Attention {
    Attention {
        severity,
        code,
        message: message.to_owned(),
        since: ago(seconds),
        by: None,
        why: None,
        count: 1,
        rooms: Vec::new(),
    }
}

/// A room as wanted.
pub(crate) fn line(number: &str, name: &str) -> RoomLine {
    RoomLine {
        id: id(number),
        name: Some(name.to_owned()).filter(|name| !name.is_empty()),
        state: RoomState::InSync,
        since: ago(7200),
        looked: Some(ago(12)),
        add: 0,
        remove: 0,
        promote: 0,
        demote: 0,
        allow: 0,
        disallow: 0,
        missing: Missing::default(),
        not_here: 0,
        absent: BTreeMap::new(),
        pending: 0,
        blocked: Vec::new(),
        approvals: Vec::new(),
        notes: 0,
        error: None,
        next_try: None,
    }
}

/// A room in which nobody differs.
pub(crate) fn detail(line: RoomLine) -> RoomDetail {
    RoomDetail {
        line,
        mode: "authoritative",
        live: None,
        diff: Vec::new(),
        remarks: Vec::new(),
        absences: Vec::new(),
        holds: Vec::new(),
        changes: Vec::new(),
    }
}

/// A daemon that has looked at these rooms and has nothing to say.
pub(crate) fn status(rooms: Vec<RoomLine>) -> Status {
    let ended = Some(ago(12));
    Status {
        version: "0.1.0",
        started: ago(90_000),
        now: ago(0),
        headline: Headline::default(),
        attention: Vec::new(),
        withheld: None,
        pending: None,
        files: Files {
            valid: true,
            files: 3,
            rooms: rooms.len(),
            digest: Some("sha256:5f1d0c3e9b7a".to_owned()),
            revision: Some("0f5e17e2a1b6c8d9e0f1a2b3c4d5e6f708192a3b-dirty".to_owned()),
            taken: Some(ago(7300)),
            problems: Vec::new(),
        },
        service: Service {
            app: "acme#demo".to_owned(),
            url: "https://a61.chat.example".to_owned(),
            trouble: None,
        },
        token_expires: Some(ago(-3_000_000)),
        passes: Passes {
            last_begun: Some(ago(13)),
            last_ended: ended,
            last_tried: ended,
            last_good: ended,
            running_since: None,
            next: Some(ago(-280)),
        },
        first_look: None,
        progress: None,
        room_counts: RoomCounts::default(),
        rooms_revision: "1".to_owned(),
        rooms_by_pages: false,
        rooms,
        aside: Vec::new(),
        coming_and_going: Vec::new(),
        contested: Vec::new(),
        comes_back: Vec::new(),
        ends_soon: Vec::new(),
        unmanaged: None,
        holds: Vec::new(),
        changes: Vec::new(),
    }
}
