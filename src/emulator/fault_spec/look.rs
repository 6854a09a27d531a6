//! Text of how an answer looks.

use crate::emulator::looks::Look;
use http::StatusCode;
use std::fmt;

/// Reads a look; `None` if there is none of this name. The error says what value is needed.
pub(super) fn parse(word: &str, value: Option<&str>) -> Option<Result<Look, &'static str>> {
    let number = |least: usize| {
        let number = value.and_then(|value| value.parse().ok());
        number.filter(|number| *number >= least)
    };
    let fields = || -> Option<Vec<String>> { value?.split('+').map(field).collect() };
    let seed = || match value {
        None => Some(None),
        Some(value) => value.parse().ok().map(Some),
    };
    Some(match word {
        "rows" => number(0)
            .map(Look::Rows)
            .ok_or("a number of people is needed, from 0"),
        "page" => value
            .and_then(page)
            .ok_or("a number of rows is needed, from 1, as in page=50 or page=50+told"),
        "owner" => number(1)
            .map(Look::Owner)
            .ok_or("the number of a row is needed, from 1"),
        "shuffled" => seed()
            .map(Look::Shuffled)
            .ok_or("a seed is a number; it can be left out"),
        "unsorted" => seed()
            .map(Look::Unsorted)
            .ok_or("a seed is a number; it can be left out"),
        "past_end" => match value {
            Some("400") => Ok(Look::PastEnd(StatusCode::BAD_REQUEST)),
            Some("404") => Ok(Look::PastEnd(StatusCode::NOT_FOUND)),
            _ => Err("400 or 404 is needed"),
        },
        "object" if value.is_none() => Ok(Look::Object),
        "object" => Err("it takes no value"),
        "fields" => fields()
            .map(Look::Fields)
            .ok_or("names of fields are needed, as in id+name"),
        "without" => fields()
            .map(Look::Without)
            .ok_or("names of fields are needed, as in params+count"),
        _ => return None,
    })
}

fn page(value: &str) -> Option<Look> {
    let (rows, told) = value
        .strip_suffix("+told")
        .map_or((value, false), |rows| (rows, true));
    let rows = rows.parse().ok().filter(|rows| *rows > 0)?;
    Some(Look::Page { rows, told })
}

fn field(name: &str) -> Option<String> {
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| name.to_owned())
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(most) => write!(f, "rows={most}"),
            Self::Page { rows, told: false } => write!(f, "page={rows}"),
            Self::Page { rows, told: true } => write!(f, "page={rows}+told"),
            Self::Owner(number) => write!(f, "owner={number}"),
            Self::Shuffled(None) => f.write_str("shuffled"),
            Self::Shuffled(Some(seed)) => write!(f, "shuffled={seed}"),
            Self::Unsorted(None) => f.write_str("unsorted"),
            Self::Unsorted(Some(seed)) => write!(f, "unsorted={seed}"),
            Self::PastEnd(status) => write!(f, "past_end={}", status.as_u16()),
            Self::Object => f.write_str("object"),
            Self::Fields(fields) => write!(f, "fields={}", fields.join("+")),
            Self::Without(fields) => write!(f, "without={}", fields.join("+")),
        }
    }
}
