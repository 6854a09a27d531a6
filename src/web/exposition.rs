//! The present as metrics, made anew for every scrape; and Prometheus's own text format.

use crate::model::{Mode, Op};
use crate::status::{
    AbsenceReason, AttentionSeverity, Gauges, ProcessUse, Progress, RoomState, TokenExpires,
};
use jiff::Timestamp;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};

/// The counted states, so that a state without rooms shows a 0.
const STATES: [(RoomState, &str); 8] = [
    (RoomState::Unseen, "unseen"),
    (RoomState::Unknown, "unknown"),
    (RoomState::InSync, "in_sync"),
    (RoomState::Incomplete, "incomplete"),
    (RoomState::Changing, "changing"),
    (RoomState::Blocked, "blocked"),
    (RoomState::Failed, "failed"),
    (RoomState::Observed, "observed"),
];

const DRIFT: &str = "Changes of one person in one room that the last looks found to be wanted and that are not made, by the room's mode; rooms of the \
    mode `observe` are never changed";

pub(super) type Labels<const N: usize> = [(&'static str, &'static str); N];

/// Registry of present values. Gauges without a value yet are left out: a 0 would be taken for one.
pub(super) fn present(gauges: &Gauges) -> Registry {
    let Gauges {
        rooms,
        unmanaged,
        people,
        drift,
        attention,
        aside,
        aside_by_reason,
        coming_and_going,
        contested,
        comes_back,
        absent,
        held,
        pending,
        files_valid,
        files_taken,
        last_good,
        interval,
        full_pass,
        admin_lists,
        service_trouble,
        withheld,
        withheld_by_reason,
        quota_used_up,
        token_expires,
        progress,
        budget,
        started: _,
        process: _,
    } = gauges;
    let mut registry = Registry::with_prefix("roomsync");
    let states = STATES.map(|(state, label)| (label, rooms.get(&state).copied().unwrap_or_default()));
    let help = "Managed rooms, by where they stand";
    registry.register("rooms", help, numbers("state", states));
    if let Some(unmanaged) = unmanaged {
        let number: Gauge = Gauge::default();
        number.set(whole(*unmanaged));
        registry.register(
            "rooms_unmanaged",
            "Rooms of the app that no room file names, by the last count",
            number,
        );
    }
    let changes: Family<Labels<2>, Gauge> = Family::default();
    for (mode, op) in Mode::ALL
        .into_iter()
        .flat_map(|mode| Op::ALL.map(|op| (mode, op)))
    {
        let number = drift.get(&(mode, op)).copied().unwrap_or_default();
        let labels = [("mode", mode.as_str()), ("op", op.as_str())];
        changes.get_or_create(&labels).set(whole(number));
    }
    registry.register("drift", DRIFT, changes);
    let severities = AttentionSeverity::ALL.map(|severity| {
        let number = attention.get(&severity).copied().unwrap_or_default();
        (severity.as_str(), number)
    });
    let help = "Items that need attention, as the page lists them: an outage is `red`, what waits for a person `amber`";
    registry.register("attention", help, numbers("severity", severities));
    let help = "People who are set aside, by the reason for which the service does not take them";
    let aside_by_reason = aside_by_reason.iter().copied();
    registry.register("people_set_aside", help, numbers("reason", aside_by_reason));
    let reasons = withheld_by_reason
        .iter()
        .map(|(code, is_so)| (code.as_str(), usize::from(*is_so)));
    let help = "Whether this is a reason for which writing is withheld";
    registry.register("writing_withheld_reason", help, numbers("reason", reasons));
    let mut number = |name, help: &str, value| registry.register(name, help, ConstGauge::new(whole(value)));
    let help = "People whom the room files in force want in a room, each counted once";
    number("people_managed", help, *people);
    number("people_aside", "People who are set aside, each once", *aside);
    let help = "Members who are put back again and again and are left alone for a while";
    number("members_coming_and_going", help, *coming_and_going);
    let help = "People whom others put out or demote as often as they are added or promoted, and who are left alone for a day, once for each room";
    number("people_contested", help, *contested);
    let help = "People whom the files do not want and who were removed or demoted three times within a day, once for each room";
    number("people_coming_back", help, *comes_back);
    number("names_held", "Names that a guard on the files holds", *held);
    let help = "Removals and demotions that wait until the room files have been unchanged for `sync.settle_removals`";
    number("removals_pending", help, *pending);
    let help = "Whether the room files on the disk are valid";
    number("files_valid", help, usize::from(*files_valid));
    let help = "Whether writing is withheld: dry run, paused, a quota that is used up, or no place to write an audit line or the state";
    number("writing_withheld", help, usize::from(*withheld));
    let help = "Whether the pricing plan's quota is used up, as the last write call of a room found";
    number("quota_used_up", help, usize::from(*quota_used_up));
    let of = |value: fn(&Progress) -> usize| progress.as_ref().map_or(0, value);
    let help = "Rooms that the passes under way are to look at";
    number("pass_rooms", help, of(|progress| progress.rooms));
    let help = "Rooms that the passes under way have looked at";
    number("pass_rooms_looked", help, of(|progress| progress.looked));
    let help = "Write calls that the passes under way have planned";
    number("pass_write_calls", help, of(|progress| progress.calls));
    let help = "Planned write calls that the passes under way have made";
    number("pass_write_calls_made", help, of(|progress| progress.made));
    let mut seconds = |name, help: &str, seconds: Option<f64>| {
        if let Some(seconds) = seconds {
            registry.register_with_unit(name, help, Unit::Seconds, ConstGauge::new(seconds));
        }
    };
    let help = "Time at which the room files in force were taken, in seconds since 1970";
    let name = "files_last_reload_success_timestamp";
    seconds(name, help, files_taken.map(since_1970));
    let help =
        "End of the last pass that looked at every room and wrote what may be written, in seconds since 1970";
    seconds("last_good_pass_timestamp", help, last_good.map(since_1970));
    let help = "Time between two passes over all rooms, as `sync.interval` says";
    seconds("interval", help, Some(interval.as_secs_f64()));
    let help = "Time that a pass over all rooms is expected to take: as long as the last one, and at least what its calls need";
    seconds("full_pass_expected", help, Some(full_pass.as_secs_f64()));
    let help = "Time at which the admin list that was read longest ago was read, in seconds since 1970";
    let oldest = admin_lists.map(|lists| since_1970(lists.oldest));
    seconds("oldest_admin_list_timestamp", help, oldest);
    let help = "Time after which each admin list was read once, by the settings";
    seconds(
        "admin_lists_turn",
        help,
        admin_lists.map(|lists| lists.turn.as_secs_f64()),
    );
    let help = "Time that the passes under way still take at the calls that are allowed now";
    let left = progress.as_ref().and_then(|progress| progress.seconds_left);
    seconds("pass_left", help, left);
    let reasons = AbsenceReason::ALL.map(|reason| {
        let number = absent.get(&reason).copied().unwrap_or_default();
        (reason.as_str(), number)
    });
    let help =
        "Wanted people who are not in their room, by what is known of the reason; what events said is a hint";
    registry.register("people_absent", help, numbers("reason", reasons));
    let troubles = service_trouble
        .iter()
        .map(|(code, is_so)| (code.as_str(), usize::from(*is_so)));
    let help = "Whether the service keeps every call from succeeding, and by what";
    registry.register("service_trouble", help, numbers("code", troubles));
    if let Some(TokenExpires { at, renewed }) = token_expires {
        let ends: Family<Labels<1>, Gauge> = Family::default();
        let renewed = if *renewed { "true" } else { "false" };
        ends.get_or_create(&[("renewed", renewed)]).set(at.as_second());
        let help = "End of the token in use, in seconds since 1970, and whether roomsync renews it before";
        registry.register_with_unit("token_expires_timestamp", help, Unit::Seconds, ends);
    }
    if !budget.is_empty() {
        let used: Family<Labels<1>, Gauge> = Family::default();
        let limit: Family<Labels<1>, Gauge> = Family::default();
        let full: Family<Labels<1>, Gauge> = Family::default();
        for budget in budget {
            let method = [("method", budget.method)];
            used.get_or_create(&method).set(whole(budget.used));
            limit.get_or_create(&method).set(whole(budget.limit));
            full.get_or_create(&method).set(whole(budget.configured));
        }
        let help = "Calls that count towards the method's limit at present";
        registry.register("call_budget_used", help, used);
        let help = "Most calls of the method that may count at a time";
        registry.register("call_budget_limit", help, limit);
        let help = "Most calls of the method that the settings let count at a time; the limit is less while the service slows us down";
        registry.register("call_budget_configured", help, full);
    }
    registry
}

/// Gauges of one label.
fn numbers(
    label: &'static str,
    values: impl IntoIterator<Item = (&'static str, usize)>,
) -> Family<Labels<1>, Gauge> {
    let family: Family<Labels<1>, Gauge> = Family::default();
    for (value, number) in values {
        family.get_or_create(&[(label, value)]).set(whole(number));
    }
    family
}

/// Registry of what is known of the process, under the names that every exporter gives it.
pub(super) fn process(gauges: &Gauges) -> Registry {
    let mut registry = Registry::with_prefix("process");
    let help = "Start of the process, in seconds since 1970";
    let started = ConstGauge::new(since_1970(gauges.started));
    registry.register_with_unit("start_time", help, Unit::Seconds, started);
    let Some(ProcessUse {
        cpu_seconds,
        open_fds,
        max_fds,
        resident_bytes,
        virtual_bytes,
    }) = gauges.process
    else {
        return registry;
    };
    let help = "Processor time in user and kernel mode";
    registry.register_with_unit("cpu", help, Unit::Seconds, ConstCounter::new(cpu_seconds));
    let number = |value: u64| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register("open_fds", "Open files and sockets", number(open_fds));
    if let Some(most) = max_fds {
        registry.register("max_fds", "Most open files and sockets", number(most));
    }
    let help = "Resident memory";
    registry.register_with_unit("resident_memory", help, Unit::Bytes, number(resident_bytes));
    let help = "Virtual memory";
    registry.register_with_unit("virtual_memory", help, Unit::Bytes, number(virtual_bytes));
    registry
}

pub(super) fn since_1970(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

fn whole(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Turns OpenMetrics into Prometheus's own text format (0.0.4): there a counter's family carries the `_total` of its
/// samples, an info is a gauge, and units and the end are not told.
pub(super) fn classic(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        if line.starts_with("# UNIT ") || line == "# EOF" {
            continue;
        }
        if let Some(family) = line.strip_prefix("# HELP ") {
            help = family.split_once(' ');
            continue;
        }
        let family = line.strip_prefix("# TYPE ");
        if let Some((name, kind)) = family.and_then(|family| family.split_once(' ')) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                kind => ("", kind),
            };
            let told = help.take().map_or("", |(_, told)| told);
            out.push_str(&format!(
                "# HELP {name}{suffix} {told}\n# TYPE {name}{suffix} {kind}\n"
            ));
            continue;
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}
