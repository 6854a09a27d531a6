use std::fmt;

/// A guard's bound: a plain number, or a share of what it is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// At most this many.
    Count(u64),
    /// At most this share, in hundredths of a percent (so 25 % is 2,500), rounded up.
    Share(u32),
}

/// Error of a text that is not a bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write a whole number of people such as 20, or a percentage from 0% to 100% such as 25% or 2.5%")]
pub struct BadLimit;

impl Limit {
    /// All of what it is held against: no bound.
    pub const ALL: Self = Self::Share(10_000);

    /// Reads `20`, `25%` or `2.5%` (at most two decimals).
    pub fn parse(text: &str) -> Result<Self, BadLimit> {
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        let Some(share) = text.strip_suffix('%') else {
            return match text.parse() {
                Ok(count) if digits(text) => Ok(Self::Count(count)),
                _ => Err(BadLimit),
            };
        };
        let (whole, decimals) = share.split_once('.').unwrap_or((share, "0"));
        if !digits(whole) || !digits(decimals) || decimals.len() > 2 || whole.len() > 3 {
            return Err(BadLimit);
        }
        let hundredths: u32 = format!("{whole}{decimals:0<2}").parse().map_err(|_| BadLimit)?;
        if hundredths > 10_000 {
            Err(BadLimit)
        } else {
            Ok(Self::Share(hundredths))
        }
    }

    /// The most that is allowed out of `of`. A share is rounded up: 25 % of 3 is 1.
    #[must_use]
    pub fn of(self, of: u64) -> u64 {
        match self {
            Self::Count(count) => count,
            Self::Share(hundredths) => {
                let allowed = (u128::from(of) * u128::from(hundredths)).div_ceil(10_000);
                u64::try_from(allowed).unwrap_or(of)
            }
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Share(hundredths) => {
                let (whole, rest) = (hundredths / 100, hundredths % 100);
                match rest {
                    0 => write!(f, "{whole}%"),
                    _ if rest % 10 == 0 => write!(f, "{whole}.{}%", rest / 10),
                    _ => write!(f, "{whole}.{rest:02}%"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_shows() {
        for text in ["0", "20", "0%", "25%", "2.5%", "0.01%", "33.33%", "100%"] {
            assert_eq!(Limit::parse(text).unwrap().to_string(), text);
        }
        for bad in [
            "", "%", "-1", "+1", "1.5", "101%", "100.01%", "1.234%", ".5%", "5.%", "25 %", "all", "1e2%",
        ] {
            assert_eq!(Limit::parse(bad), Err(BadLimit), "{bad:?}");
        }
    }

    #[test]
    fn shares_are_rounded_up() {
        let quarter = Limit::parse("25%").unwrap();
        assert_eq!([0, 1, 3, 4, 5, 100].map(|of| quarter.of(of)), [0, 1, 1, 1, 2, 25]);
        assert_eq!(Limit::parse("0.01%").unwrap().of(10_001), 2);
        assert_eq!(Limit::parse("7").unwrap().of(3), 7);
    }
}
