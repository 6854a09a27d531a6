//! What the daemon shows: probes, metrics, a status page. It only asks, through [`Source`], and changes nothing.

mod view;

pub use view::{
    Aside, Change, ComingAndGoing, Files, Gauges, Hold, Passes, RoomDetail, RoomLine, Service, Source, State,
    Status, Trouble, Withheld,
};
