use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use std::fmt;

/// The end of somebody's place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Until(Timestamp);

/// Reason why a text is no [`Until`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadUntil {
    /// It is neither a date nor a timestamp.
    #[error("write a date such as 2026-12-31, or a time with its offset such as 2026-12-31T18:00:00+01:00")]
    Form,
    /// It is a time without an offset.
    #[error("a time needs its offset: write it as in 2026-12-31T18:00:00+01:00, or with `Z` for UTC")]
    Offset,
    /// It has the form of one, and the calendar does not have it.
    #[error("there is no such day or time")]
    Calendar,
}

impl Until {
    /// Reads a date, which counts to its end in UTC, or a timestamp of RFC 3339.
    pub fn parse(text: &str) -> Result<Self, BadUntil> {
        let (date, time) = text.split_at_checked(DATE.len()).ok_or(BadUntil::Form)?;
        if !has_form(date, DATE) {
            return Err(BadUntil::Form);
        }
        let end = if time.is_empty() {
            let day: Date = date.parse().map_err(|_| BadUntil::Calendar)?;
            let next = day.checked_add(1.day()).map_err(|_| BadUntil::Calendar)?;
            next.to_zoned(TimeZone::UTC)
                .map_err(|_| BadUntil::Calendar)?
                .timestamp()
        } else {
            let (time, rest) = time.split_at_checked(TIME.len()).ok_or(BadUntil::Form)?;
            if !has_form(time, TIME) {
                return Err(BadUntil::Form);
            }
            let offset = match rest.strip_prefix('.') {
                None => rest,
                Some(fraction) => {
                    let offset = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
                    if offset.len() == fraction.len() {
                        return Err(BadUntil::Form);
                    }
                    offset
                }
            };
            match offset {
                "" => return Err(BadUntil::Offset),
                "Z" => {}
                offset if has_form(offset, "+00:00") || has_form(offset, "-00:00") => {}
                _ => return Err(BadUntil::Form),
            }
            text.parse().map_err(|_| BadUntil::Calendar)?
        };
        Ok(Self(end))
    }

    /// True if it is over at this time.
    #[must_use]
    pub fn is_over(self, now: Timestamp) -> bool {
        self.0 <= now
    }

    /// True if it is to come within a week: then it is told.
    #[must_use]
    pub fn is_near(self, now: Timestamp) -> bool {
        !self.is_over(now) && self.0.duration_since(now) <= WEEK
    }

    /// The first moment after it.
    #[must_use]
    pub fn end(self) -> Timestamp {
        self.0
    }

    /// The last day that has some of it, in UTC.
    #[must_use]
    pub fn day(self) -> Date {
        // The end of a day is the begin of the next one.
        let last = self.0.checked_sub(1.nanosecond()).unwrap_or(self.0);
        last.to_zoned(TimeZone::UTC).date()
    }
}

const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
const DATE: &str = "0000-00-00";
const TIME: &str = "T00:00:00";

/// True if a text is like this one, with any digit for a zero.
fn has_form(text: &str, form: &str) -> bool {
    let alike = |(c, form): (u8, u8)| {
        if form == b'0' {
            c.is_ascii_digit()
        } else {
            c == form
        }
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(alike)
}

/// A date where it is the end of a day in UTC, as in `2026-12-31`.
impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = self.0.to_zoned(TimeZone::UTC);
        if day.time() == jiff::civil::Time::midnight() {
            write!(f, "{} (UTC)", self.day())
        } else {
            write!(f, "{}", self.0)
        }
    }
}

impl serde::Serialize for Until {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> String {
        match Until::parse(text) {
            Ok(until) => until.end().to_string(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn a_date_counts_to_its_end_in_utc_and_a_timestamp_is_a_moment() {
        for (text, expected) in [
            ("2026-12-31", "2027-01-01T00:00:00Z"),
            // Leap days.
            ("2028-02-28", "2028-02-29T00:00:00Z"),
            ("2028-02-29", "2028-03-01T00:00:00Z"),
            ("2027-02-29", "Calendar"),
            ("2100-02-29", "Calendar"),
            // An offset is a number, whatever summer time does there.
            ("2027-03-28T02:30:00+01:00", "2027-03-28T01:30:00Z"),
            ("2027-03-28T02:30:00+02:00", "2027-03-28T00:30:00Z"),
            ("2027-10-31T02:30:00+02:00", "2027-10-31T00:30:00Z"),
            ("2026-12-31T23:59:59.5-08:00", "2027-01-01T07:59:59.5Z"),
            ("2026-12-31T18:00:00Z", "2026-12-31T18:00:00Z"),
            ("2026-12-31T25:00:00Z", "Calendar"),
            ("2026-13-01", "Calendar"),
            ("9999-12-31", "Calendar"),
            ("2026-12-31T18:00:00", "Offset"),
            ("2026-12-31T18:00:00.", "Form"),
            ("2026-12-31T18:00:00+0100", "Form"),
            ("2026-12-31T18:00:00+01", "Form"),
            ("2026-12-31T18:00Z", "Form"),
            ("2026-12-31 18:00:00Z", "Form"),
            ("2026-12-31T18:00:00Z[Europe/Berlin]", "Form"),
            ("2026-12-3", "Form"),
            ("2026-1-31", "Form"),
            ("26-12-31", "Form"),
            ("31.12.2026", "Form"),
            ("+002026-12-31", "Form"),
            ("tomorrow", "Form"),
            ("２０２６-12-31", "Form"),
            ("", "Form"),
        ] {
            assert_eq!(end(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_cut_off_is_none_or_ends_on_its_day() {
        let whole = "2026-12-31T18:00:00.25+01:00";
        let cut: Vec<&str> = (0..whole.len())
            .map(|end| &whole[..end])
            .filter(|text| Until::parse(text).is_ok())
            .collect();
        assert_eq!(cut, ["2026-12-31"]);
    }

    #[test]
    fn it_is_shown_as_it_is_written_most_often() {
        for (text, shown) in [
            ("2026-12-31", "2026-12-31 (UTC)"),
            ("2027-01-01T00:00:00Z", "2026-12-31 (UTC)"),
            ("2026-12-31T18:00:00+01:00", "2026-12-31T17:00:00Z"),
        ] {
            let until = Until::parse(text).unwrap();
            assert_eq!(
                (until.to_string(), until.day().to_string()),
                (shown.to_owned(), "2026-12-31".to_owned())
            );
        }
        let until = Until::parse("2026-12-31").unwrap();
        let at = |text: &str| until.is_over(text.parse().unwrap());
        assert!(!at("2026-12-31T23:59:59.999Z") && at("2027-01-01T00:00:00Z"));
    }
}
