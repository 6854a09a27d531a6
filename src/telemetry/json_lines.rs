//! Log events as JSON: an object a line, with a code in each.

use crate::model::log_code;
use crate::secrets;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::error::Error;
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Fields that hold a [`crate::model::LogList`].
const LISTS: [&str; 7] = [
    "add", "remove", "promote", "demote", "allow", "disallow", "guards",
];

/// The format: `timestamp`, `level`, `code` and `message` first, then the fields of the event, and its `target`.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let Fields(mut fields) = fields;
        let code = fields.remove("code");
        let message = fields.remove("message").unwrap_or_default();
        let first = [
            ("timestamp", format!("{:.6}", Timestamp::now()).into()),
            ("level", event.metadata().level().as_str().into()),
            ("code", code.unwrap_or_else(|| log_code::DETAIL.into())),
            ("message", message),
        ];
        let rest = fields.iter().map(|(key, value)| (key.as_str(), value.clone()));
        let target = ("target", Value::from(event.metadata().target()));
        for (index, (key, value)) in first.into_iter().chain(rest).chain([target]).enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            write!(writer, "{before}{}:{value}", Value::from(key))?;
        }
        writeln!(writer, "}}")
    }
}

struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        // Encoded, a secret with a quote in it would look otherwise.
        let value = match value {
            Value::String(text) => secrets::redact(&text).into(),
            other => other,
        };
        self.0.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.put(field, value.to_string().into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let list = LISTS
            .contains(&field.name())
            .then(|| serde_json::from_str(&format!("{value:#?}")).ok())
            .flatten()
            .filter(Value::is_array);
        self.put(field, list.unwrap_or_else(|| format!("{value:?}").into()));
    }
}
