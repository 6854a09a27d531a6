use std::time::Duration;

/// Error of a text that is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a duration; {help}", text.escape_debug())]
pub struct BadDuration {
    text: String,
    /// Text to write instead.
    pub help: String,
}

impl BadDuration {
    fn new(text: &str) -> Self {
        let help = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() < 10 {
            format!("write {text}s, {text}m or 500ms")
        } else if let Some(meant) = meant(text) {
            format!("write {}", show_duration(meant))
        } else {
            "write a whole number and its unit, such as 500ms, 10s, 5m or 1h".to_owned()
        };
        let text = text.to_owned();
        Self { text, help }
    }
}

/// The duration that is meant by another spelling of it, such as `1d`, `1.5h` or `5 min`.
fn meant(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 14] = [
        ("ms", 1),
        ("msec", 1),
        ("s", 1_000),
        ("sec", 1_000),
        ("second", 1_000),
        ("m", 60_000),
        ("min", 60_000),
        ("minute", 60_000),
        ("h", 3_600_000),
        ("hr", 3_600_000),
        ("hour", 3_600_000),
        ("d", 86_400_000),
        ("day", 86_400_000),
        ("week", 604_800_000),
    ];
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(unit_at);
    let unit = unit.trim().to_ascii_lowercase();
    let is = |name: &str| unit == name || unit.strip_suffix('s') == Some(name);
    let (_, unit_ms) = UNITS.into_iter().find(|(name, _)| is(name))?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    if decimals.len() > 3 {
        return None;
    }
    let thousandths: u64 = format!("{whole}{decimals:0<3}").parse().ok()?;
    let thousandths = thousandths.checked_mul(unit_ms)?;
    thousandths
        .is_multiple_of(1_000)
        .then(|| Duration::from_millis(thousandths / 1_000))
}

/// Writes a length of time as it is read, in the largest unit that shows all of it.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let fits = units
        .into_iter()
        .find(|(unit_ms, _)| ms > 0 && ms.is_multiple_of(*unit_ms));
    match fits {
        Some((unit_ms, unit)) => format!("{}{unit}", ms / unit_ms),
        None => format!("{ms}ms"),
    }
}

/// Reads `500ms`, `10s`, `5m` or `1h`.
pub fn parse_duration(text: &str) -> Result<Duration, BadDuration> {
    let bad = || BadDuration::new(text);
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().map_err(|_| bad())?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(bad()),
    };
    number
        .checked_mul(unit_ms)
        .map(Duration::from_millis)
        .ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_unit() {
        let seconds = |text| parse_duration(text).map(|d| d.as_secs_f64());
        assert_eq!(seconds("500ms"), Ok(0.5));
        assert_eq!(seconds("10s"), Ok(10.0));
        assert_eq!(seconds("5m"), Ok(300.0));
        assert_eq!(seconds("1h"), Ok(3600.0));
        for text in ["0ms", "500ms", "10s", "5m", "24h", "90s"] {
            assert_eq!(parse_duration(text).map(show_duration).as_deref(), Ok(text));
        }
        for bad in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "1 s",
            "1d",
            "99999999999999999999s",
            "18446744073709551615h",
        ] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_error_says_what_to_write() {
        for (text, help) in [
            ("5", "write 5s, 5m or 500ms"),
            ("1d", "write 24h"),
            ("1.5h", "write 90m"),
            ("5 min", "write 5m"),
            ("10 Seconds", "write 10s"),
            ("2weeks", "write 336h"),
            (
                "",
                "write a whole number and its unit, such as 500ms, 10s, 5m or 1h",
            ),
            (
                "soon",
                "write a whole number and its unit, such as 500ms, 10s, 5m or 1h",
            ),
            (
                "0.0001s",
                "write a whole number and its unit, such as 500ms, 10s, 5m or 1h",
            ),
        ] {
            let error = parse_duration(text).unwrap_err();
            assert_eq!(error.help, help, "{text:?}");
            assert_eq!(error.to_string(), format!("`{text}` is not a duration; {help}"));
        }
    }
}
