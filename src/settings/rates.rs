//! `limits.calls_per_second`: one rate for every method, or a map of them.

use super::schema;
use super::words::WHOLE;
use crate::chat::Rates;
use crate::chat::wire::Method;
use crate::desired::names::whole;
use crate::diagnostics::RawDiagnostic;
use crate::model::Limit;
use crate::yaml::{Field, Fields, FieldsOf, ReadContext, Shape, Unread};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::MapAccess;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The highest rate that can be asked for; the service allows far less.
const MAX_RATE: u32 = 10_000;

/// `limits.calls_per_second`, written as a map.
#[derive(Debug, Default)]
pub(super) struct RatesSpec {
    default: Field<u32>,
    own: BTreeMap<Method, Field<u32>>,
}

impl RatesSpec {
    /// The rates as they are written, with their entries, and what this process takes of each.
    pub(super) fn written(&self, share: Limit) -> impl Iterator<Item = (Option<u32>, Option<Method>, u32)> {
        let own = self.own.iter().map(|(method, rate)| (Some(*method), rate));
        let all = std::iter::once((None, &self.default)).chain(own);
        all.filter_map(move |(method, rate)| Some((rate.entry, method, share_of(rate.value?, share))))
    }

    /// The rates, with a default where none is named, of which this process takes a share.
    pub(super) fn over(self, default: u32, share: Limit) -> Rates {
        let all = Rates {
            default: self.default.value.unwrap_or(default),
            own: self
                .own
                .into_iter()
                .filter_map(|(method, rate)| Some((method, rate.value?)))
                .collect(),
        };
        if share == Limit::ALL {
            return all;
        }
        let part = |rate: u32| share_of(rate, share);
        Rates {
            default: part(all.default),
            // Each by its name: the default of some is less than that of the others.
            own: Method::ALL.map(|method| (method, part(all.of(method)))).into(),
        }
    }
}

impl Fields for RatesSpec {
    const WHAT: &'static str = "`calls_per_second`";
    const KEYS: &'static [&'static str] = &[
        "default",
        "add_one",
        "add_many",
        "list_members",
        "remove_one",
        "remove_many",
        "promote",
        "list_admins",
        "demote",
        "room_detail",
        "list_rooms",
        "list_allowed",
        "allow_many",
        "disallow_many",
    ];

    fn field<'de, A: MapAccess<'de>>(&mut self, key: &str, value: Unread<'_, A>) -> Result<(), A::Error> {
        let rate = value.scalar(WHOLE, rate)?;
        match Method::ALL.into_iter().find(|method| method.as_str() == key) {
            Some(method) => {
                self.own.insert(method, rate);
            }
            None => self.default = rate,
        }
        Ok(())
    }
}

/// Rounded down, but never nothing.
fn share_of(rate: u32, share: Limit) -> u32 {
    match share {
        Limit::Share(hundredths) => {
            let part = u64::from(rate) * u64::from(hundredths) / 10_000;
            u32::try_from(part).unwrap_or(rate).max(1)
        }
        Limit::Count(_) => rate,
    }
}

fn rate(text: &str) -> Result<u32, RawDiagnostic> {
    whole(text, 1..=MAX_RATE)
}

pub(super) struct RateOrRates;

impl<'de> Shape<'de> for RateOrRates {
    type Value = RatesSpec;

    fn wants(&self) -> &'static str {
        "a whole number, or a map of methods"
    }
    fn instead(&self) -> &'static str {
        "write one number for all calls, such as 50, or `{default: 50, list_admins: 90}`"
    }
    fn number(&self, cx: &mut ReadContext, number: u64) -> Option<RatesSpec> {
        match rate(&number.to_string()) {
            Ok(rate) => Some(RatesSpec {
                default: Field {
                    entry: None,
                    value: Some(rate),
                },
                own: BTreeMap::new(),
            }),
            Err(raw) => {
                cx.error(raw);
                None
            }
        }
    }
    fn map<A: MapAccess<'de>>(&self, cx: &mut ReadContext, map: A) -> Result<Option<RatesSpec>, A::Error> {
        FieldsOf::new().map(cx, map)
    }
}

impl JsonSchema for RatesSpec {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Rates".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema::rates(Self::KEYS, MAX_RATE)
    }
}
