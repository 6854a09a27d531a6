//! Result of a call.

use super::lenient::{AnyScalar, scalar};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Result of a call: `true` and `false` for members, `"success"` for admins. The seed's tables
/// and samples disagree, so either form is taken everywhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Outcome {
    /// `true` or `false`
    Bool(bool),
    /// `"success"`, or anything else for a failure.
    Text(String),
    /// The answer does not say.
    #[default]
    Unsaid,
}

impl Outcome {
    /// The admin calls' success.
    #[must_use]
    pub fn success() -> Self {
        Self::Text("success".into())
    }

    /// True if it was done.
    #[must_use]
    pub fn is_success(&self) -> bool {
        match self {
            Self::Bool(done) => *done,
            Self::Text(text) => text.eq_ignore_ascii_case("success") || text.eq_ignore_ascii_case("true"),
            Self::Unsaid => false,
        }
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(done) => serializer.serialize_bool(*done),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Unsaid => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let outcome = scalar(deserializer, |scalar| match scalar {
            AnyScalar::Bool(done) => Some(Self::Bool(done)),
            AnyScalar::Text(text) => Some(Self::Text(text.to_owned())),
            AnyScalar::Number(_) | AnyScalar::Other => None,
        });
        Ok(outcome?.unwrap_or_default())
    }
}
