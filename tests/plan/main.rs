//! The plan as people get to see it where a change is reviewed: as markdown, against an earlier version of the files, with
//! what it costs.

mod allow_list;
mod base_diff;
mod comment;
mod cost;
mod markdown;
mod plans;
mod reports;
mod text;
