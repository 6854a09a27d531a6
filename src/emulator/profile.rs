//! The points where the documents about the service disagree.

use std::str::FromStr;

/// Documents that the service follows at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Side {
    /// The seed, and the recorded answers that fit it
    #[default]
    Seed,
    /// The newer documents and servers
    Newer,
}

impl Side {
    /// Behaviour of this side, by what each of them says.
    pub(super) fn pick<T>(self, seed: T, newer: T) -> T {
        match self {
            Self::Seed => seed,
            Self::Newer => newer,
        }
    }
}

macro_rules! points {
    (
        $($(#[$doc:meta])* $point:ident $field:ident,)*
        ; $($(#[$alone_doc:meta])* $alone_point:ident $alone:ident,)*
    ) => {
        /// A point where the documents disagree.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Point {
            $($(#[$doc])* $point,)*
            $($(#[$alone_doc])* $alone_point,)*
        }

        impl Point {
            /// Every point.
            pub const ALL: &[Self] = &[$(Self::$point,)* $(Self::$alone_point,)*];

            /// The point's name on the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$point => stringify!($field),)*
                    $(Self::$alone_point => stringify!($alone),)*
                }
            }
        }

        /// Behaviour of the service at every point where the documents disagree; by default the seed's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Profile {
            $($(#[$doc])* pub $field: Side,)*
            $($(#[$alone_doc])* pub $alone: Side,)*
        }

        impl Profile {
            /// Makes a profile that follows the same side everywhere, but for the points that are switched alone: there it
            /// follows the seed.
            #[must_use]
            pub fn all(side: Side) -> Self {
                Self { $($field: side,)* $($alone: Side::Seed,)* }
            }

            /// Switches one point.
            pub fn set(&mut self, point: Point, side: Side) {
                match point {
                    $(Point::$point => self.$field = side,)*
                    $(Point::$alone_point => self.$alone = side,)*
                }
            }
        }
    };
}

points! {
    /// `add_one` of a member: 400 (seed), or 200 (`[P]`).
    AddOneMember add_one_member,
    /// A member inside `add_many`: left out of `newmembers`, or listed there (`[P]` both).
    AddManyMember add_many_member,
    /// `add_one` of an unknown user: 400 (seed), or 404 (`[P]`).
    AddOneStranger add_one_stranger,
    /// An unknown user inside `add_many`: the whole batch 400, or 404 (`[P]` both).
    AddManyStranger add_many_stranger,
    /// Most names in one `add_many`: 60 (seed), or 100 (`[P]`).
    AddBatch add_batch,
    /// Most names in one `remove_many`: 100 (seed), or 60 (`[P]`).
    RemoveBatch remove_batch,
    /// Most names in one call that adds to the allow list: 60, or 100 (`[P]` both).
    AllowBatch allow_batch,
    /// Most names in one call that adds to the block list: 60, or 100 (`[P]` both).
    BlockBatch block_batch,
    /// Most rows on a page of the list of rooms: 1,000, or 100 (`[P]` both).
    RoomsPage rooms_page,
    /// Somebody who is not there in `remove_many`: a row `result: false` (seed); or such a row, and 403 for the call if
    /// nobody named is there (`[P]`).
    RemoveManyAbsent remove_many_absent,
    /// Somebody who is not there in `remove_one`: 400, or 403 (`[P]` both).
    RemoveOneAbsent remove_one_absent,
    /// `promote` of somebody who is not there: 403, or 404 (`[P]` both).
    PromoteOutsider promote_outsider,
    /// `promote` of an admin: 403, or 200 (`[P]` both).
    PromoteAdmin promote_admin,
    /// Removing an admin: ends the admin role, or leaves it until they are demoted (`[?]` both).
    RemovedAdmin removed_admin,
    /// Names and fields: capitals as sent and no `properties` (seed), or lower case and `properties: {}` (`[P]`).
    RowsAndFields rows_and_fields,
    ;
    /// `promote` and `remove_one` of somebody whom the app does not know: 404 with the words of an unknown user (recorded), or
    /// as of anybody who is not there (`[?]`).
    UnknownUser unknown_user,
    /// `demote` and `remove_many` of such a person: as of anybody who is not there, or 404 for the whole call (`[?]` both).
    UnknownAmongMany unknown_among_many,
    /// Words of the refusal of too large a batch: `more than maxSize : 60`, or `list size more than max limit : 60`
    /// (`[P]` both).
    BatchWords batch_words,
    /// A body of another `Content-Type` than JSON: 415 (`[P]`), or read all the same (`[?]`).
    MediaType media_type,
    /// Refusal over the call rate: 429 `reach_limit` (seed), or 403 `forbidden_op` (`[P]`).
    OverRate over_rate,
    /// The event of somebody who leaves without being removed: `type: QUIT` alone, or with an `action` that tells who left
    /// from who was offline (`[?]`).
    QuitAction quit_action,
}

impl Profile {
    /// A name as the service shows it.
    pub(super) fn spell(self, name: &str) -> String {
        match self.rows_and_fields {
            Side::Seed => name.to_owned(),
            Side::Newer => name.to_ascii_lowercase(),
        }
    }
}

/// A point and the side to follow there, written `add_one_member=newer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch(pub Point, pub Side);

/// Reason why a text is no [`Switch`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSwitch {
    /// Something other than a name, `=` and a side.
    #[error("a switch is written POINT=seed or POINT=newer")]
    Form,
    /// No point has this name.
    #[error("no point is named {0:?}: there are {names}", names = names())]
    Point(String),
}

impl FromStr for Switch {
    type Err = BadSwitch;

    fn from_str(text: &str) -> Result<Self, BadSwitch> {
        let (name, side) = match text.split_once('=') {
            Some((name, "seed")) => (name, Side::Seed),
            Some((name, "newer")) => (name, Side::Newer),
            _ => return Err(BadSwitch::Form),
        };
        let point = Point::ALL.iter().find(|point| point.name() == name);
        let point = point.ok_or_else(|| BadSwitch::Point(name.to_owned()))?;
        Ok(Self(*point, side))
    }
}

fn names() -> String {
    let names: Vec<&str> = Point::ALL.iter().map(|point| point.name()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_switched_alone_and_by_its_name() {
        let mut switched = Profile::default();
        for point in Point::ALL {
            let switch: Switch = format!("{}=newer", point.name()).parse().unwrap();
            assert_eq!(switch, Switch(*point, Side::Newer));
            let mut alone = Profile::default();
            alone.set(*point, Side::Newer);
            assert_ne!(alone, Profile::default());
            assert_ne!(switched, Profile::all(Side::Newer));
            switched.set(*point, Side::Newer);
            if *point == Point::RowsAndFields {
                assert_eq!(
                    switched,
                    Profile::all(Side::Newer),
                    "the others are switched alone"
                );
                switched.set(Point::RowsAndFields, Side::Seed);
            }
        }
        assert_eq!("add_batch=seed".parse(), Ok(Switch(Point::AddBatch, Side::Seed)));
    }

    #[test]
    fn bad_switches() {
        for bad in ["", "add_batch", "add_batch=", "add_batch=old", "=newer="] {
            assert_eq!(bad.parse::<Switch>(), Err(BadSwitch::Form), "{bad:?}");
        }
        let error = "add_bath=newer".parse::<Switch>().unwrap_err().to_string();
        assert!(
            error.starts_with(r#"no point is named "add_bath": there are add_one_member, "#),
            "{error}"
        );
    }
}
